"""Laws of experiments/basis_images, and tables of READMEs."""

import pathlib
import runpy
import sys

import numpy as np
import pytest

EXPERIMENTS = pathlib.Path(__file__).parents[2] / "experiments"


@pytest.fixture(scope="module")
def run():
  pytest.importorskip("matplotlib")
  folder = EXPERIMENTS / "basis_images"
  sys.path.insert(0, str(folder))
  try:
    yield runpy.run_path(str(folder / "run.py"))
  finally:
    sys.path.remove(str(folder))
    sys.modules.pop("figures", None)


@pytest.mark.parametrize("name", ["manifold", "basis_images", "artifacts"])
def test_the_readme_has_the_table_of_the_results(name):
  folder = EXPERIMENTS / name
  table = runpy.run_path(str(folder / "table.py"))["table"]()
  assert len(table.splitlines()) > 2
  assert table in (folder / "README.md").read_text()


def test_a_basis_image_of_the_dct_is_explained_by_one(run):
  atoms = run["dct_atoms"]()
  energy = np.sum(atoms**2, axis=(1, 2, 3))
  assert run["best_dct"](atoms, energy) == pytest.approx(np.ones(len(atoms)))


def test_noise_is_explained_by_no_basis_image(run, rng):
  noise = run["on_canvas"](rng.normal(size=(4, 16, 16, 3)))
  energy = np.sum(noise**2, axis=(1, 2, 3))
  assert np.all(run["best_dct"](noise, energy) < 0.1)


def test_one_channel_with_all_the_energy_is_99_percent_of_it(run):
  channels = {
    "energy": [5.0, 0.0, 0.0],
    "used": [0.5, 0.0, 0.0],
    "bent": [0.25, 9.0, 9.0],
    "best_dct": [1.0, 0.0, 0.0],
  }
  assert run["summary"](channels) == {
    "channels": 3,
    "channels_of_99_percent": 1,
    "channels_hardly_used": 2,
    "bent": 0.25,
    "best_dct": 1.0,
  }
