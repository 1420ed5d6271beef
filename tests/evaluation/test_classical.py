"""Classical codecs give real files whose size and quality behave."""

import numpy as np
import pytest
import skimage.data

from lic_jax.evaluation import classical
from lic_jax.types import LicError

QUALITIES = {
  "jpeg": (10, 50, 90),
  "webp": (10, 50, 90),
  "jpeg2000": (28, 33, 40),
  "avif": (10, 50, 90),
}


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
  return np.ascontiguousarray(skimage.data.coffee()[100:228, 200:360])


def writable(codec: str) -> str:
  if codec not in classical.available():
    pytest.skip(f"this build of Pillow cannot write {codec}")
  return codec


@pytest.mark.parametrize("codec", classical.CODECS)
def test_a_higher_quality_costs_more_bytes_and_gives_more_decibels(
  photograph, codec
):
  qualities = QUALITIES[codec]
  points = classical.points([photograph], writable(codec), qualities)
  sizes = [point.bytes for point in points]
  decibels = [point.psnr for point in points]
  assert sizes == sorted(set(sizes))
  assert decibels == sorted(set(decibels))
  for point, quality in zip(points, qualities):
    assert (point.codec, point.quality, point.image) == (codec, quality, 0)
    assert point.bpp == 8 * point.bytes / (128 * 160)


@pytest.mark.parametrize("codec", classical.CODECS)
def test_a_file_decodes_to_the_size_of_its_image(photograph, codec):
  quality = QUALITIES[writable(codec)][1]
  rgb = photograph[:33, :41]
  decoded = classical.decode(classical.encode(rgb, codec, quality))
  assert decoded.shape == rgb.shape
  assert decoded.dtype == np.uint8


def test_points_come_quality_by_quality_and_image_by_image(photograph):
  images = [photograph, photograph[:64, :64]]
  points = classical.points(images, "jpeg", [20, 80])
  order = [(point.quality, point.image) for point in points]
  assert order == [(20, 0), (20, 1), (80, 0), (80, 1)]


def test_psnr_of_a_known_error():
  rgb = np.full((4, 4, 3), 100, np.uint8)
  assert classical.psnr(rgb, rgb + 1) == pytest.approx(48.1308, abs=1e-4)
  assert classical.psnr(rgb, rgb) == np.inf


@pytest.mark.parametrize("target", [1500, 4000, 9000])
def test_nearest_jpeg_is_nearer_than_its_neighbours(photograph, target):
  nearest = classical.nearest_jpeg(photograph, target)
  miss = abs(len(nearest.data) - target)
  for quality in (nearest.quality - 1, nearest.quality + 1):
    options = {
      "quality": quality,
      "optimize": True,
      "subsampling": nearest.subsampling,
    }
    other = classical._save(photograph, "JPEG", options)
    assert abs(len(other) - target) >= miss
  assert miss < 0.05 * target
  decoded = classical.decode(nearest.data)
  assert classical.psnr(photograph, decoded) == nearest.psnr


def test_a_target_out_of_reach_gives_the_smallest_or_largest_jpeg(photograph):
  assert classical.nearest_jpeg(photograph, 1).quality == 1
  assert classical.nearest_jpeg(photograph, 10**7).quality == 95


@pytest.mark.parametrize("codec", classical.CODECS)
def test_nearest_brackets_the_size_asked_for(photograph, codec):
  low, high = QUALITIES[writable(codec)][0], QUALITIES[codec][-1]
  sizes = [len(classical.encode(photograph, codec, q)) for q in (low, high)]
  target = sum(sizes) // 2
  nearest = classical.nearest(photograph, codec, target)
  assert low <= nearest.quality <= high
  assert nearest.data == classical.encode(photograph, codec, nearest.quality)
  assert abs(len(nearest.data) - target) < 0.05 * target
  for extreme, place in ((1, 0), (10**7, -1)):
    quality = classical._SCALES[codec][place]
    end = classical.encode(photograph, codec, quality)
    # Neighbours at the end of a scale may be equal files.
    assert len(classical.nearest(photograph, codec, extreme).data) == len(end)


def test_one_pixel_has_a_jpeg():
  rgb = np.zeros((1, 1, 3), np.uint8)
  assert len(classical.nearest_jpeg(rgb, 100).data) > 0


def test_what_is_no_image_or_no_codec_is_refused(photograph):
  with pytest.raises(LicError, match="bmp"):
    classical.encode(photograph, "bmp", 50)
  with pytest.raises(LicError, match="bmp"):
    classical.nearest(photograph, "bmp", 5000)
  with pytest.raises(LicError, match="float64"):
    classical.encode(photograph.astype(np.float64), "jpeg", 50)
  with pytest.raises(LicError, match="JPEG"):
    classical.encode(np.zeros((1, 65600, 3), np.uint8), "jpeg", 50)
