import numpy as np
import pytest

from lic_jax.data.patches import centre_patch, random_patch, shrink


@pytest.fixture
def rgb():
  """Each pixel is its own (row, column)."""
  rows, columns = np.indices((90, 70), np.uint8)
  return np.stack([rows, columns, np.full_like(rows, 7)], axis=-1)


def test_patch_is_a_rectangle_of_its_photograph(rgb):
  rng = np.random.default_rng(1)
  for _ in range(50):
    patch = random_patch(rgb, rng, size=32)
    top, left = patch[0, 0, :2].astype(int)
    np.testing.assert_array_equal(patch, rgb[top : top + 32, left : left + 32])


def test_every_place_is_reached(rgb):
  rng = np.random.default_rng(2)
  corners = {
    tuple(random_patch(rgb[:34, :33], rng, size=32)[0, 0, :2])
    for _ in range(200)
  }
  assert corners == {(top, left) for top in range(3) for left in range(2)}


def test_same_generator_state_gives_the_same_patch(rgb):
  one, other = (
    random_patch(rgb, np.random.default_rng(3), size=32, downscale=(0.6, 1.0))
    for _ in range(2)
  )
  np.testing.assert_array_equal(one, other)


def test_image_smaller_than_the_patch_gives_none(rgb):
  rng = np.random.default_rng(4)
  assert random_patch(rgb, rng, size=71) is None
  assert centre_patch(rgb, size=71) is None
  assert random_patch(rgb[:70], rng, size=70).shape == (70, 70, 3)


def test_downscale_never_goes_below_the_patch(rgb):
  rng = np.random.default_rng(5)
  for size in (1, 32, 69, 70):
    for _ in range(20):
      patch = random_patch(rgb, rng, size=size, downscale=(0.01, 1.0))
      assert patch.shape == (size, size, 3)


def test_downscale_draws_its_factor_uniformly_and_keeps_the_ratio(rgb):
  rng = np.random.default_rng(6)
  shapes = [
    shrink(rgb, rng, size=16, downscale=(0.5, 1.0)).shape for _ in range(200)
  ]
  factors = np.array([shape[0] / 90 for shape in shapes])
  assert 0.49 < factors.min() < 0.52 and 0.98 < factors.max() <= 1.0
  assert abs(factors.mean() - 0.75) < 0.03
  for height, width, _ in shapes:
    assert abs(width / 70 - height / 90) < 0.02


def test_downscale_by_one_changes_nothing(rgb):
  rng = np.random.default_rng(7)
  np.testing.assert_array_equal(
    shrink(rgb, rng, size=16, downscale=(1.0, 1.0)), rgb
  )


def test_centre_patch_has_equal_margins(rgb):
  patch = centre_patch(rgb, size=30)
  assert tuple(patch[0, 0, :2]) == (30, 20)
