"""The tables of experiments/complexity are those of its result."""

import json
import pathlib
import runpy

import pytest

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "experiments" / "complexity"


@pytest.fixture(scope="module")
def result() -> dict:
  return json.loads((FOLDER / "results" / "complexity.json").read_text())


def test_the_readme_has_the_tables_of_the_result(result):
  readme = (FOLDER / "README.md").read_text()
  tables = runpy.run_path(str(FOLDER / "table.py"))["tables"](result)
  assert len(tables) == 4
  for table in tables:
    assert table in readme


def test_what_is_counted_is_what_was_recomputed_from_the_reference(result):
  for system, row in result["loc_lic"].items():
    if row["counted_layers"] is not None:
      recomputed = pytest.approx(row["recomputed_layers"], abs=0.1)
      assert row["counted_layers"] == recomputed, system


def test_the_proposed_systems_are_counted_as_they_are_printed(result):
  for system, row in result["table_1"].items():
    if "proposed" in system:
      for part in ("analysis", "hyper_analysis", "synthesis", "decode"):
        counted = f"{row['counted'][part]['paper']:.2f}"
        assert counted == f"{row['printed'][part]:.2f}", (system, part)


def test_iterative_encoding_costs_what_the_paper_estimates(result):
  printed = result["table_1"]["2-layer syn. + SGA (proposed)"]["printed"]
  assert 0.5 < result["sga"]["kmac"] / printed["encode"] < 2
