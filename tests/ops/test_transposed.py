"""The transposed convolution: against two libraries, and its laws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lic_jax.ops import subpixel
from lic_jax.ops.transposed import (
  conv_transpose,
  overlap_add,
  same_origin,
  signal_origin,
)

# (k, s) of the specification 1.0 and 1.8.
PAIRS = (
  (16, 16),
  (18, 16),
  (20, 16),
  (26, 16),
  (32, 16),
  (13, 8),
  (5, 2),
  (3, 1),
  (6, 4),
)


def _lax(x, kernel, stride):
  return jax.lax.conv_transpose(
    x,
    kernel[::-1, ::-1],
    (stride, stride),
    "SAME",
    dimension_numbers=("NHWC", "HWIO", "NHWC"),
    precision="highest",
  )


def _ours(x, kernel, stride):
  origin = same_origin(kernel.shape[0], stride)
  return conv_transpose(x, kernel, None, stride=stride, origin=origin)


@pytest.mark.parametrize(("k", "s"), PAIRS)
def test_equals_lax_conv_transpose_on_numpy_and_jax(rng, k, s):
  x = rng.normal(size=(2, 5, 4, 6)).astype(np.float32)
  kernel = rng.normal(size=(k, k, 6, 3)).astype(np.float32) / 6
  expected = _lax(x, kernel, s)
  np.testing.assert_allclose(_ours(x, kernel, s), expected, atol=1e-5)
  ours = _ours(jnp.asarray(x), jnp.asarray(kernel), s)
  np.testing.assert_allclose(ours, expected, atol=1e-5)


@pytest.mark.parametrize(("k", "s"), PAIRS)
def test_gradient_equals_that_of_lax_conv_transpose(rng, k, s):
  x = jnp.asarray(rng.normal(size=(1, 3, 4, 5)), jnp.float32)
  kernel = jnp.asarray(rng.normal(size=(k, k, 5, 2)) / k, jnp.float32)

  def energy(function, x, kernel):
    return jnp.mean(jnp.sin(function(x, kernel, s)))

  for argument in (1, 2):
    ours = jax.grad(energy, argument)(_ours, x, kernel)
    theirs = jax.grad(energy, argument)(_lax, x, kernel)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(("k", "s"), PAIRS)
@pytest.mark.parametrize("rows", [1, 3])
def test_numpy_gives_the_same_bits_whatever_it_holds_at_once(
  rng, monkeypatch, k, s, rows
):
  x = rng.normal(size=(2, 7, 4, 6)).astype(np.float32)
  kernel = rng.normal(size=(k, k, 6, 3)).astype(np.float32)
  whole = _ours(x, kernel, s)
  signal = dict(stride=s, origin=signal_origin(k))
  whole_signal = conv_transpose(x, kernel, None, **signal)
  taps = subpixel.taps(k, s, same_origin(k, s))
  monkeypatch.setattr(subpixel, "MOST", rows * (4 + taps - 1) * taps**2 * 6)
  np.testing.assert_array_equal(_ours(x, kernel, s), whole)
  strips = conv_transpose(x, kernel, None, **signal)
  np.testing.assert_array_equal(strips, whole_signal)


def test_equals_keras_and_signal_conv(golden):
  for case in golden["conv_transpose"]:
    k, s = case["kernel_side"], case["stride"]
    x, kernel, bias, y = _arrays(case, "x", "kernel", "bias", "y")
    ours = conv_transpose(x, kernel, bias, stride=s, origin=same_origin(k, s))
    np.testing.assert_allclose(ours, y, atol=1e-5)
  for case in golden["signal_conv"]:
    if case["direction"] == "up":
      k, s = case["kernel_side"], case["stride"]
      x, kernel, bias, y = _arrays(case, "x", "kernel", "bias", "y")
      ours = conv_transpose(x, kernel, bias, stride=s, origin=signal_origin(k))
      np.testing.assert_allclose(ours, y, atol=1e-5)


def test_overlap_add_keeps_the_sum_of_patches_inside_the_border(rng):
  patches = np.zeros((1, 5, 5, 5, 5, 2), np.float32)
  patches[:, 2, 2] = rng.normal(size=(5, 5, 2))
  out = overlap_add(patches, stride=2, origin=2)
  assert out.shape == (1, 10, 10, 2)
  np.testing.assert_array_equal(out[0, 2:7, 2:7], patches[0, 2, 2])
  np.testing.assert_allclose(
    out.sum((1, 2)), patches.sum((1, 2, 3, 4)), rtol=1e-5
  )


def test_bfloat16_products_are_close_to_float32(rng):
  x = rng.normal(size=(1, 4, 4, 32)).astype(np.float32)
  kernel = rng.normal(size=(13, 13, 32, 4)).astype(np.float32)
  exact = _ours(x, kernel, 8)
  rounded = _ours(jnp.asarray(x, jnp.bfloat16), jnp.asarray(kernel), 8)
  assert rounded.dtype == jnp.float32
  assert np.abs(rounded - exact).max() < 0.02 * np.abs(exact).max()


def _arrays(case, *names):
  return [np.asarray(case[name], np.float32) for name in names]
