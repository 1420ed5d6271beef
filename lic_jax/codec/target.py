"""The best quality whose file is small enough."""

from collections.abc import Callable, Sequence

from lic_jax.types import LicError


def within(
  encode: Callable[[int], bytes],
  qualities: Sequence[int],
  *,
  most_bytes: float,
) -> bytes:
  """Encodes at the highest quality whose file has at most so many bytes.

  By bisection: files are taken to grow with quality.

  Args:
    encode: to a file, at a quality.
    qualities: to choose from.
    most_bytes: of the file.

  Raises:
    LicError: the lowest quality's file is larger.
  """
  ladder = sorted(qualities)
  best, low, high = None, 0, len(ladder)
  while low < high:
    middle = (low + high) // 2
    coded = encode(ladder[middle])
    if len(coded) <= most_bytes:
      best, low = coded, middle + 1
    else:
      high = middle
  if best is None:  # the last one tried was the lowest
    raise LicError(
      f"at the lowest quality the file has {len(coded)} bytes; "
      f"at most {int(most_bytes)} are wanted"
    )
  return best
