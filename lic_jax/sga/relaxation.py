"""Rounding with a gradient: SGA and the relaxations it is compared with.

Yang, Bamler and Mandt (2020), section 3.2, in the form of Yang and Mandt
(2023); shallow-decoder specification 4. All take m, a latent less the offset of
its grid, to m_tilde, near which an integer lies in the end; what they share is
the signature `Relaxation`, so that the optimizer takes any of them.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from lic_jax.ops import quantise
from lic_jax.types import Array, Float

# (m, temperature, key) -> m_tilde
Relaxation = Callable[[Array, Array, Array], Array]

# Keeps atanh finite; specification 4.1.
EDGE = 1e-5


def sga(
  m: Float[Array, "*b"], temperature: Array, key: Array
) -> Float[Array, "*b"]:
  """Stochastic Gumbel annealing (paper id M1)."""
  # The difference of two Gumbel variables is logistic: one draw for two.
  return soft_round(m, temperature, jax.random.logistic(key, m.shape))


def deterministic_annealing(
  m: Float[Array, "*b"], temperature: Array, key: Array
) -> Float[Array, "*b"]:
  """SGA without its noise (A4)."""
  del key
  return soft_round(m, temperature, jnp.zeros(()))


def straight_through(
  m: Float[Array, "*b"], temperature: Array, key: Array
) -> Float[Array, "*b"]:
  """Rounds, and passes the gradient as if it did not (A2)."""
  del temperature, key
  return quantise.straight_through(m, jnp.zeros(()))


def uniform_noise(
  m: Float[Array, "*b"], temperature: Array, key: Array
) -> Float[Array, "*b"]:
  """Noise of rounding's width, as in training (A3)."""
  del temperature
  return m + jax.random.uniform(key, m.shape, minval=-0.5, maxval=0.5)


def identity(
  m: Float[Array, "*b"], temperature: Array, key: Array
) -> Float[Array, "*b"]:
  """No quantisation until the end: MAP (A1)."""
  del temperature, key
  return m


def soft_round(
  m: Float[Array, "*b"], temperature: Array, noise: Float[Array, "*#b"]
) -> Float[Array, "*b"]:
  """Floor and ceiling, mixed by the weights of a Concrete variable.

  With r = m - floor(m), the logits of floor and ceiling are -atanh(r) / T and
  -atanh(1 - r) / T, so that the nearer is the likelier; T is the temperature
  of the weights, too:
    w = sigmoid(((atanh(r) - atanh(1 - r)) / T + noise) / T),  floor(m) + w.
  An integer is its own floor and ceiling, and passes no gradient.

  Args:
    m: latent less the offset of its grid.
    temperature: T > 0; towards 0 this becomes rounding, of m itself where
      there is no noise.
    noise: Gumbel variable of the ceiling less that of the floor.
  """
  low = jnp.floor(m)
  r = jnp.clip(m - low, EDGE, 1 - EDGE)
  # atanh(r) - atanh(1 - r), with one logarithm instead of four.
  logit = 0.5 * jnp.log(r * (1 + r) / ((1 - r) * (2 - r)))
  weight = jax.nn.sigmoid((logit / temperature + noise) / temperature)
  return low + jnp.where(m == low, 0.0, weight)
