import io
import warnings

import numpy as np
import pytest
from PIL import Image

from lic_jax.data import images
from lic_jax.types import LicError


@pytest.fixture
def rgb():
  rng = np.random.default_rng(0)
  return rng.integers(0, 256, (24, 31, 3), np.uint8)


def _saved(image, path, **options):
  image.save(path, **options)
  return images.read_rgb(path)


def test_png_survives_a_round_trip(rgb, tmp_path):
  images.write_png(tmp_path / "a.png", rgb)
  np.testing.assert_array_equal(images.read_rgb(tmp_path / "a.png"), rgb)


def test_path_bytes_and_open_file_read_the_same(rgb, tmp_path):
  images.write_png(tmp_path / "a.png", rgb)
  encoded = (tmp_path / "a.png").read_bytes()
  for source in (str(tmp_path / "a.png"), encoded, io.BytesIO(encoded)):
    np.testing.assert_array_equal(images.read_rgb(source), rgb)


def test_failed_write_leaves_nothing_and_keeps_the_old_file(rgb, tmp_path):
  images.write_png(tmp_path / "a.png", rgb)
  (tmp_path / "b").mkdir()
  with pytest.raises(LicError, match="missing"):
    images.write_png(tmp_path / "missing" / "a.png", rgb)
  with pytest.raises(LicError, match="cannot be written"):
    images.write_png(tmp_path / "b", rgb)
  assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b"]


def test_grey_is_three_equal_channels(rgb, tmp_path):
  read = _saved(Image.fromarray(rgb[..., 0]), tmp_path / "grey.png")
  np.testing.assert_array_equal(read, np.repeat(rgb[..., :1], 3, axis=-1))


def test_black_and_white_is_0_and_255(rgb, tmp_path):
  bits = rgb[..., 0] > 127
  read = _saved(Image.fromarray(bits), tmp_path / "bits.png")
  np.testing.assert_array_equal(read[..., 1], np.where(bits, 255, 0))


def test_palette_gives_its_colours(rgb, tmp_path):
  palette = Image.fromarray(rgb).quantize(16)
  read = _saved(palette, tmp_path / "palette.png")
  np.testing.assert_array_equal(read, np.asarray(palette.convert("RGB")))


def test_cmyk_is_converted(tmp_path):
  white_and_black = np.zeros((16, 16, 4), np.uint8)
  white_and_black[8:, :, 3] = 255
  image = Image.fromarray(white_and_black, mode="CMYK")
  read = _saved(image, tmp_path / "cmyk.jpg", quality=100)
  assert read.shape == (16, 16, 3)
  assert read[:8].min() > 250 and read[8:].max() < 5


def test_sixteen_bits_map_the_whole_range_to_eight(tmp_path):
  deep = np.array([[0, 256, 257, 32768, 65535]], np.uint16)
  read = _saved(Image.fromarray(deep), tmp_path / "deep.png")
  np.testing.assert_array_equal(read[0, :, 0], [0, 1, 1, 128, 255])


def test_transparency_is_composited_on_white(rgb, tmp_path):
  alpha = np.zeros((*rgb.shape[:2], 1), np.uint8)
  alpha[:12] = 255
  image = Image.fromarray(np.concatenate([rgb, alpha], axis=-1))
  read = _saved(image, tmp_path / "rgba.png")
  np.testing.assert_array_equal(read[:12], rgb[:12])
  assert (read[12:] == 255).all()


def test_palette_with_transparency_is_composited_on_white(tmp_path):
  palette = Image.new("P", (8, 8), 0)
  palette.putpalette([10, 20, 30])
  read = _saved(palette, tmp_path / "hole.png", transparency=0)
  assert (read == 255).all()


def test_exif_orientation_is_applied(tmp_path):
  upright = np.zeros((32, 16, 3), np.uint8)
  upright[:16] = 255
  exif = Image.Exif()
  exif[0x0112] = 6  # Shown turned by 90 degrees clockwise.
  lying = Image.fromarray(np.ascontiguousarray(np.rot90(upright)))
  read = _saved(lying, tmp_path / "turned.jpg", quality=95, exif=exif)
  assert read.shape == (32, 16, 3)
  assert read[:15].min() > 240 and read[17:].max() < 15


def test_one_pixel_is_an_image(tmp_path):
  read = _saved(Image.new("RGB", (1, 1), (1, 2, 3)), tmp_path / "one.png")
  assert read.tolist() == [[[1, 2, 3]]]


def test_truncated_image_is_an_error_naming_the_file(rgb, tmp_path):
  for format in ("jpeg", "png", "webp", "tiff"):
    path = tmp_path / f"cut.{format}"
    Image.fromarray(rgb).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(LicError, match=rf"cut\.{format}: [^\n]+$"):
      images.read_rgb(path)


@pytest.mark.parametrize("content", [b"", b"some text\n" * 30, b"\xff\xd8"])
def test_what_is_no_image_is_an_error_naming_the_file(content, tmp_path):
  (tmp_path / "text.jpg").write_bytes(content)
  with pytest.raises(LicError, match=r"text\.jpg: [^\n]+$"):
    images.read_rgb(tmp_path / "text.jpg")


def test_missing_file_and_folder_are_errors(tmp_path):
  with pytest.raises(LicError, match=r"none\.png: no such file"):
    images.read_rgb(tmp_path / "none.png")
  with pytest.raises(LicError, match="cannot be read"):
    images.read_rgb(tmp_path)


def test_floating_point_pixels_are_an_error(tmp_path):
  Image.new("F", (4, 4)).save(tmp_path / "float.tiff")
  with pytest.raises(LicError, match="floating-point"):
    images.read_rgb(tmp_path / "float.tiff")


def test_decompression_bomb_is_refused_before_it_is_decoded(
  tmp_path, monkeypatch
):
  Image.new("1", (20000, 20000)).save(tmp_path / "bomb.png")
  with pytest.raises(LicError, match=r"bomb\.png"):
    images.read_rgb(tmp_path / "bomb.png")
  monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
  with pytest.raises(LicError, match="20000x20000 is too large"):
    images.read_rgb(tmp_path / "bomb.png")


def test_any_prefix_of_a_file_is_read_or_refused_in_one_line(rgb):
  encoded = io.BytesIO()
  Image.fromarray(rgb).save(encoded, "JPEG")
  encoded = encoded.getvalue()
  for length in range(0, len(encoded), 37):
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")
      try:
        images.read_rgb(encoded[:length])
      except LicError as error:
        assert "\n" not in str(error)


def test_bundled_photographs_are_colour_and_need_no_download():
  photographs = images.bundled_photographs()
  assert {"astronaut", "chelsea", "coffee", "rocket"} <= set(photographs)
  for rgb in photographs.values():
    assert rgb.dtype == np.uint8 and rgb.shape[2] == 3
    assert min(rgb.shape[:2]) >= 256
    assert (rgb[..., 0] != rgb[..., 2]).mean() > 0.5
