"""Conditional Gaussian convolved with U(-1/2, 1/2): the prior of the latent.

Shallow-decoder specification 2.2. A scale is an index into a table of 64
log-spaced scales; the network's second output s gives index = exp(s) (used as
the index itself, as the authors do). Training uses the index as a real number,
the coder rounds it.
"""

import math

import jax.numpy as jnp
from jax.scipy.special import log_ndtr
from jaxtyping import Float

from lic_jax.ops.bounds import lower_bound, upper_bound
from lic_jax.ops.scales import LOG_STEP, SCALE_COUNT, SCALE_MIN
from lic_jax.types import Array


def index_of(s: Float[Array, "*b"]) -> Float[Array, "*b"]:
  """exp(s), bounded to the table's [0, 63]; gradients point inside."""
  return upper_bound(lower_bound(jnp.exp(s), 0.0), SCALE_COUNT - 1.0)


def scale(index: Float[Array, "*b"]) -> Float[Array, "*b"]:
  """The standard deviation at a real-valued table index."""
  return SCALE_MIN * jnp.exp(LOG_STEP * index)


def bits(
  residual: Float[Array, "*b"], index: Float[Array, "*b"]
) -> Float[Array, "*b"]:
  """-log2 of the probability of a unit bin around `residual`.

  P = Phi((r + 1/2) / sigma) - Phi((r - 1/2) / sigma), in the log domain and in
  the lower tail (P is even in r), so that it neither underflows nor
  cancels. No floor: far residuals cost many, finite bits.

  Args:
    residual: y_hat - mean, or its relaxation.
    index: real-valued scale index in [0, 63].
  """
  sigma = scale(index)
  r = jnp.abs(residual)
  upper = log_ndtr((0.5 - r) / sigma)
  lower = log_ndtr((-0.5 - r) / sigma)
  return -(upper + log1mexp(lower - upper)) / math.log(2)


def log1mexp(x: Float[Array, "*b"]) -> Float[Array, "*b"]:
  """log(1 - exp(x)) for x < 0, accurate at both ends."""
  near = x > -math.log(2)
  # Each branch gets a harmless argument where the other is taken, so that
  # neither sends a NaN through the gradient.
  tiny = -jnp.finfo(x.dtype).tiny
  close = jnp.log(-jnp.expm1(jnp.where(near, jnp.minimum(x, tiny), -1.0)))
  far = jnp.log1p(-jnp.exp(jnp.where(near, -1.0, x)))
  return jnp.where(near, close, far)
