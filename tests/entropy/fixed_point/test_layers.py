"""Layers in fixed point: the trained ones' results, and exact ones."""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest

from lic_jax.entropy.fixed_point import layers, numbers
from lic_jax.entropy.fixed_point.numbers import LIMIT, ONE
from lic_jax.entropy.multi_reference import linear_attention
from lic_jax.layers import convolution

UNIT = 1 / ONE


def units(rng, *shape, scale=1.0):
  return np.rint(ONE * scale * rng.normal(size=shape))


def real_conv(x, kernel, bias):
  k = kernel.shape[0]
  out = convolution.conv(
    jnp.asarray(x[None] / ONE, jnp.float32),
    jnp.asarray(kernel, jnp.float32),
    stride=1,
    padding=(k // 2, k // 2),
  )
  return np.asarray(out + bias)[0]


@pytest.mark.parametrize("k", [1, 3, 5])
def test_a_convolution_is_the_trained_one(rng, k):
  x = units(rng, 5, 6, 4)
  kernel, bias = rng.normal(size=(k, k, 4, 3)), rng.normal(size=3)
  ours = layers.conv(numbers.layer(kernel, bias), x) / ONE
  np.testing.assert_allclose(ours, real_conv(x, kernel, bias), atol=0.02)


def test_a_depthwise_convolution_is_the_trained_one(rng):
  x = units(rng, 5, 6, 4)
  kernel, bias = rng.normal(size=(3, 3, 1, 4)), rng.normal(size=4)
  ours = layers.depthwise(numbers.layer(kernel, bias), x) / ONE
  real = jnp.asarray(x[None] / ONE, jnp.float32)
  expected = convolution.depthwise(real, jnp.asarray(kernel, jnp.float32))
  np.testing.assert_allclose(ours, expected[0] + bias, atol=2e-3)


def test_a_layer_norm_is_the_trained_one(rng):
  x = units(rng, 3, 4, 8, scale=3.0)
  x[0, 0] = 0  # tokens at non-anchors
  scale, bias = rng.normal(size=8), rng.normal(size=8)
  module = nn.LayerNorm(epsilon=1e-5, use_fast_variance=False)
  expected = module.apply({"params": {"scale": scale, "bias": bias}}, x / ONE)
  ours = layers.norm(numbers.layer(scale, bias), x) / ONE
  np.testing.assert_allclose(ours, expected, atol=2e-3)


def test_linear_attention_is_the_trained_one(rng):
  q, k, v = (units(rng, 4, 6, 8) for _ in range(3))
  expected = linear_attention.attend(
    *(jnp.asarray(t[None] / ONE, jnp.float32) for t in (q, k, v)), heads=2
  )
  ours = layers.attend(q, k, v, heads=2) / ONE
  np.testing.assert_allclose(ours, expected[0], atol=2 * UNIT)


def test_attention_in_blocks_of_positions_is_that_of_all(rng, monkeypatch):
  q, k, v = (units(rng, 8, 8, 4) for _ in range(3))
  whole = layers.attend(q, k, v, heads=2)
  monkeypatch.setattr(layers, "POSITIONS", 7)
  np.testing.assert_array_equal(layers.attend(q, k, v, heads=2), whole)


def test_the_largest_numbers_give_the_sums_of_integers(rng):
  """What no order of summation may change, on inputs at every limit."""
  kernel = np.where(rng.random((3, 3, 300, 2)) < 0.5, -1.0, 1.0)
  layer = numbers.layer(kernel, np.zeros(2))
  # Of 54 bits with the sign: as large as the proof allows an input to be.
  x = rng.integers(-4 * LIMIT, 4 * LIMIT, (4, 5, 300)).astype(np.float64)
  ours = layers.conv(layer, x)
  kernel = layer.kernel.astype(object)
  padded = layers.pad(x, 1)
  for row, column in ((0, 0), (2, 3), (3, 4)):
    window = padded[row : row + 3, column : column + 3].astype(object)
    total = (window[..., None].astype(object) * kernel).sum((0, 1, 2))
    exact = np.array([int(t) / 2 ** layer.exponent.item() for t in total])
    expected = np.clip(np.rint(exact), -LIMIT, LIMIT)
    np.testing.assert_array_equal(ours[row, column], expected)


def test_the_order_of_channels_changes_no_bit(rng):
  x = units(rng, 6, 6, 257, scale=50)
  layer = numbers.layer(rng.normal(size=(3, 3, 257, 5)), rng.normal(size=5))
  order = rng.permutation(257)
  shuffled = layer._replace(kernel=layer.kernel[:, :, order])
  np.testing.assert_array_equal(
    layers.conv(layer, x), layers.conv(shuffled, x[..., order])
  )
