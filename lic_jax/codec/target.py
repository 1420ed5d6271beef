"""The best quality whose file is small enough."""

import math
from collections.abc import Callable, Sequence

from lic_jax.types import LicError

# Files encoded before bisection takes over from interpolation.
GUESSES = 8


def within(
  encode: Callable[[int], bytes],
  qualities: Sequence[int],
  *,
  most_bytes: float,
) -> bytes:
  """Encodes at the highest quality whose file has at most so many bytes.

  Files are taken to grow with quality, and by about the same share with every
  step: a logarithm is interpolated where two are known (regula falsi).

  Args:
    encode: to a file, at a quality.
    qualities: to choose from.
    most_bytes: of the file.

  Raises:
    LicError: the lowest quality's file is larger.
  """
  ladder = sorted(qualities)
  best = encode(ladder[0])
  if len(best) > most_bytes:
    raise LicError(
      f"at the lowest quality the file has {len(best)} bytes; "
      f"at most {int(most_bytes)} are wanted"
    )
  low, high = 0, len(ladder) - 1
  sizes = {low: len(best)}
  place = high
  while low < high:
    coded = encode(ladder[place])
    sizes[place] = len(coded)
    if len(coded) <= most_bytes:
      best, low = coded, place
    else:
      high = place - 1
    if len(sizes) < GUESSES and low < high:
      # high + 1 was encoded, and is too large.
      steps = high + 1 - low
      grown = math.log(sizes[high + 1] / sizes[low])
      share = math.log(most_bytes / sizes[low]) / grown
      place = min(low + max(math.floor(share * steps), 1), high)
    else:
      place = (low + high + 1) // 2
  return best
