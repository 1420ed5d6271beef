"""A file no larger than wanted."""

import pytest

from lic_jax.codec import target
from lic_jax.types import LicError

QUALITIES = [0, 5, 6, 20, 21, 40, 80]


@pytest.mark.parametrize("most", [10, 11, 59, 60, 219, 500, 809, 810, 9999])
def test_it_is_the_highest_quality_that_is_small_enough(most):
  tried = []

  def encode(quality):
    tried.append(quality)
    return bytes(10 + 10 * quality)

  found = target.within(encode, QUALITIES[::-1], most_bytes=float(most))
  sizes = [10 + 10 * quality for quality in QUALITIES]
  assert len(found) == max(size for size in sizes if size <= most)
  assert len(tried) == len(set(tried)) <= 3


def test_it_says_how_large_the_smallest_is():
  with pytest.raises(LicError, match="has 10 bytes; at most 9 are wanted"):
    target.within(
      lambda quality: bytes(10 + quality), QUALITIES, most_bytes=9.9
    )
