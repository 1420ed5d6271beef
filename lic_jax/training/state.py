"""What a training run carries from step to step."""

from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import flax.struct
import flax.traverse_util
import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib

from lic_jax.types import Array, LicError


@flax.struct.dataclass
class TrainState:
  """Attributes: parameters, Adam's moments, number of steps done."""

  params: Any
  opt_state: Any
  step: Array


# Of a convolution's kernel (k, k, c_in, c_out), a matrix to Muon.
_KERNEL = optax.contrib.MuonDimensionNumbers(
  reduction_axis=(0, 1, 2), output_axis=3
)


def make_optimizer(
  clip: float, muon: Sequence[str] = ()
) -> optax.GradientTransformation:
  """Global-norm clip, then updates at a learning rate of one.

  Adam for everything, with Keras' betas and epsilon (specification 3), but for
  the kernels of convolutions that `muon` names: their momentum is made
  orthogonal (Jordan 2024), at the root mean square that Adam's updates have
  (Liu et al. 2025), so that one learning rate suits both. Adam beside Muon has
  Nesterov's momentum, as Muon has.

  Args:
    clip: the norm.
    muon: prefixes of paths, as in ("analysis/down", "hyper_synthesis").
  """
  updates = optax.adam(1.0, b1=0.9, b2=0.999, eps=1e-7)
  if muon:
    updates = optax.contrib.muon(
      1.0,
      eps=1e-7,
      muon_weight_dimension_numbers=lambda params: _kernels(params, muon),
      consistent_rms=0.2,
    )
  return optax.chain(optax.clip_by_global_norm(clip), updates)


def _kernels(params: Any, prefixes: Sequence[str]) -> Any:
  """`_KERNEL` for every kernel under the prefixes, None for the rest.

  Raises:
    LicError: there is none under one of them.
  """
  flat = flax.traverse_util.flatten_dict(params, sep="/")

  def numbers(
    path: str, leaf: Any
  ) -> optax.contrib.MuonDimensionNumbers | None:
    # Not `leaf.ndim`: optax also asks with Adam's leaves masked out.
    chosen = np.ndim(leaf) == 4 and path.startswith(tuple(prefixes))
    return _KERNEL if chosen else None

  chosen = {path: numbers(path, leaf) for path, leaf in flat.items()}
  for prefix in prefixes:
    if not any(path.startswith(prefix) and chosen[path] for path in flat):
      raise LicError(f"optimizer.muon: no kernel under {prefix!r}")
  return flax.traverse_util.unflatten_dict(chosen, sep="/")


def rate_factors(params: Any, factors: Mapping[str, float]) -> Any:
  """The learning rate of every parameter, relative to the run's.

  Args:
    params: nested dict of parameters.
    factors: by path prefix, as in {"synthesis": 0.1}; the first that fits. 0
      freezes.

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
    opt_state=jax.jit(optimizer.init)(params),
    step=jnp.zeros((), jnp.int32),
  )
