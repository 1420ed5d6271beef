"""Learning rate and lambda as functions of progress in (0, 1].

Progress is (step + 1) / steps, or the spent share of a wall-clock budget, so
that one formula serves both. Shallow-decoder specification 3.
"""

import jax.numpy as jnp

from lic_jax.types import Array, Float, LicError

Scalar = Float[Array, ""]


def learning_rate(
  progress: Scalar, *, peak: float, warmup: float, decay: str
) -> Scalar:
  """Linear warm-up, then the decay.

  Args:
    progress: share of the training done after this step.
    peak: the rate between warm-up and decay.
    warmup: share of the training over which the rate rises from zero.
    decay: "step" (the paper's: a tenth from 80 % on) or "cosine" (to zero at
      the end, for short or time-limited runs).

  Raises:
    LicError: an unknown decay.
  """
  rise = jnp.minimum(1.0, progress / warmup) if warmup else 1.0
  if decay == "step":
    return peak * rise * jnp.where(progress > 0.8, 0.1, 1.0)
  if decay == "cosine":
    rest = jnp.clip((progress - warmup) / (1 - warmup), 0.0, 1.0)
    return peak * rise * (0.5 + 0.5 * jnp.cos(jnp.pi * rest))
  raise LicError(f"optimizer.decay is {decay!r}, not 'step' or 'cosine'")


def lagrange_multiplier(
  progress: Scalar, *, target: float, factor: float, until: float
) -> Scalar:
  """`factor` * target up to progress `until`, then the target lambda.

  The paper's warm-up (factor 10 for 20 % of the steps where lambda <= 0.01):
  a low-rate model that starts at its own lambda finds the empty code first.
  """
  return target * jnp.where(progress <= until, factor, 1.0)
