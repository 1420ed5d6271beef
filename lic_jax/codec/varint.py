"""Variable-length integers of the `.lic` file (docs/format.md, section 1).

Little-endian groups of seven bits, the high bit set on all but the last byte.
Signed integers are folded first, so that small magnitudes stay short. Reading
accepts exactly what writing makes: no padding, nothing beyond five bytes.
"""

from lic_jax import types

# Enough for any folded int32 symbol.
MAX_BYTES = 5


def write(value: int) -> bytes:
  """Encodes a non-negative integer below 2^35 in one to five bytes."""
  if not 0 <= value < 1 << 7 * MAX_BYTES:
    raise ValueError(f"{value} does not fit a varint of {MAX_BYTES} bytes")
  encoded = bytearray()
  while value > 0x7F:
    encoded.append(value & 0x7F | 0x80)
    value >>= 7
  encoded.append(value)
  return bytes(encoded)


def read(data: bytes, position: int) -> tuple[int, int]:
  """Decodes the integer that starts at a position.

  Args:
    data: the bytes to read from.
    position: index of the integer's first byte.

  Returns:
    The integer, and the position after its last byte.

  Raises:
    LicError: the data end inside the integer, or it is longer than the
      shortest form of any integer that `write` makes.
  """
  value = 0
  for count in range(MAX_BYTES):
    if position + count >= len(data):
      raise types.LicError("the file ends inside a number")
    byte = data[position + count]
    value |= (byte & 0x7F) << 7 * count
    if byte < 0x80:
      if count and not byte:
        raise types.LicError("the file holds a number with padding")
      return value, position + count + 1
  raise types.LicError("the file holds a number that is too long")


def fold(value: int) -> int:
  """Maps 0, -1, 1, -2, ... to 0, 1, 2, 3, ..."""
  return 2 * value if value >= 0 else -2 * value - 1


def unfold(value: int) -> int:
  """Inverse of `fold`."""
  return -(value + 1 >> 1) if value & 1 else value >> 1
