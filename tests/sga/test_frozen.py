"""Frozen transposed convolutions against those they stand for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lic_jax.codec import bundle as bundles
from lic_jax.ops import synthesis
from lic_jax.ops.transposed import conv_transpose
from lic_jax.sga import frozen


# k, s, channels in and out, alignment: specification 1.0, 1.1, 1.5, 1.7, 1.8.
@pytest.mark.parametrize(
  ("k", "s", "c_in", "c_out", "aligned"),
  [
    (13, 8, 20, 4, "keras"),
    (5, 2, 12, 3, "keras"),
    (5, 2, 40, 8, "keras"),
    (3, 1, 40, 8, "keras"),
    (16, 16, 140, 3, "keras"),
    (18, 16, 40, 3, "keras"),
    (32, 16, 40, 3, "keras"),
    (5, 2, 40, 8, "signal"),
    (9, 4, 20, 3, "signal"),
    (3, 3, 40, 2, "signal"),
  ],
)
def test_a_layer_and_its_gradient_equal_the_transposed_convolution(
  rng, k, s, c_in, c_out, aligned
):
  x = jnp.asarray(rng.normal(size=(2, 5, 4, c_in)), jnp.float32)
  kernel = rng.normal(size=(k, k, c_in, c_out)).astype(np.float32) / c_in
  bias = rng.normal(size=c_out).astype(np.float32)
  weights = {"kernel": kernel, "bias": bias}
  layer = frozen.layer(weights, s, aligned, "float32")

  def plain(x):
    origin = synthesis.origin_of(k, s, aligned)
    return conv_transpose(x, jnp.asarray(kernel), bias, stride=s, origin=origin)

  def energy(function):
    return jax.grad(lambda x: jnp.sum(jnp.sin(function(x))))

  np.testing.assert_allclose(layer(x), plain(x), atol=1e-5)
  np.testing.assert_allclose(energy(layer)(x), energy(plain)(x), atol=1e-5)


def test_bfloat16_products_are_close_and_summed_in_float32(rng):
  x = jnp.asarray(rng.normal(size=(1, 6, 6, 64)), jnp.float32)
  kernel = rng.normal(size=(13, 13, 64, 4)).astype(np.float32)
  weights = {"kernel": kernel, "bias": np.zeros(4, np.float32)}
  exact = frozen.layer(weights, 8, "keras", "float32")(x)
  rounded = frozen.layer(weights, 8, "keras", "bfloat16")(x)
  assert rounded.dtype == jnp.float32
  assert jnp.abs(rounded - exact).max() < 0.02 * jnp.abs(exact).max()


def test_every_decoder_runs_frozen(bundle, rng):
  channels = {"hyper_synthesis": 8, "synthesis": 24}
  real_valued = bundles.read_weights(bundle)
  for part, function in bundle.decoder.functions.items():
    weights = real_valued[part]
    latent = rng.normal(size=(1, 4, 5, channels[part])).astype(np.float32)
    arguments = dict(function)
    run = getattr(synthesis, arguments.pop("function"))
    frozen_weights = frozen.freeze(function, weights, "float32")
    np.testing.assert_allclose(
      run(frozen_weights, jnp.asarray(latent), **arguments),
      run(weights, latent, **arguments),
      atol=2e-5,
    )
