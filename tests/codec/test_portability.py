"""A file means the same in processes that compute differently.

A short run of experiments/portability, on two golden files.
"""

import runpy
import shutil
import sys
from pathlib import Path

import pytest

from lic_jax.codec import bundle as bundles

ROOT = Path(__file__).parents[2]
CODEC = ROOT / "tests" / "assets" / "golden" / "v1" / "hyperprior"
EXPERIMENT = runpy.run_path(
  str(ROOT / "experiments" / "portability" / "run.py")
)
# Between them: both libraries, compiled and not, threads, batch, fast-math, and
# other instructions.
CHOSEN = (
  "NumPy, 1 thread",
  "NumPy, AVX without FMA",
  "NumPy, batch 4",
  "JAX, no jit",
  "JAX, jit, batch 4",
  "JAX, jit, fast-math",
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
  folder = tmp_path_factory.mktemp("files")
  for name in ("colour.lic", "escapes.lic"):
    shutil.copy(CODEC / name, folder)
  return str(folder)


def _decoded(files: str, name: str):
  variant = EXPERIMENT["VARIANTS"][name]
  bundle = bundles.read(CODEC)
  return EXPERIMENT["decoded"](sys.executable, bundle, files, *variant)


@pytest.fixture(scope="module")
def reference(files):
  return _decoded(files, "NumPy")


@pytest.mark.parametrize("name", CHOSEN)
def test_symbols_and_prior_are_equal_and_pixels_nearly(files, reference, name):
  row = EXPERIMENT["compare"](_decoded(files, name), reference)
  assert row["files"] == row["equal_symbols"] == row["equal_prior"] == 2
  assert row["largest_pixel_difference"] <= 1
