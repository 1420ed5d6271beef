"""The conditional Gaussian: golden values, limits, gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.stats import norm
from scipy import special

from lic_jax.entropy import gaussian
from lic_jax.ops.scales import LOG_STEP, SCALE_MIN

# Bits at residuals 0, .3, 1, -2; shallow-decoder specification 2.2.
SPECIFIED = {
  0.0: (7.908e-6, 0.050679, 18.4769, 139.238),
  10.0: (0.293747, 0.544703, 3.44103, 14.8468),
  20.5: (1.81241, 1.84546, 2.17964, 3.28177),
  40.0: (5.24281, 5.24309, 5.24597, 5.25545),
  63.0: (9.32575, 9.32575, 9.32576, 9.32579),
}


@pytest.mark.parametrize("index", SPECIFIED)
def test_bits_equal_the_specification(index):
  residual = jnp.asarray([0.0, 0.3, 1.0, -2.0])
  bits = gaussian.bits(residual, jnp.full(4, index))
  np.testing.assert_allclose(bits, SPECIFIED[index], rtol=3e-4)


def test_scales_bits_and_gradients_equal_tensorflow_compressions(golden):
  case = golden["gaussian"]
  index = jnp.asarray(case["index"])
  np.testing.assert_allclose(gaussian.scale(index), case["scale"], rtol=1e-5)
  residual, index = jnp.meshgrid(jnp.asarray(case["residual"]), index)
  bits = gaussian.bits(residual, index)
  np.testing.assert_allclose(bits, case["bits"], rtol=5e-4, atol=1e-7)
  gradient = jax.grad(lambda r: gaussian.bits(r, index).sum())(residual)
  # Far out the reference keeps one digit, being exp of a difference of large
  # float32 numbers; there the derivative is that of the nearer edge's tail.
  sigma = gaussian.scale(index)
  tail = np.abs(residual) > np.maximum(400 * sigma, 10 * sigma**2)
  edge = np.sign(residual) * (np.abs(residual) - 0.5)
  expected = np.where(
    tail, edge / sigma**2 / np.log(2), case["gradient_residual"]
  )
  np.testing.assert_allclose(gradient, expected, rtol=2e-2, atol=1e-4)


def test_bits_by_scale_are_those_by_index_down_to_the_tables_least():
  index = jnp.asarray([0.0, 10.0, 40.5, 63.0])
  residual = jnp.asarray([0.3, -1.0, 2.0, 100.0])
  by_scale = gaussian.bits_of_scale(residual, gaussian.scale(index))
  np.testing.assert_allclose(by_scale, gaussian.bits(residual, index))
  raw = jnp.asarray([-3.0, 0.0, 0.05, SCALE_MIN])
  bits, pullback = jax.vjp(
    lambda sigma: gaussian.bits_of_scale(jnp.full(4, 1.0), sigma), raw
  )
  np.testing.assert_allclose(bits, bits[-1].repeat(4), rtol=1e-6)
  # A wider scale would save bits: the gradient that says so passes the bound.
  assert (pullback(jnp.ones(4))[0] < 0).all()
  assert (pullback(-jnp.ones(4))[0][:3] == 0).all()


def test_bits_and_derivatives_are_smooth_where_the_series_takes_over():
  """Central differences of float64 bits, on both sides of 8 sigma."""
  for index in (0.0, 10.0, 20.0, 30.0):
    sigma = float(gaussian.scale(jnp.float32(index)))
    r = 0.5 + sigma * np.linspace(7.9, 8.1, 21)
    exact = _bits64(r, sigma)
    bits = gaussian.bits(jnp.float32(r), jnp.full(21, index))
    np.testing.assert_allclose(bits, exact, rtol=2e-5)
    by_r, by_index = jax.grad(
      lambda r, i: gaussian.bits(r, i).sum(), argnums=(0, 1)
    )(jnp.float32(r), jnp.full(21, index))
    h = 1e-5
    slope = (_bits64(r + h, sigma) - _bits64(r - h, sigma)) / (2 * h)
    np.testing.assert_allclose(by_r, slope, rtol=1e-3)
    ratio = np.exp(LOG_STEP * h)
    slope = (_bits64(r, sigma * ratio) - _bits64(r, sigma / ratio)) / (2 * h)
    np.testing.assert_allclose(by_index, slope, rtol=1e-3)


def _bits64(r, sigma):
  upper = special.log_ndtr((0.5 - r) / sigma)
  lower = special.log_ndtr((-0.5 - r) / sigma)
  return -(upper + np.log(-np.expm1(lower - upper))) / np.log(2)


def test_probabilities_of_all_integers_sum_to_one():
  k = jnp.arange(-3000.0, 3001.0)
  for index in (0.0, 20.0, 45.5, 63.0):
    p = jnp.exp2(-gaussian.bits(k - 0.3, jnp.full_like(k, index)))
    np.testing.assert_allclose(p.sum(), 1, rtol=1e-4)


def test_a_wide_scale_gives_the_density():
  residual = jnp.linspace(-500, 500, 11)
  bits = gaussian.bits(residual, jnp.full(11, 63.0))
  density = -norm.logpdf(residual, scale=256.0) / np.log(2)
  np.testing.assert_allclose(bits, density, rtol=1e-4)


def test_extremes_stay_finite_with_their_gradients():
  residual = jnp.asarray([-1e4, -40.0, 0.0, 0.5, 40.0, 1e4])
  for index in (0.0, 30.0, 63.0):
    value, gradient = jax.value_and_grad(
      lambda r, i=index: gaussian.bits(r, jnp.full_like(r, i)).sum()
    )(residual)
    assert jnp.isfinite(value) and jnp.isfinite(gradient).all()


def test_index_is_bounded_and_can_come_back_inside():
  s = jnp.asarray([-200.0, 0.0, 4.0, 9.0])
  index, pullback = jax.vjp(gaussian.index_of, s)
  np.testing.assert_allclose(index, [0, 1, np.exp(4.0), 63], rtol=1e-5)
  assert pullback(jnp.ones(4))[0][3] > 0  # descent lowers it: passes
  assert pullback(-jnp.ones(4))[0][3] == 0  # descent would raise it: stopped
