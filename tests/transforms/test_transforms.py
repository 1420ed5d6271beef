"""Every transform: the scale it works at, and one function on both sides."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lic_jax.ops import synthesis
from lic_jax.transforms import find
from lic_jax.types import LicError

ANALYSES = {
  "hierarchical.Analysis": ({}, 320),
  "elic.Analysis": ({}, 320),
  "conv_gdn.Analysis": ({}, 320),
}
SYNTHESES = (
  "hierarchical.Synthesis",
  "elic.Synthesis",
  "conv_gdn.Synthesis",
  "shallow.JpegLike",
  "shallow.TwoLayer",
)
# Those a file's reader can run without JAX, in their variants.
DECODERS = (
  {"name": "shallow.JpegLike", "kernel": 26},
  {"name": "shallow.TwoLayer", "channels": 4},
  {"name": "shallow.TwoLayer", "channels": 4, "residual": False},
  {"name": "conv_gdn.Synthesis", "channels": (6, 6, 6, 3)},
  {
    "name": "conv_gdn.Synthesis",
    "channels": (6, 6, 3),
    "kernels": (5, 5, 9),
    "strides": (2, 2, 4),
  },
  {
    "name": "conv_gdn.Synthesis",
    "channels": (6, 6, 6, 3),
    "activation": "leaky_relu",
    "aligned": "keras",
  },
  {
    "name": "conv_gdn.Synthesis",
    "channels": (6, 6, 6, 3),
    "activation": "none",
    "aligned": "keras",
  },
  {"name": "hyper.HyperSynthesis", "channels": 8, "latent_channels": 6},
  {"name": "hierarchical.Synthesis", "channels": (4, 5, 8)},
  {"name": "elic.Synthesis", "channels": (4, 4, 4, 3)},
)


@pytest.mark.parametrize("name", ANALYSES)
def test_analysis_divides_the_sides_by_sixteen(name):
  arguments, channels = ANALYSES[name]
  module = find.build({"name": name, **arguments})
  x = jax.ShapeDtypeStruct((2, 128, 64, 3), jnp.float32)
  y, _ = jax.eval_shape(module.init_with_output, jax.random.key(0), x)
  assert y.shape == (2, 8, 4, channels)


@pytest.mark.parametrize("name", SYNTHESES)
def test_synthesis_multiplies_the_sides_by_sixteen(name):
  module = find.build({"name": name})
  y = jax.ShapeDtypeStruct((2, 8, 4, 320), jnp.float32)
  x, _ = jax.eval_shape(module.init_with_output, jax.random.key(0), y)
  assert x.shape == (2, 128, 64, 3)


@pytest.mark.parametrize("config", DECODERS)
def test_decoder_function_on_numpy_equals_the_module(rng, config):
  module = find.build(config)
  y = rng.normal(size=(1, 3, 2, 6)).astype(np.float32)
  expected, params = module.init_with_output(jax.random.key(0), jnp.asarray(y))
  weights = module.apply(params, 6, method="weights")
  weights = jax.tree.map(np.asarray, weights)
  arguments = module.function()
  function = getattr(synthesis, arguments.pop("function"))
  out = function(weights, y, **arguments)
  assert isinstance(out, np.ndarray) and out.dtype == np.float32
  np.testing.assert_allclose(out, expected, atol=2e-6)


@pytest.mark.parametrize(
  ("name", "channels"), [("hierarchical", (2, 2, 2)), ("elic", (16, 16, 16, 3))]
)
def test_a_synthesis_reaches_no_further_than_is_said(rng, name, channels):
  module = find.build({"name": f"{name}.Synthesis", "channels": channels})
  y = 9 * rng.normal(size=(1, 25, 1, 4)).astype(np.float32)
  params = module.init(jax.random.key(0), jnp.asarray(y))
  weights = module.apply(params, 4, method="weights")
  weights = jax.tree.map(np.asarray, weights)
  scale, reach = synthesis.geometry(module.function(), weights)
  changed = y.copy()
  changed[0, 12] += 9
  function = getattr(synthesis, name)
  # In float64, where what is far away is not lost beside what is near.
  before, after = (function(weights, x, dtype="float64") for x in (y, changed))
  difference = after - before
  rows = np.flatnonzero(difference[0].any((1, 2)))
  beyond = max(12 * scale - rows.min(), rows.max() + 1 - 13 * scale)
  # Never less; ReLUs, and patches that end early on one side, make it less far.
  assert 0 <= reach - math.ceil(beyond / scale) <= 2


def test_jpeg_like_and_linear_syntheses_are_affine(rng):
  linear = {
    "name": "conv_gdn.Synthesis",
    "channels": (6, 6, 6, 3),
    "activation": "none",
    "aligned": "keras",
  }
  y0, y1 = jnp.asarray(rng.normal(size=(2, 1, 3, 3, 6)), jnp.float32)
  for config in ({"name": "shallow.JpegLike"}, linear):
    module = find.build(config)
    params = module.init(jax.random.key(0), y0)

    def paint(y, module=module, params=params):
      return module.apply(params, y)

    middle = 0.25 * paint(y0) + 0.75 * paint(y1)
    np.testing.assert_allclose(paint(0.25 * y0 + 0.75 * y1), middle, atol=1e-5)


def test_kernel_of_the_stride_paints_blocks_that_do_not_touch(rng):
  module = find.build({"name": "shallow.JpegLike", "kernel": 16})
  y = np.zeros((1, 3, 3, 4), np.float32)
  y[0, 1, 1] = rng.normal(size=4)
  out, _ = module.init_with_output(jax.random.key(0), jnp.asarray(y))
  painted = np.asarray(out[0]).any(-1)
  assert painted[16:32, 16:32].all() and painted.sum() == 16 * 16


def test_unknown_transforms_and_arguments_are_refused_in_one_line():
  for config in (
    {"name": "hierarchical.Nothing"},
    {"name": "nowhere.Analysis"},
    {"name": "shallow.TwoLayer", "sides": 3},
  ):
    with pytest.raises(LicError) as caught:
      find.build(config)
    assert "\n" not in str(caught.value)
