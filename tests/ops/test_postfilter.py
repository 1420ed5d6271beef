"""The post-filter's laws: identity, brightness, symmetry, limits."""

import numpy as np
import pytest

from lic_jax.ops import postfilter

LEVEL = np.full((1, 1, 1, 1), 0.05, np.float32)
SHAPE = (3, 3, postfilter.FEATURES)


@pytest.fixture
def x(rng):
  return rng.normal(size=(1, 12, 16, 3)).astype(np.float32) / 10


@pytest.fixture
def added(rng):
  return rng.normal(size=(1, 12, 16, 3)).astype(np.float32) / 50


def test_no_coefficients_change_nothing(x, added):
  none = np.zeros(SHAPE, np.int32)
  np.testing.assert_array_equal(postfilter.apply(none, x, added, LEVEL), x)


def test_it_is_the_sum_of_its_features(x, added, rng):
  some = rng.integers(-20, 21, size=SHAPE)
  expected = x.copy()
  for out, colour, number in np.ndindex(*SHAPE):
    feature = postfilter.feature(
      number, x[..., colour], added[..., colour], LEVEL
    )
    expected[..., out] += some[out, colour, number] / 64 * feature
  np.testing.assert_allclose(
    postfilter.apply(some, x, added, LEVEL), expected, atol=1e-5
  )


def test_a_whole_step_of_what_was_added_takes_it_back(x, added):
  back = np.zeros(SHAPE, np.int32)
  back[range(3), range(3), 0] = -64
  np.testing.assert_allclose(
    postfilter.apply(back, x, added, LEVEL), x - added, atol=1e-6
  )


@pytest.mark.parametrize("number", range(1, postfilter.FEATURES))
def test_a_feature_sees_differences_alone_and_both_sides_alike(number, x):
  def feature(x):
    return postfilter.feature(number, x[..., 0], x[..., 0], LEVEL)

  np.testing.assert_allclose(feature(x + 1), feature(x), atol=1e-6)
  np.testing.assert_array_equal(
    feature(x[:, ::-1, ::-1]), feature(x)[:, ::-1, ::-1]
  )
  np.testing.assert_allclose(feature(-x), -feature(x), atol=1e-7)


def test_small_differences_are_not_limited_and_large_ones_are(x):
  plane = x[..., 0]
  for number in range(*postfilter.GROUPS[1].indices(99)):
    pair = [
      postfilter.feature(n, plane, plane, LEVEL * 100)
      for n in (number, number + len(postfilter.OFFSETS))
    ]
    np.testing.assert_array_equal(*pair)
    limited = postfilter.feature(
      number + len(postfilter.OFFSETS), 100 * plane, plane, LEVEL
    )
    assert np.abs(limited).max() <= 2 * LEVEL.item() + 1e-6


def test_it_reaches_as_far_as_it_says(x, added, rng):
  some = rng.integers(-20, 21, size=SHAPE)
  other = x.copy()
  other[0, 6, 7] += 1
  moved = postfilter.apply(some, other, added, LEVEL)
  moved = moved != postfilter.apply(some, x, added, LEVEL)
  rows, columns = np.nonzero(moved.any(axis=(0, 3)))
  assert (rows.min(), rows.max()) == (
    6 - postfilter.REACH,
    6 + postfilter.REACH,
  )
  assert (columns.min(), columns.max()) == (
    7 - postfilter.REACH,
    7 + postfilter.REACH,
  )
