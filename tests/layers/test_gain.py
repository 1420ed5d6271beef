"""Gains: geometric between the rungs of the ladder, in NumPy and in JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lic_jax.layers.gain import Gain
from lic_jax.ops.gain import lagrange_multiplier, log_gain, weight


@pytest.fixture
def table(rng):
  return rng.normal(size=(4, 5)).astype(np.float32)


def test_at_a_rung_it_is_the_tables_and_half_way_the_geometric_mean(table):
  quality = np.array([0.0, 1.0, 3.0, 0.5, 2.5], np.float32)
  gains = np.exp(log_gain(table, quality))
  rungs = np.exp(table)
  np.testing.assert_allclose(gains[:3], rungs[[0, 1, 3]], rtol=1e-6)
  between = np.sqrt(rungs[[0, 2]] * rungs[[1, 3]])
  np.testing.assert_allclose(gains[3:], between, rtol=1e-6)


def test_it_is_continuous_and_ends_where_the_table_does(table):
  quality = np.linspace(-1, 4, 501).astype(np.float32)
  logs = log_gain(table, quality)
  steepest = np.abs(np.diff(table, axis=0)).max()
  assert np.abs(np.diff(logs, axis=0)).max() <= 1.01 * steepest * 0.01
  np.testing.assert_allclose(logs[0], table[0])
  np.testing.assert_allclose(logs[-1], table[-1])


def test_numpy_and_jax_agree_and_the_gradient_goes_to_both_rungs(table):
  quality = np.array([1.25], np.float32)
  ours = jax.jit(log_gain)(jnp.asarray(table), jnp.asarray(quality))
  np.testing.assert_allclose(ours, log_gain(table, quality), rtol=1e-6)
  gradient = jax.grad(lambda t: log_gain(t, jnp.asarray(quality)).sum())(table)
  np.testing.assert_allclose(gradient[:, 0], [0, 0.75, 0.25, 0], atol=1e-6)


def test_gains_start_as_the_root_of_lambda_and_end_at_one():
  module = Gain(rungs=7, channels=2)
  quality = jnp.arange(7.0)
  logs, _ = module.init_with_output(jax.random.key(0), quality)
  lmbda = lagrange_multiplier(0.00125, np.arange(7))
  expected = np.sqrt(lmbda / 0.08)
  np.testing.assert_allclose(np.exp(logs[:, 0, 0, 0]), expected, rtol=1e-5)


def test_every_qualitys_lambda_by_its_weight_grows_as_a_root():
  quality = jnp.arange(7.0)
  weights = weight(quality, rungs=7)
  assert weights[3] == 1
  weighed = lagrange_multiplier(0.01, quality) * weights
  np.testing.assert_allclose(weighed[1:] / weighed[:-1], 2**0.5, rtol=1e-6)
