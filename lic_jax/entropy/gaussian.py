"""Conditional Gaussian convolved with U(-1/2, 1/2): the prior of the latent.

Shallow-decoder specification 2.2. A scale is an index into a table of 64
log-spaced scales; the network's second output s gives index = exp(s) (used as
the index itself, as the authors do). Training uses the index as a real number,
the coder rounds it.
"""

import math

import jax
import jax.numpy as jnp
from jax.scipy.special import erfc

from lic_jax.ops.bounds import lower_bound, upper_bound
from lic_jax.ops.scales import LOG_STEP, SCALE_COUNT, SCALE_MIN
from lic_jax.types import Array, Float

ROOT_2PI = math.sqrt(2 * math.pi)
HALF_ROOT = math.sqrt(0.5)
# Standard deviations below which the asymptotic series takes over: float32 has
# Phi(-12), and the series is good to 1e-4 bits from -8 on.
FAR = -8.0


def index_of(s: Float[Array, "*b"]) -> Float[Array, "*b"]:
  """exp(s), bounded to the table's [0, 63]; gradients point inside."""
  return upper_bound(lower_bound(jnp.exp(s), 0.0), SCALE_COUNT - 1.0)


def shifted(
  index: Float[Array, "*b"], log_gain: Float[Array, "*#b"]
) -> Float[Array, "*b"]:
  """The index of what was multiplied by a gain, bounded to the table."""
  index = index + log_gain / LOG_STEP
  return upper_bound(lower_bound(index, 0.0), SCALE_COUNT - 1.0)


def scale(index: Float[Array, "*b"]) -> Float[Array, "*b"]:
  """The standard deviation at a real-valued table index."""
  return SCALE_MIN * jnp.exp(LOG_STEP * index)


def bits_of_scale(
  residual: Float[Array, "*b"], sigma: Float[Array, "*b"]
) -> Float[Array, "*b"]:
  """`bits` by a standard deviation, raised to the table's least.

  LOC-LIC specification 2.5: what networks give that name no table index. The
  bound's gradient points inside.
  """
  return _bits(residual, lower_bound(sigma, SCALE_MIN))


def bits(
  residual: Float[Array, "*b"], index: Float[Array, "*b"]
) -> Float[Array, "*b"]:
  """-log2 of the probability of a unit bin around `residual`.

  P = Phi((r + 1/2) / sigma) - Phi((r - 1/2) / sigma), taken in the lower tail
  (P is even in r) so that it does not cancel, and far out by its asymptotic
  series so that it does not underflow. No floor: far residuals cost many,
  finite bits.

  Args:
    residual: y_hat - mean, or its relaxation.
    index: real-valued scale index in [0, 63].
  """
  return _bits(residual, scale(index))


@jax.custom_vjp
def _bits(residual: Array, sigma: Array) -> Array:
  return _bits_forward(residual, sigma)[0]


def _bits_forward(
  residual: Array, sigma: Array
) -> tuple[Array, tuple[Array, Array]]:
  """The bits, and their derivatives by the two arguments."""
  r = jnp.abs(residual)
  upper, lower = (0.5 - r) / sigma, (-0.5 - r) / sigma
  ratio = jnp.exp(-r / jnp.square(sigma))  # phi(lower) / phi(upper)
  far, inside = upper < FAR, upper >= 0  # |residual| below one half: inside
  # Each branch gets a harmless argument where another is taken.
  tail = 0.5 * erfc(jnp.abs(jnp.where(far, -1.0, upper)) * HALF_ROOT)
  tail_below = 0.5 * erfc(-jnp.where(far, -2.0, lower) * HALF_ROOT)
  outside = jnp.where(inside, tail + tail_below, 0.5)
  p = jnp.where(inside, 1 - outside, tail - tail_below)
  # P / phi(upper): Mills' ratio of the bin, (1 - Phi(lower) / Phi(upper)) / -x.
  x = jnp.where(far, upper, -1.0)
  series = 1 - (1 - (3 - 15 / x**2) / x**2) / x**2
  mills = (1 - ratio * (r - 0.5) / (r + 0.5)) * series / -x
  log_p = jnp.log(jnp.where(far, mills / ROOT_2PI, p))
  log_p = jnp.where(inside, jnp.log1p(-outside), log_p)
  log_p = log_p - jnp.where(far, 0.5 * jnp.square(x), 0.0)
  density = jnp.exp(-0.5 * jnp.square(upper)) / ROOT_2PI
  hazard = jnp.where(far, 1 / mills, density / p) / (sigma * math.log(2))
  by_residual = jnp.sign(residual) * hazard * (1 - ratio)
  by_sigma = hazard * (upper - lower * ratio)
  return -log_p / math.log(2), (by_residual, by_sigma)


def _bits_backward(
  derivatives: tuple[Array, Array], g: Array
) -> tuple[Array, Array]:
  by_residual, by_sigma = derivatives
  return g * by_residual, g * by_sigma


_bits.defvjp(_bits_forward, _bits_backward)


def log1mexp(x: Float[Array, "*b"]) -> Float[Array, "*b"]:
  """log(1 - exp(x)) for x < 0, accurate at both ends."""
  near = x > -math.log(2)
  # Each branch gets a harmless argument where the other is taken, so that
  # neither sends a NaN through the gradient.
  tiny = -jnp.finfo(x.dtype).tiny
  close = jnp.log(-jnp.expm1(jnp.where(near, jnp.minimum(x, tiny), -1.0)))
  far = jnp.log1p(-jnp.exp(jnp.where(near, -1.0, x)))
  return jnp.where(near, close, far)
