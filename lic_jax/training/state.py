"""What a training run carries from step to step."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import flax.struct
import flax.traverse_util
import jax
import jax.numpy as jnp
import optax

from lic_jax.types import Array, LicError


@flax.struct.dataclass
class TrainState:
  """Attributes: parameters, Adam's moments, number of steps done."""

  params: Any
  opt_state: Any
  step: Array


def make_optimizer(clip: float) -> optax.GradientTransformation:
  """Global-norm clip and Adam's direction; the step scales it by the rate.

  Betas and epsilon are Keras' defaults (specification 3).
  """
  return optax.chain(
    optax.clip_by_global_norm(clip),
    optax.scale_by_adam(b1=0.9, b2=0.999, eps=1e-7),
  )


def rate_factors(params: Any, factors: Mapping[str, float]) -> Any:
  """The learning rate of every parameter, relative to the run's.

  Args:
    params: nested dict of parameters.
    factors: by path prefix, as in {"synthesis": 0.1}; the first that fits.

  Raises:
    LicError: a prefix fits no parameter.
  """
  flat = flax.traverse_util.flatten_dict(params, sep="/")
  for prefix in factors:
    if not any(path.startswith(prefix) for path in flat):
      raise LicError(f"optimizer.factors: no parameter under {prefix!r}")

  def factor(path: str) -> float:
    return next((f for p, f in factors.items() if path.startswith(p)), 1.0)

  return flax.traverse_util.unflatten_dict(
    {path: factor(path) for path in flat}, sep="/"
  )


def create_params(model: nn.Module, seed: int) -> Any:
  """Random parameters."""
  image = jnp.zeros((1, model.stride, model.stride, 3))
  # The generator "rbg" compiles in a sixth of the time of the default one.
  key = jax.random.key(seed, impl="rbg")
  return jax.jit(lambda key: model.init(key, image)["params"])(key)


def create(params: Any, optimizer: optax.GradientTransformation) -> TrainState:
  """The state before the first step."""
  return TrainState(
    params=params,
    opt_state=optimizer.init(params),
    step=jnp.zeros((), jnp.int32),
  )
