"""The section of a `.lic` file that holds its post-filter (docs/format.md, 7).

A bit says whether a group of coefficients is there; if so, each of them follows
in Elias's gamma code, folded so that small ones stay short.
"""

import itertools
from collections.abc import Iterator

import numpy as np

from lic_jax import types
from lic_jax.codec import varint
from lic_jax.ops import postfilter
from lic_jax.types import Float, Int

COLOURS = 3
SHAPE = (COLOURS, COLOURS, postfilter.FEATURES)
# Of a magnitude; a thousand times what a picture wants.
MOST = 1 << 14
# Bytes of the longest section: a bit for each group, 31 for each coefficient.
LONGEST = -(
  -(COLOURS**2) * (len(postfilter.GROUPS) + 31 * postfilter.FEATURES) // 8
)


def write(coefficients: Int[np.ndarray, "3 3 f"]) -> bytes:
  """The bytes of coefficients, none beyond `MOST`."""
  bits = ""
  for group in itertools.chain(*map(groups, coefficients)):
    bits += "1" if group.any() else "0"
    if group.any():
      bits += "".join(_gamma(value) for value in group.tolist())
  bits += "0" * (-len(bits) % 8)
  return int(bits, 2).to_bytes(len(bits) // 8, "big")


def read(data: bytes) -> Int[np.ndarray, "3 3 f"]:
  """Inverse of `write`.

  Raises:
    LicError: it writes no such bytes.
  """
  try:
    if len(data) > LONGEST:
      raise ValueError("too long")
    coefficients = _parse("".join(f"{byte:08b}" for byte in data))
    if np.abs(coefficients).max() > MOST or write(coefficients) != data:
      raise ValueError("not as it would have been written")
  except (IndexError, ValueError, OverflowError) as error:
    raise types.LicError("the file's filter is damaged") from error
  return coefficients


def _parse(bits: str) -> Int[np.ndarray, "3 3 f"]:
  # Wide enough for a magnitude that is refused.
  coefficients = np.zeros(SHAPE, np.int64)
  position = 0
  for group in itertools.chain(*map(groups, coefficients)):
    position += 1
    if bits[position - 1] == "0":
      continue
    for i in range(len(group)):
      length = bits.index("1", position) - position
      end = position + 2 * length + 1
      group[i] = varint.unfold(int(bits[position + length : end], 2) - 1)
      position = end
  return coefficients


def groups(
  of_colour: Int[np.ndarray, "3 f"],
) -> Iterator[Int[np.ndarray, "n"]]:
  """Views of what is there or not together, in the order of the section."""
  for features, group in itertools.product(of_colour, postfilter.GROUPS):
    yield features[group]


def bits(of_colour: Int[np.ndarray, "3 f"]) -> float:
  """That the coefficients of one colour take in the section."""
  return sum(
    1 + gamma_bits(group).sum() * group.any() for group in groups(of_colour)
  )


def gamma_bits(values: Int[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
  """Bits of each coefficient in a group that is there."""
  _, length = np.frexp(2.0 * np.abs(values))
  return 2.0 * np.maximum(length, 1) - 1


def _gamma(value: int) -> str:
  number = varint.fold(value) + 1
  return "0" * (number.bit_length() - 1) + f"{number:b}"
