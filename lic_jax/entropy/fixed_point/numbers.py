"""Whole numbers in float64, and the few functions that need more.

An activation is a whole number of units of 2^-12, limited to +-2^24 units; a
weight is an integer of 16 bits with a power of two per layer. Float64 has all
integers up to 2^53, and no sum of products reaches that (`check`), so a matrix
product is exact, whatever the order in which a library sums. GELU, tanh and exp
are tables, one entry per unit. The rest is a division, a square root or a
product of two numbers, which IEEE 754 rounds one way, and rounding to units.
So there is nothing in which two machines could differ.

Float32, in which these networks are trained, would not do: two processors
differ in the last bits of a sum, sooner or later a scale falls on the other
side of a table's border for it (experiments/context), and one is enough to lose
all that follows (LOC-LIC specification 0.7, 6.6).
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from lic_jax.types import Array, Float, Int, LicError

BITS = 12
ONE = 1 << BITS  # units
LIMIT = 1 << 24  # units
# Of a weight, and of the sum over inputs of |weights| to one output: inputs are
# at most four limits, so that sums stay below 2^53.
WEIGHT_TOP, WEIGHTS_TOP = (1 << 15) - 1, 1 << 27
EXPONENT_TOP = 24
# GELU and tanh are tables up to 8, where they are 0, their input or 1.
SPAN = 8 * ONE
# The exponential in units of 2^-18, for arguments of -16 to 0.
EXP_BITS, EXP_SPAN = 18, 16 * ONE

Units = Float[np.ndarray, "*b"]


class Layer(NamedTuple):
  """A convolution, or what else multiplies and adds.

  Attributes:
    kernel: int16, in units of 2^-exponent.
    bias: int32, in units of 2^-12, (c_out,).
    exponent: int8, (1,).
  """

  kernel: Int[np.ndarray, "*k"]
  bias: Int[np.ndarray, "c_out"]
  exponent: Int[np.ndarray, "1"]


def layer(
  kernel: Float[np.ndarray, "*k"], bias: Float[np.ndarray, "c"]
) -> Layer:
  """The nearest `Layer` to real weights: as fine as 16 bits and `check` allow.

  Raises:
    LicError: the weights are too large.
  """
  kernel = np.asarray(kernel, np.float64)
  inputs = tuple(range(kernel.ndim - 1))
  largest = max(float(np.max(np.abs(kernel))), 2.0**-EXPONENT_TOP)
  sums = max(float(np.abs(kernel).sum(inputs).max()), 2.0**-EXPONENT_TOP)
  exponent = math.floor(
    min(
      math.log2(WEIGHT_TOP / largest),
      # Rounding may add half a unit per weight: a bit of room for it.
      math.log2(WEIGHTS_TOP / sums) - 1,
      EXPONENT_TOP,
    )
  )
  bias = np.rint(np.asarray(bias, np.float64) * ONE)
  if exponent < 0 or np.abs(bias).max() > LIMIT:
    raise LicError("the context model's weights are too large for fixed point")
  return Layer(
    kernel=np.rint(np.ldexp(kernel, exponent)).astype(np.int16),
    bias=bias.astype(np.int32),
    exponent=np.array([exponent], np.int8),
  )


def check(layer: Layer) -> None:
  """Proves that no sum of the layer reaches 2^53.

  Raises:
    LicError: one might, or the arrays are not those of a layer.
  """
  kernel, bias, exponent = layer
  whole = (
    kernel.dtype == np.int16
    and bias.dtype == np.int32
    and exponent.dtype == np.int8
    and kernel.ndim in (1, 4)
    and bias.shape == kernel.shape[-1:]
    and exponent.shape == (1,)
    and 0 <= exponent[0] <= EXPONENT_TOP
    and np.abs(bias.astype(np.int64)).max() <= LIMIT
  )
  inputs = tuple(range(kernel.ndim - 1))
  if not whole or np.any(
    np.abs(kernel.astype(np.int64)).sum(inputs) > WEIGHTS_TOP
  ):
    raise LicError("the bundle's context model is no fixed-point network")


def to_units(x: Float[np.ndarray, "*b"]) -> Units:
  """The nearest units, within the limit."""
  return limited(np.rint(np.asarray(x, np.float64) * ONE))


def limited(x: Units) -> Units:
  """x within +-LIMIT; in place."""
  return np.clip(x, -LIMIT, LIMIT, out=x)


def finished(total: Units, layer: Layer) -> Units:
  """The layer's output from its sums of products, in place."""
  total *= 2.0 ** -layer.exponent.item()
  np.rint(total, out=total)
  total += layer.bias
  return limited(total)


def relu(x: Units) -> Units:
  """max(x, 0)."""
  return np.maximum(x, 0)


def gelu(x: Units) -> Units:
  """x Phi(x)."""
  inside = _tables()["gelu"][_index(x, SPAN)]
  return np.where(x < SPAN, inside, x)


def half_tanh(x: Units) -> Units:
  """tanh(x) / 2."""
  return _tables()["half_tanh"][_index(x, SPAN)]


def exponential(x: Units) -> Units:
  """exp(x) of x <= 0, in units of 2^-18."""
  index = np.maximum(x, -EXP_SPAN).astype(np.int32)
  index += EXP_SPAN
  return _tables()["exponential"][index]


def quotient(numerator: Array, denominator: Array | int) -> Array:
  """The nearest integer to numerator / denominator."""
  return np.rint(numerator / denominator)


def tables() -> dict[str, Float[np.ndarray, "n"]]:
  """The three functions before they are rounded, times their unit."""
  x = np.arange(-SPAN, SPAN) / ONE
  erf = np.array([math.erf(v) for v in (x / math.sqrt(2)).tolist()])
  negative = np.arange(-EXP_SPAN, 1) / ONE
  return {
    "gelu": ONE * 0.5 * x * (1 + erf),
    "half_tanh": ONE * 0.5 * np.tanh(x),
    "exponential": np.exp(negative) * (1 << EXP_BITS),
  }


def _index(x: Units, span: int) -> Int[np.ndarray, "*b"]:
  index = np.clip(x, -span, span - 1).astype(np.int32)
  index += span
  return index


@functools.cache
def _tables() -> dict[str, Units]:
  return {name: np.rint(values) for name, values in tables().items()}
