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
GOLDEN = ROOT / "tests" / "assets" / "golden" / "v1"
EXPERIMENT = runpy.run_path(
  str(ROOT / "experiments" / "portability" / "run.py")
)
# Between them: both libraries, compiled and not, threads, batch, fast-math, and
# other instructions.
CHOSEN = (
  ("hyperprior", "NumPy, 1 thread"),
  ("hyperprior", "NumPy, AVX without FMA"),
  ("hyperprior", "NumPy, batch 4"),
  ("hyperprior", "JAX, no jit"),
  ("hyperprior", "JAX, jit, batch 4"),
  ("hyperprior", "JAX, jit, fast-math"),
  # In fixed point, which NumPy alone computes.
  ("context", "NumPy, 1 thread"),
  ("context", "NumPy, AVX without FMA"),
  ("context", "NumPy, SSE3"),
)


def _decoded(codec: str, files: str, name: str):
  variant = EXPERIMENT["VARIANTS"][name]
  bundle = bundles.read(GOLDEN / codec)
  return EXPERIMENT["decoded"](sys.executable, bundle, files, *variant)


@pytest.fixture(scope="module")
def references(tmp_path_factory):
  """Of each codec a folder of its files, and what plain NumPy decodes."""
  found = {}
  for codec in dict(CHOSEN):
    folder = tmp_path_factory.mktemp(codec)
    for name in ("colour.lic", "escapes.lic"):
      shutil.copy(GOLDEN / codec / name, folder)
    found[codec] = str(folder), _decoded(codec, str(folder), "NumPy")
  return found


@pytest.mark.parametrize(("codec", "name"), CHOSEN)
def test_symbols_and_prior_are_equal_and_pixels_nearly(codec, name, references):
  files, reference = references[codec]
  row = EXPERIMENT["compare"](_decoded(codec, files, name), reference)
  assert row["files"] == row["equal_symbols"] == row["equal_prior"] == 2
  assert row["largest_pixel_difference"] <= 1
