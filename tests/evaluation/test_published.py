"""The published figures in the repository, and what they agree with."""

import json
import pathlib
import runpy

import pytest

from lic_jax.evaluation.bd_rate import all_rates
from lic_jax.evaluation.rd_curve import from_reference

PUBLISHED = pathlib.Path(__file__).parents[2] / "experiments" / "published"


def read(name: str) -> dict:
  return json.loads((PUBLISHED / f"{name}.json").read_text())


@pytest.mark.parametrize(
  ("name", "function"), [("rd_points", "points"), ("complexity", "complexity")]
)
def test_the_packaged_figures_are_those_of_the_collection(
  reference, name, function
):
  collection = json.loads((reference / f"{name}.json").read_text())
  select = runpy.run_path(str(PUBLISHED / "run.py"))[function]
  assert read(name) == select(collection)


def test_every_packaged_point_is_the_collections(reference):
  collection = json.loads((reference / "rd_points.json").read_text())
  packaged = read("rd_points")
  packaged.pop("_about")
  for dataset, curves in packaged.items():
    for name, curve in curves.items():
      assert curve == collection[dataset][name], (dataset, name)


def test_every_curve_reads_and_names_its_source():
  packaged = read("rd_points")
  packaged.pop("_about")
  for dataset, curves in packaged.items():
    for name in curves:
      curve = from_reference(packaged, dataset=dataset, name=name)
      assert curve.source, name
      assert curve.psnr or curve.ms_ssim, name


def test_the_printed_table_is_the_published_operations_rounded():
  flops = read("complexity")["flops_per_pixel"]
  printed = read("printed")["table_1"]
  assert printed.keys() == flops.keys()
  for system, parts in flops.items():
    for part, value in parts.items():
      assert f"{value / 2000:.2f}" == f"{printed[system][part]:.2f}", system


def test_the_printed_totals_are_the_sums_of_the_printed_parts():
  for system, row in read("printed")["table_1"].items():
    decode = row["synthesis"] + row["hyper_synthesis"]
    assert row["decode"] == pytest.approx(decode, abs=0.015), system
    if not system.startswith("2-layer syn. + SGA"):
      encode = row["analysis"] + row["hyper_analysis"]
      assert row["encode"] == pytest.approx(encode, abs=0.015), system


def test_the_readmes_savings_are_those_of_the_tool():
  """Every row of the last table, by all three recipes."""
  points = read("rd_points")
  anchor = from_reference(points, dataset="kodak", name="bpg_444")
  text = (PUBLISHED / "README.md").read_text().partition("## BD-rates")[2]
  rows = [line.split("|")[1:-1] for line in text.splitlines() if "`" in line]
  rows = [[cell.strip() for cell in row] for row in rows if row]
  assert len(rows) >= 8
  for name, *cells in rows:
    curve = from_reference(points, dataset="kodak", name=name.strip("`"))
    found = {r.method: r for r in all_rates(curve, anchor=anchor)}
    expected = [
      *(f"{found[m].saving:+.2f}" for m in ("table1", "cubic", "pchip")),
      f"{found['pchip'].low:.2f} to {found['pchip'].high:.2f}",
    ]
    assert cells[1:] == expected, name
