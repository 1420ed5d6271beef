"""A file no larger than wanted."""

import math

import pytest

from lic_jax.codec import target
from lic_jax.types import LicError

QUALITIES = [0, 5, 6, 20, 21, 40, 80]
SIZES = {
  "by steps": lambda quality: 10 + 10 * quality,
  "by shares": lambda quality: math.ceil(10 * 1.06**quality),
  "at once": lambda quality: 810 if quality > 20 else 10 + quality,
}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("most", [10, 11, 59, 60, 219, 500, 809, 810, 9999])
def test_it_is_the_highest_quality_that_is_small_enough(most, size):
  tried = []

  def encode(quality):
    tried.append(quality)
    return bytes(size(quality))

  found = target.within(encode, QUALITIES[::-1], most_bytes=float(most))
  sizes = [size(quality) for quality in QUALITIES]
  assert len(found) == max(size for size in sizes if size <= most)
  assert len(tried) == len(set(tried))


@pytest.mark.parametrize(
  ("growth", "most"),
  [
    # Six qualities of 64 steps: as files of photographs grow, 1 % with each at
    # first and half of it at last; and a jump that no line goes through.
    (lambda k: 0.01 * k - 6e-6 * k * k, 6),
    (lambda k: 2.8 if k > 300 else 0, 8 + 9),
  ],
)
def test_few_files_are_encoded(growth, most):
  for wanted in range(5_001, 90_000, 1_000):
    tried = []

    def encode(quality, tried=tried):
      tried.append(quality)
      return bytes(round(5_000 * math.exp(growth(quality))))

    found = target.within(encode, range(385), most_bytes=float(wanted))
    assert len(tried) <= most
    assert len(found) == max(
      size
      for size in (round(5_000 * math.exp(growth(k))) for k in range(385))
      if size <= wanted
    )


def test_it_says_how_large_the_smallest_is():
  tried = []

  def encode(quality):
    tried.append(quality)
    return bytes(10 + quality)

  with pytest.raises(LicError, match="has 10 bytes; at most 9 are wanted"):
    target.within(encode, QUALITIES, most_bytes=9.9)
  assert tried == [0]
