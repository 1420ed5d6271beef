"""Quantisation and its stand-ins."""

import jax
import jax.numpy as jnp
import numpy as np

from lic_jax.ops import quantise


def test_rounding_equals_tensorflow_compressions(golden):
  case = golden["rounding"]
  x, offset = jnp.asarray(case["x"]), jnp.asarray(case["offset"])
  np.testing.assert_array_equal(quantise.hard(x, jnp.zeros(())), case["round"])
  hard = quantise.hard(x, offset)
  np.testing.assert_allclose(hard, case["round_offset"], atol=1e-6)
  value, pullback = jax.vjp(quantise.straight_through, x, offset)
  np.testing.assert_allclose(value, case["round_offset"], atol=1e-6)
  to_x, to_offset = pullback(jnp.asarray(case["upstream"]))
  np.testing.assert_array_equal(to_x, case["gradient_round_offset"])
  np.testing.assert_array_equal(to_offset, jnp.zeros_like(offset))


def test_noise_is_uniform_and_belongs_to_the_image_not_to_the_batch():
  keys = jax.random.split(jax.random.PRNGKey(0), 4)
  x = jnp.zeros((4, 32, 32, 8))
  noisy = quantise.uniform_noise(x, keys=keys)
  assert jnp.abs(noisy).max() <= 0.5
  np.testing.assert_allclose(jnp.var(noisy), 1 / 12, rtol=0.02)
  alone = quantise.uniform_noise(x[2:3], keys=keys[2:3])
  np.testing.assert_array_equal(alone, noisy[2:3])
