"""What all tests share: golden values, photographs, published points."""

import json
import os
import pathlib

# Before JAX is imported: tests run on the CPU, wherever they run, and keep what
# they compile, which is most of their time, for the processes they start and
# for the next run.
ROOT = pathlib.Path(__file__).parents[1]
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault(
  "JAX_COMPILATION_CACHE_DIR", str(ROOT / ".pytest_cache" / "xla")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

import numpy as np
import pytest

ASSETS = pathlib.Path(__file__).parent / "assets"


def _shared() -> pathlib.Path:
  """The folder of reference data that developers have beside the checkout."""
  beside = pathlib.Path(__file__).parents[2] / "shared"
  return pathlib.Path(os.environ.get("LIC_SHARED", beside))


@pytest.fixture(scope="session")
def golden() -> dict:
  """Values computed by tensorflow-compression 2.14.1; see their provenance."""
  return json.loads((ASSETS / "entropy_tfc.json").read_text())


@pytest.fixture(scope="session")
def published_points() -> dict:
  """Published rate-distortion points that come with the repository."""
  path = ROOT / "experiments" / "published" / "rd_points.json"
  return json.loads(path.read_text())


@pytest.fixture(scope="session")
def reference() -> pathlib.Path:
  """All published figures that were collected, where a developer has them."""
  folder = _shared() / "reference"
  if not folder.is_dir():
    pytest.skip("no collection of published figures: set LIC_SHARED")
  return folder


@pytest.fixture(scope="session")
def kodak() -> list[pathlib.Path]:
  """The Kodak images, where a developer has them."""
  paths = sorted((_shared() / "data" / "kodak").glob("kodim*.png"))
  if not paths:
    pytest.skip("no Kodak images: set LIC_SHARED")
  return paths


@pytest.fixture
def rng() -> np.random.Generator:
  """Seeded random numbers."""
  return np.random.default_rng(0)
