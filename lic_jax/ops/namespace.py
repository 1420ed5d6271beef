"""What lets one formula run on NumPy and on JAX arrays."""

import functools
import sys
from collections.abc import Callable
from types import ModuleType

import numpy as np

from lic_jax.types import Array


def namespace(x: Array) -> ModuleType:
  """`numpy` for a NumPy array, `jax.numpy` for a JAX array or tracer."""
  if isinstance(x, np.ndarray):
    return np
  return x.__array_namespace__()


def named(function: Callable[..., Array]) -> Callable[..., Array]:
  """Traced by JAX, `function` stays one call under its own name.

  So whoever reads a trace (a profile, or the count of operations, which knows
  `overlap_add` for memory traffic and `relu` for an activation) can tell.
  Numbers among the keyword arguments are static.
  """

  @functools.wraps(function)
  def call(x: Array, *arrays: Array, **arguments: Array | int) -> Array:
    if isinstance(x, np.ndarray):
      return function(x, *arrays, **arguments)
    jax = sys.modules["jax"]  # present wherever a JAX array is
    static = [name for name, a in arguments.items() if isinstance(a, int)]
    jitted = jax.jit(function, static_argnames=static)
    return jitted(x, *arrays, **arguments)

  return call
