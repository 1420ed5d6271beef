"""Stand-ins for rounding: golden values, limits, gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lic_jax.sga import relaxation
from lic_jax.sga.schedule import PAPER, Schedule

KEY = jax.random.key(0)
ALL = (
  relaxation.sga,
  relaxation.deterministic_annealing,
  relaxation.straight_through,
  relaxation.uniform_noise,
  relaxation.identity,
)


# m, Gumbel variables of floor and ceiling, value; specification 4.1, T = 0.5.
@pytest.mark.parametrize(
  ("m", "gumbel", "value"),
  [
    (0.3, (0.0, 0.0), 0.09699),
    (0.3, (0.5, -0.2), 0.025803),
    (-1.2, (0.0, 0.0), -1.027027),
    (2.5, (0.5, -0.2), 2.197816),
  ],
)
def test_soft_rounding_equals_the_specification(m, gumbel, value):
  noise = gumbel[1] - gumbel[0]
  rounded = relaxation.soft_round(jnp.float32(m), 0.5, jnp.float32(noise))
  np.testing.assert_allclose(rounded, value, atol=2e-6)


@pytest.mark.parametrize(
  ("m", "floor"), [(0.3, 0.75316), (-1.2, 0.14286), (2.5, 0.5)]
)
def test_sga_rounds_down_as_often_as_the_specification_says(m, floor):
  # As sharp as a sample gets, at the probabilities of T = 0.5: the noise is
  # scaled instead of the logits.
  noise = jax.random.logistic(KEY, (100_000,))
  r = m - np.floor(m)
  logit = (np.arctanh(r) - np.arctanh(1 - r)) / 0.5
  np.testing.assert_allclose((noise < -logit).mean(), floor, atol=5e-3)
  sampled = relaxation.sga(jnp.full(100_000, m), 0.5, KEY)
  np.testing.assert_allclose(
    (sampled - np.floor(m) < 0.5).mean(), floor, atol=5e-3
  )


def test_without_noise_and_temperature_it_is_rounding(rng):
  m = jnp.asarray(rng.uniform(-20, 20, 1000), jnp.float32)
  for temperature in (1e-3, 1e-8):
    soft = relaxation.soft_round(m, temperature, jnp.zeros(()))
    np.testing.assert_array_equal(soft, jnp.round(m))


@pytest.mark.parametrize("relax", ALL)
def test_all_stay_within_one_of_the_latent(relax, rng):
  m = jnp.asarray(rng.uniform(-20, 20, 1000), jnp.float32)
  relaxed = relax(m, jnp.float32(0.3), KEY)
  assert relaxed.shape == m.shape
  assert jnp.abs(relaxed - m).max() <= 1


def test_the_mean_is_not_held_fixed(rng):
  """y~ = SGA(y - mu) + mu, so dy~/dmu = 1 - dSGA/dm (specification 4.1)."""
  y, mean = jnp.asarray(rng.normal(size=(2, 50)), jnp.float32)

  def relaxed(y, mean):
    return jnp.sum(relaxation.sga(y - mean, 0.4, KEY) + mean)

  by_y, by_mean = jax.grad(relaxed, (0, 1))(y, mean)
  assert jnp.abs(by_y).min() > 0
  np.testing.assert_allclose(by_mean, 1 - by_y, atol=1e-5)


def test_an_integer_passes_no_gradient_and_stays():
  for m in (-3.0, 0.0, 7.0):
    value, slope = jax.value_and_grad(relaxation.sga)(m, 0.5, KEY)
    assert (value, slope) == (m, 0)


@pytest.mark.parametrize("temperature", [0.5, 0.1, 1e-3, 1e-8])
def test_gradients_are_finite_next_to_integers(temperature):
  m = jnp.asarray([1e-7, 1 - 1e-6, 0.5, 3 + 1e-6, -1e-30, 1e6 + 0.5])
  slope = jax.grad(lambda m: relaxation.sga(m, temperature, KEY).sum())(m)
  assert jnp.isfinite(slope).all()


def test_temperatures_and_rates_equal_the_specification():
  t = np.array([0, 200, 500, 1000, 1500, 2000, 2500, 2999])
  expected = (0.5, 0.5, 0.4304, 0.3352, 0.2610, 0.2033, 0.1583, 0.1234)
  np.testing.assert_allclose(PAPER.temperatures(t / 3000), expected, atol=5e-5)
  rates = PAPER.rates(np.array([0, 2699, 2700, 2999]) / 3000)
  np.testing.assert_allclose(rates, [5e-3, 5e-3, 5e-4, 5e-4])


def test_a_schedule_never_reaches_zero_temperature():
  cold = Schedule(learning_rate=1.0, decay=1e3)
  assert cold.temperatures(np.ones(1)) == 1e-8
