"""Convolutions: alignment, pixel order, precision."""

import jax
import jax.numpy as jnp
import numpy as np

from lic_jax.layers.convolution import Conv, depthwise
from lic_jax.ops.subpixel import pixel_shuffle


def test_centred_convolution_equals_signal_conv(golden):
  for case in golden["signal_conv"]:
    if case["direction"] == "down":
      x, kernel, bias, y = (
        jnp.asarray(case[name], jnp.float32)
        for name in ("x", "kernel", "bias", "y")
      )
      layer = Conv(
        kernel.shape[-1], case["kernel_side"], case["stride"], padding="centre"
      )
      ours = layer.apply({"params": {"kernel": kernel, "bias": bias}}, x)
      np.testing.assert_allclose(ours, y, atol=1e-5)


def test_pixel_shuffle_puts_channel_c4_dy2_dx_at_dy_dx():
  x = jnp.arange(8.0).reshape(1, 1, 1, 8)
  out = pixel_shuffle(x)
  assert out.shape == (1, 2, 2, 2)
  np.testing.assert_array_equal(out[0, :, :, 0], [[0, 1], [2, 3]])
  np.testing.assert_array_equal(out[0, :, :, 1], [[4, 5], [6, 7]])


def test_bfloat16_rounds_products_and_keeps_float32_outside(rng):
  x = jnp.asarray(rng.normal(size=(1, 8, 8, 16)), jnp.float32)
  layer = Conv(8, dtype="bfloat16")
  params = layer.init(jax.random.key(0), x)
  out = layer.apply(params, x)
  exact = Conv(8).apply(params, x)
  assert out.dtype == jnp.float32
  assert 0 < np.abs(out - exact).max() < 0.05 * np.abs(exact).max()


def test_a_depthwise_convolution_is_a_grouped_one(rng):
  x = jnp.asarray(rng.normal(size=(2, 6, 7, 5)), jnp.float32)
  kernel = jnp.asarray(rng.normal(size=(3, 3, 1, 5)), jnp.float32)
  grouped = jax.lax.conv_general_dilated(
    x,
    kernel,
    window_strides=(1, 1),
    padding="SAME",
    dimension_numbers=("NHWC", "HWIO", "NHWC"),
    feature_group_count=5,
  )
  np.testing.assert_allclose(depthwise(x, kernel), grouped, atol=1e-5)
