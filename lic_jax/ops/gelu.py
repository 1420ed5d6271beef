"""GELU, exactly: by the error function, never by tanh (LOC-LIC spec 1.1)."""

import math
import sys

import numpy as np

from lic_jax.types import Array, Float


def gelu(x: Float[Array, "*b"]) -> Float[Array, "*b"]:
  """x Phi(x)."""
  if not isinstance(x, np.ndarray):
    jax = sys.modules["jax"]  # present wherever a JAX array is
    return jax.nn.gelu(x, approximate=False)
  # Imported here: most codecs decode without it.
  from scipy import special

  half = x * x.dtype.type(0.5)
  return half + half * special.erf(x * x.dtype.type(math.sqrt(0.5)))
