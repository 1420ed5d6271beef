"""The table of experiments/rd_kodak is that of its result."""

import json
import pathlib
import runpy
import sys

import pytest

from lic_jax.types import LicError

FOLDER = pathlib.Path(__file__).parents[2] / "experiments" / "rd_kodak"
RESULTS = FOLDER / "results"


@pytest.fixture(scope="module")
def run():
  pytest.importorskip("matplotlib")
  sys.path.insert(0, str(FOLDER))
  try:
    yield runpy.run_path(str(FOLDER / "run.py"))
  finally:
    sys.path.remove(str(FOLDER))
    sys.modules.pop("figures", None)


@pytest.fixture
def measure():
  return runpy.run_path(str(FOLDER / "measure.py"))


@pytest.fixture
def report(tmp_path):
  """A function that writes a report of `evaluate` on so many images."""

  def write(count, name="report.json"):
    image = {"height": 512, "width": 768}
    names = [f"kodim{number:02d}.png" for number in range(1, count + 1)]
    content = {
      "codec": "mine",
      "sga_steps": 0,
      "images": [{"name": name, **image} for name in names],
      "points": [{"bpp": 0.5, "psnr": 30.0, "ms_ssim": 0.9}],
    }
    path = tmp_path / name
    path.write_text(json.dumps(content))
    return path

  return write


def test_the_readme_has_the_table_of_the_result():
  result = json.loads((RESULTS / "rd.json").read_text())
  table = runpy.run_path(str(FOLDER / "table.py"))["table"](result)
  assert len(table.splitlines()) > 15
  assert table in (FOLDER / "README.md").read_text()


def test_the_result_has_the_curves_that_were_measured():
  drawn = json.loads((RESULTS / "rd.json").read_text())["curves"]
  measured = json.loads((RESULTS / "classical.json").read_text())
  assert measured["count"] == 24
  rates = {tuple(curve["bpp"]) for curve in drawn.values()}
  for points in measured["curves"].values():
    assert tuple(sorted(point["bpp"] for point in points)) in rates


def test_jpeg_measured_here_is_near_the_published_one():
  """Ours needs less: its Huffman tables are optimised."""
  result = json.loads((RESULTS / "rd.json").read_text())
  blocks = {block["anchor"]: block["rows"] for block in result["bd_rates"]}
  cells = {row["curve"]: row["cells"] for row in blocks["JPEG"]}
  published = cells["jpeg"][result["recipes"].index(["pchip", "psnr"])]
  assert 0 < published["change"] < 20


def test_a_report_on_kodak_becomes_a_curve(run, report):
  (curve,) = run["ours"]([report(24)])
  assert (curve.name, curve.bpp) == ("mine", (0.5,))


def test_a_report_on_other_images_is_refused(run, report):
  with pytest.raises(LicError, match="not a report on the 24 images"):
    run["ours"]([report(3)])


def test_two_reports_of_one_codec_are_refused(run, report):
  with pytest.raises(LicError, match="a second report of mine"):
    run["ours"]([report(24), report(24, "again.json")])


def test_a_codec_that_is_absent_is_skipped_with_a_line(measure, monkeypatch):
  monkeypatch.setitem(sys.modules, "pillow_heif", None)
  lines = []
  assert "heic" not in measure["encoders"](lines.append)
  assert any(line.startswith("HEIC: skipped") for line in lines)
