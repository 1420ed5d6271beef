"""The deep factorized prior: golden values, laws of a distribution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lic_jax.entropy import factorized


@pytest.fixture
def params(golden):
  """The trained-like parameters of the golden values, in our layout."""
  case = golden["factorized"]
  params = {}
  for ours, theirs in (
    ("matrix", "matrices"),
    ("bias", "biases"),
    ("factor", "factors"),
  ):
    for i, values in enumerate(case[theirs]):
      array = jnp.asarray(values, jnp.float32)
      params[f"{ours}{i}"] = array if ours == "matrix" else array[..., 0]
  return params


def test_logits_and_bits_equal_tensorflow_compressions(golden, params):
  case = golden["factorized"]
  x = jnp.asarray(case["x"])[:, None] * jnp.ones(len(case["medians"]))
  logits = factorized.cdf_logits(params, x)
  np.testing.assert_allclose(logits, case["cdf_logits"], rtol=1e-4, atol=1e-4)
  bits = factorized.bits(params, x)
  np.testing.assert_allclose(bits, case["bits"], rtol=1e-3)


def test_gradient_equals_tensorflow_compressions(golden, params):
  case = golden["factorized"]
  x = jnp.asarray(case["x"])[:, None] * jnp.ones(len(case["medians"]))
  gradient = jax.grad(lambda x: factorized.bits(params, x).sum())(x)
  expected = -np.asarray(case["gradient_log_prob"]) / np.log(2)
  np.testing.assert_allclose(gradient, expected, rtol=2e-2, atol=1e-3)


def test_medians_and_offsets_equal_tensorflow_compressions(golden, params):
  case = golden["factorized"]
  medians = factorized.medians(params)
  np.testing.assert_allclose(medians, case["medians"], atol=1e-3)
  offsets = factorized.offsets(params)
  np.testing.assert_allclose(offsets, case["quantization_offset"], atol=1e-3)


def test_initial_prior_is_28_parameters_a_channel_and_sums_to_one(golden):
  module = factorized.FactorizedPrior(5)
  params = module.init(jax.random.key(0))["params"]
  assert sum(leaf.size for leaf in jax.tree.leaves(params)) == 5 * 28
  expected = golden["factorized"]["initial_matrices"][0]
  np.testing.assert_allclose(
    params["matrix0"][0].ravel(), np.ravel(expected[0]), rtol=1e-5
  )
  k = jnp.arange(-2000.0, 2001.0)[:, None] * jnp.ones(5)
  total = jnp.exp2(-factorized.bits(params, k)).sum(0)
  np.testing.assert_allclose(total, 1, rtol=1e-3)


def test_bits_stay_finite_far_out(params):
  x = jnp.asarray([-1e4, 0.0, 1e4])[:, None] * jnp.ones(4)
  value, gradient = jax.value_and_grad(
    lambda x: factorized.bits(params, x).sum()
  )(x)
  assert jnp.isfinite(value) and jnp.isfinite(gradient).all()
