import functools

import jax
import numpy as np
import pytest
from PIL import Image

from lic_jax.data import resident, sources
from lic_jax.types import LicError


@pytest.fixture
def photos(folder):
  source = sources.open_source(str(folder))
  return resident.load_resident(source, min_size=32, log=lambda line: None)


@functools.partial(jax.jit, static_argnums=2)
def _crop(photos, keys, size=32):
  return resident.crop(photos, keys, size=size)


def _keys(count, seed=0):
  return jax.random.split(jax.random.key(seed), count)


def test_photographs_lie_end_to_end_unchanged(folder, photos):
  source = sources.open_source(str(folder))
  end = 0
  for index in range(len(source)):
    rgb = source[index]
    start = photos.offset[index]
    assert start == end
    end = start + rgb.size
    assert (photos.height[index], photos.width[index]) == rgb.shape[:2]
    np.testing.assert_array_equal(photos.pixels[start:end], rgb.reshape(-1))
  assert end == photos.pixels.size


def test_crops_lie_inside_their_photographs(photos, check_place):
  patches = np.asarray(_crop(photos, _keys(2100)))
  assert patches.shape == (2100, 32, 32, 3) and patches.dtype == np.uint8
  for patch in patches[:200]:
    check_place(patch)


def test_photographs_are_equally_likely_and_every_place_is_reached(photos):
  patches = np.asarray(_crop(photos, _keys(2100)))
  counts = np.bincount(patches[:, 0, 0, 2], minlength=7)
  assert counts.min() > 240 and counts.max() < 360
  # Photograph 6 has 36x36 pixels: five places each way.
  corners = patches[patches[:, 0, 0, 2] == 6][:, 0, 0, :2]
  assert len({tuple(corner) for corner in corners}) == 25


def test_a_row_depends_on_its_own_key_alone(photos):
  keys = _keys(8)
  whole = np.asarray(_crop(photos, keys))
  parts = [np.asarray(_crop(photos, keys[i : i + 4])) for i in (0, 4)]
  np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_raw_and_typed_keys_draw_the_same(photos):
  raw = jax.random.key_data(_keys(8))
  np.testing.assert_array_equal(_crop(photos, raw), _crop(photos, _keys(8)))


def test_unusable_images_are_skipped_with_a_count(folder):
  (folder / "0.png").write_bytes(b"no image")
  Image.new("RGB", (31, 200)).save(folder / "small.png")
  lines = []
  photos = resident.load_resident(
    sources.open_source(str(folder)), min_size=32, log=lines.append
  )
  assert photos.offset.shape == (6,)
  assert "6 photographs" in lines[0]
  assert "2 skipped: 1 unreadable, 1 smaller than 32" in lines[0]


def test_downscaled_photographs_are_smaller_and_still_croppable(folder):
  source = sources.open_source(str(folder))
  one, same = (
    resident.load_resident(
      source, min_size=32, downscale=(0.6, 0.9), seed=3, log=lambda line: None
    )
    for _ in range(2)
  )
  np.testing.assert_array_equal(one.pixels, same.pixels)
  assert min(one.height.min(), one.width.min()) == 32
  # By name the third is photograph 4, whose 32 rows leave nothing to shrink.
  assert (one.height[2], one.width[2]) == (32, 90)
  assert one.height[1] < 64 and one.width[1] < 48


def test_nothing_usable_is_an_error(folder):
  source = sources.open_source(str(folder))
  with pytest.raises(LicError, match="none of 7 images"):
    resident.load_resident(source, min_size=200, log=lambda line: None)
  with pytest.raises(LicError, match="none of 7 images"):
    resident.validation_patches(source, count=2, size=200)


def test_too_many_pixels_are_an_error_with_advice(folder, monkeypatch):
  monkeypatch.setattr(resident, "_MAX_BYTES", 10_000)
  with pytest.raises(LicError, match="use the grain loader"):
    resident.load_resident(sources.open_source(str(folder)), min_size=32)


def test_validation_patches_are_the_same_centres_each_time(folder):
  (folder / "0.png").write_bytes(b"no image")
  source = sources.open_source(str(folder))
  patches = resident.validation_patches(source, count=3, size=36)
  # By name: 0 is corrupt, 4 (32x90) too small, so 2, 6 and 3 remain.
  assert patches[:, 0, 0].tolist() == [[14, 6, 2], [0, 0, 6], [7, 7, 3]]
  again = resident.validation_patches(source, count=3, size=36)
  np.testing.assert_array_equal(patches, again)
  assert len(resident.validation_patches(source, count=99, size=36)) == 4
