"""The paper's decomposition of the R-D cost, exactly, where all is countable.

Yang and Mandt (2023), section 3.3: with a source P over points x, codes z with
prior p, reconstructions g(z) and a distortion, the cost of an encoder q is
  L = lambda E[distortion] + E[KL(q || p)]                               (4)
    = F(G) + (E[-log Gamma(x)] - F(G)) + E[KL(q || posterior)]           (6)
with Gamma(x) = sum_z p(z) exp(-lambda distortion(x, g(z))), posterior =
p exp(-lambda distortion) / Gamma, and F(G) the least of E[-log Gamma] over all
priors and all g of the family G. SGA lowers the last term and no other.
"""

import functools

import numpy as np
import pytest

X = np.array([-1.0, -0.2, 0.1, 2.0])  # points of the source
P = np.array([0.4, 0.3, 0.2, 0.1])
FAMILY = np.array([[-1.0, 0.0, 1.0], [-0.8, 0.2, 1.9], [0.0, 0.5, 3.0]])  # G
LAMBDA = 1.7


def _distortion(g):
  return np.square(X[:, None] - g)


def _cost(q, g, p):
  """Equation 4, nats."""
  divergence = np.sum(q * np.log(q / p), axis=1)
  return P @ (LAMBDA * np.sum(q * _distortion(g), axis=1) + divergence)


def _gamma(g, p):
  return np.exp(-LAMBDA * _distortion(g)) @ p


def _posterior(g, p):
  return p * np.exp(-LAMBDA * _distortion(g)) / _gamma(g, p)[:, None]


def _modelled(g, p):
  return -P @ np.log(_gamma(g, p))


def _best_prior(g):
  """Blahut and Arimoto: the prior of the least E[-log Gamma]."""
  p = np.full(g.size, 1 / g.size)
  for _ in range(3000):
    p = P @ _posterior(g, p)
  return p


@functools.cache
def _irreducible():
  return min(_modelled(g, _best_prior(g)) for g in FAMILY)


@pytest.fixture(params=range(20))
def model(request):
  """A random encoder, and a random decoder of the family."""
  rng = np.random.default_rng(request.param)
  q = rng.dirichlet(np.ones(3), size=X.size)
  return q, FAMILY[rng.integers(3)], rng.dirichlet(np.ones(3))


def test_the_three_terms_add_up_to_the_cost_and_none_is_negative(model):
  q, g, p = model
  irreducible = _irreducible()
  modelling_gap = _modelled(g, p) - irreducible
  posterior = _posterior(g, p)
  inference_gap = P @ np.sum(q * np.log(q / posterior), axis=1)
  assert modelling_gap >= 0 and inference_gap > 0
  np.testing.assert_allclose(
    _cost(q, g, p), irreducible + modelling_gap + inference_gap, rtol=1e-12
  )


def test_the_posterior_is_the_best_encoder_and_closes_the_gap(model):
  q, g, p = model
  best = _posterior(g, p)
  np.testing.assert_allclose(_cost(best, g, p), _modelled(g, p), rtol=1e-12)
  for step in (0.01, 0.3):
    assert _cost((1 - step) * best + step * q, g, p) > _cost(best, g, p)


def test_no_prior_of_the_family_costs_less_than_the_irreducible_part():
  for g in FAMILY:
    p = _best_prior(g)
    # Its optimality condition: no code would be worth more probability.
    worth = (P / _gamma(g, p)) @ np.exp(-LAMBDA * _distortion(g))
    assert worth.max() <= 1 + 1e-6
    assert _modelled(g, p) >= _irreducible()


def test_one_code_per_point_leaves_the_amortised_minus_the_best_code(model):
  """What the experiments measure: for encoders that pick a single code, the
  inference gap falls by just what the Lagrangian does."""
  _, g, p = model
  lagrangian = LAMBDA * _distortion(g) - np.log(p)
  gap = lagrangian + np.log(_gamma(g, p))[:, None]  # KL of a point mass
  assert gap.min() >= 0
  picked, best = np.zeros(X.size, int), lagrangian.argmin(1)
  points = np.arange(X.size)
  np.testing.assert_allclose(
    (gap[points, picked] - gap[points, best]).sum(),
    (lagrangian[points, picked] - lagrangian[points, best]).sum(),
    rtol=1e-12,
  )
