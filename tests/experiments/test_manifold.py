"""Straight paths through a latent: laws of experiments/manifold."""

import functools
import importlib.util
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lic_jax.sga import objective
from lic_jax.transforms import find

FOLDER = pathlib.Path(__file__).parents[2] / "experiments" / "manifold"
TIMES = np.linspace(0, 1, 5)
CHANNELS = 6
AFFINE = {
  "JPEG-like": {"name": "shallow.JpegLike"},
  "linear CNN": {
    "name": "conv_gdn.Synthesis",
    "channels": (4, 4, 4, 3),
    "activation": "none",
  },
}
CURVED = {
  "two-layer": {"name": "shallow.TwoLayer", "channels": 4},
  "CNN": {"name": "conv_gdn.Synthesis", "channels": (4, 4, 4, 3)},
}


@pytest.fixture(scope="module")
def paths():
  spec = importlib.util.spec_from_file_location("paths", FOLDER / "paths.py")
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


@functools.cache
def synthesis_of(name: str):
  """A synthesis of weights and one latent, and random weights."""
  module = find.build({**AFFINE, **CURVED}[name])
  y = jnp.zeros((1, 2, 2, CHANNELS))
  variables = module.init(jax.random.key(0), y)
  weights = module.apply(variables, CHANNELS, method="weights")
  weights = jax.tree.map(lambda w: w + 0.01, weights)  # biases that are not 0
  return functools.partial(objective.run, module.function()), weights


def measured(paths, name: str, rng, scale: float = 1.0):
  synthesis, weights = synthesis_of(name)
  z = scale * rng.normal(size=(2, 2, 2, CHANNELS)).astype(np.float32)
  x = rng.uniform(-0.5, 0.5, (2, 32, 32, 3)).astype(np.float32)
  curve, speed = paths.decoded_curve(synthesis, weights, *z, times=TIMES)
  return paths.measure(curve, speed, *x, times=TIMES), curve, speed


@pytest.mark.parametrize("name", AFFINE)
def test_an_affine_synthesis_decodes_straight_paths(paths, name, rng):
  row, *_ = measured(paths, name, rng)
  # What is left is the rounding of float32.
  squared = row["distance"] ** 2 / (32 * 32 * 3)
  assert max(row["straight"]) < 1e-12 * squared
  assert row["length"] / row["distance"] == pytest.approx(1, abs=1e-6)
  assert max(row["aside"]) < 1e-5
  assert row["along"] == pytest.approx(TIMES.tolist(), abs=1e-5)
  assert row["mixup"] == pytest.approx(row["line_mixup"], rel=1e-4)


@pytest.mark.parametrize("name", CURVED)
def test_a_curve_that_leaves_the_line_is_longer_than_it(paths, name, rng):
  row, curve, _ = measured(paths, name, rng, scale=10.0)
  assert max(row["straight"]) > 1e-6
  assert row["straight"][0] == row["straight"][-1] == 0
  assert row["length"] > row["distance"]
  steps = np.diff(curve, axis=0).reshape(len(TIMES) - 1, -1)
  polyline = np.linalg.norm(steps, axis=1).sum()
  # A polygon inside the curve is shorter; Simpson's rule has an error.
  assert polyline < 1.02 * row["length"]


def test_the_speed_is_the_derivative_of_the_curve(paths, rng):
  synthesis, weights = synthesis_of("two-layer")
  z = 10 * rng.normal(size=(2, 2, 2, CHANNELS)).astype(np.float32)
  near = np.array([0.499, 0.5, 0.501])
  curve, speed = paths.decoded_curve(synthesis, weights, *z, times=near)
  difference = np.linalg.norm(curve[2] - curve[0]) / (near[2] - near[0])
  assert speed[1] == pytest.approx(difference, rel=1e-3)
