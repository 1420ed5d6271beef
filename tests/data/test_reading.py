"""Reading for encoding: what is seen is what is coded, or a clear refusal."""

import io
import struct
import zlib

import icc
import numpy as np
import pytest
import tiny_codec
from PIL import Image, ImageCms

from lic_jax.data import reading
from lic_jax.types import LicError


@pytest.fixture(scope="module")
def rgb():
  return np.ascontiguousarray(tiny_codec.photograph()[100:148, 120:191])


def _file(pixels, format="PNG", **options) -> bytes:
  image = pixels
  if isinstance(pixels, np.ndarray):
    image = Image.fromarray(pixels)
  file = io.BytesIO()
  image.save(file, format, **options)
  return file.getvalue()


def _alpha(rgb, alpha):
  return np.dstack([rgb, np.broadcast_to(alpha, rgb.shape[:2])])


def _deep_png(rgb) -> bytes:
  """A PNG of 16 bits per channel, which Pillow reads but does not write."""

  def chunk(name, data):
    crc = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc)

  height, width = rgb.shape[:2]
  rows = (rgb.astype(">u2") * 257).reshape(height, -1)
  raw = b"".join(b"\0" + row.tobytes() for row in rows)
  header = struct.pack(">2I5B", width, height, 16, 2, 0, 0, 0)
  body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw))
  return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


@pytest.mark.parametrize(
  ("format", "options", "error"),
  [
    ("PNG", {}, 0),
    ("WEBP", {"lossless": True}, 0),
    ("TIFF", {"compression": "tiff_lzw"}, 0),
    ("JPEG2000", {}, 0),
    ("BMP", {}, 0),
    ("PPM", {}, 0),
    ("JPEG", {"quality": 95, "subsampling": 0}, 30),
    ("AVIF", {"quality": 100, "subsampling": "4:4:4"}, 3),
  ],
)
def test_every_format_gives_its_pixels(rgb, format, options, error):
  read = reading.read(_file(rgb, format, **options))
  assert read.warnings == ()
  assert read.pixels.shape == rgb.shape
  assert np.abs(read.pixels.astype(int) - rgb).max() <= error


@pytest.mark.parametrize(
  "format", ["PNG", "JPEG", "AVIF", "TIFF", "JPEG2000", "BMP", "PPM"]
)
def test_grey_stays_grey(rgb, format):
  options = {"quality": 100} if format in ("JPEG", "AVIF") else {}
  read = reading.read(_file(rgb[..., 1], format, **options))
  assert read.pixels.shape == rgb.shape[:2]
  assert np.abs(read.pixels.astype(int) - rgb[..., 1]).max() <= 2


def test_black_and_white_is_grey_and_a_palette_is_colour(rgb):
  bits = rgb[..., 0] > 127
  read = reading.read(_file(bits))
  np.testing.assert_array_equal(read.pixels, np.where(bits, 255, 0))
  palette = Image.fromarray(rgb).quantize(16)
  read = reading.read(_file(palette))
  np.testing.assert_array_equal(read.pixels, np.asarray(palette.convert("RGB")))


@pytest.mark.parametrize("format", ["JPEG", "TIFF", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_orientation_is_applied_once(rgb, format, orientation):
  exif = Image.Exif()
  exif[0x0112] = orientation
  read = reading.read(_file(rgb, format, quality=95, exif=exif)).pixels
  # 6: shown turned by 90 degrees clockwise.
  upright = np.rot90(rgb, {3: 2, 6: -1}[orientation])
  assert read.shape == upright.shape
  assert np.abs(read.astype(int) - upright).mean() < 5


def test_a_profile_is_applied(rgb):
  read = reading.read(_file(rgb, icc_profile=icc.rgb()))
  assert read.warnings == ()
  # Adobe RGB's formulas, then sRGB's, by hand.
  columns = np.array(list(icc.ADOBE_RGB.values())).T
  to_srgb = np.array(  # IEC 61966-2-1, adapted to D50
    [
      [3.1338561, -1.6168667, -0.4906146],
      [-0.9787684, 1.9161415, 0.0334540],
      [0.0719453, -0.2289914, 1.4052427],
    ]
  )
  light = np.clip((rgb / 255) ** 2.2 @ columns.T @ to_srgb.T, 0, 1)
  curve = np.where(
    light < 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055
  )
  assert np.abs(read.pixels - 255 * curve).max() < 2
  assert np.abs(read.pixels.astype(int) - rgb).max() > 5


def test_an_srgb_profile_leaves_every_pixel(rgb):
  profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
  for pixels in (rgb, rgb[..., 0]):
    read = reading.read(_file(pixels, icc_profile=profile))
    np.testing.assert_array_equal(read.pixels, pixels)
    assert read.warnings == ()


def test_a_grey_profile_is_applied_and_grey_stays(rgb):
  grey = rgb[..., 1]
  for profile in (icc.grey(gamma=1.8), icc.rgb(gamma=1.8)):
    read = reading.read(_file(grey, icc_profile=profile))
    assert read.pixels.shape == grey.shape and read.warnings == ()
    light = (grey / 255) ** 1.8
    curve = np.where(
      light < 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055
    )
    assert np.abs(read.pixels - 255 * curve).max() < 2


@pytest.mark.parametrize(
  "profile", [b"nonsense", icc.rgb()[:200], icc.grey(gamma=2.2)]
)
def test_a_profile_that_cannot_be_used_is_a_warning(rgb, profile):
  read = reading.read(_file(rgb, icc_profile=profile))
  np.testing.assert_array_equal(read.pixels, rgb)
  (warning,) = read.warnings
  assert "profile is ignored" in warning and "\n" not in warning


def test_opaque_alpha_is_dropped(rgb):
  for pixels in (rgb, rgb[..., 0]):
    image = Image.fromarray(pixels)
    image.putalpha(255)
    read = reading.read(_file(image)).pixels
    np.testing.assert_array_equal(read, pixels)


def test_transparency_is_refused_or_laid_on_a_colour(rgb):
  alpha = np.full(rgb.shape[:2], 255, np.uint8)
  alpha[:10], alpha[10:20] = 0, 128
  for format in ("PNG", "WEBP", "TIFF"):
    data = _file(_alpha(rgb, alpha), format, lossless=True)
    with pytest.raises(LicError, match="transparent; --background"):
      reading.read(data)
    read = reading.read(data, background="#102030").pixels
    assert (read[:10] == (0x10, 0x20, 0x30)).all()
    half = (rgb[10:20] * 128.0 + np.array([16, 32, 48]) * 127) / 255
    assert np.abs(read[10:20] - half).max() <= 1
    np.testing.assert_array_equal(read[20:], rgb[20:])


def test_a_transparent_colour_counts_as_transparency(rgb):
  palette = Image.fromarray(rgb).quantize(16)
  with pytest.raises(LicError, match="transparent"):
    reading.read(_file(palette, transparency=3))
  with pytest.raises(LicError, match="transparent"):
    data = _file(rgb, transparency=tuple(rgb[0, 0].tolist()))
    reading.read(data)


def test_grey_on_grey_stays_grey_and_on_colour_is_colour(rgb):
  image = Image.fromarray(rgb[..., 0])
  image.putalpha(0)
  data = _file(image)
  assert (reading.read(data, background="#777").pixels == 0x77).all()
  assert reading.read(data, background="#777").pixels.ndim == 2
  read = reading.read(data, background="red").pixels
  assert (read == (255, 0, 0)).all()


@pytest.mark.parametrize("format", ["PNG", "TIFF", "PPM", "JPEG2000"])
def test_sixteen_bit_grey_is_converted_on_request(rgb, format):
  deep = rgb[..., 0].astype(np.uint16) * 257
  data = _file(deep, format)
  with pytest.raises(LicError, match="has 16 bits per channel; --convert"):
    reading.read(data)
  read = reading.read(data, convert=True).pixels
  np.testing.assert_array_equal(read, rgb[..., 0])


def test_sixteen_bit_colour_is_converted_on_request(rgb):
  height, width = rgb.shape[:2]
  ppm = f"P6 {width} {height} 65535\n".encode()
  ppm += (rgb.astype(">u2") * 257).tobytes()
  for data in (_deep_png(rgb), ppm):
    with pytest.raises(LicError, match="has 16 bits per channel; --convert"):
      reading.read(data)
    read = reading.read(data, convert=True).pixels
    np.testing.assert_array_equal(read, rgb)


def test_cmyk_is_converted_on_request():
  white_and_black = np.zeros((16, 16, 4), np.uint8)
  white_and_black[8:, :, 3] = 255
  image = Image.frombytes("CMYK", (16, 16), white_and_black.tobytes())
  for format in ("JPEG", "TIFF"):
    data = _file(image, format)
    with pytest.raises(LicError, match="pixels are CMYK; --convert"):
      reading.read(data)
    read = reading.read(data, convert=True).pixels
    assert read.shape == (16, 16, 3)
    assert read[:7].min() > 250 and read[9:].max() < 5


def test_lab_is_converted_on_request(rgb):
  lab = ImageCms.profileToProfile(
    Image.fromarray(rgb),
    ImageCms.createProfile("sRGB"),
    ImageCms.createProfile("LAB"),
    outputMode="LAB",
  )
  data = _file(lab, "TIFF")
  with pytest.raises(LicError, match="pixels are LAB; --convert"):
    reading.read(data)
  read = reading.read(data, convert=True).pixels
  assert np.abs(read.astype(int) - rgb).mean() < 3


def test_floating_point_is_converted_from_0_to_1_only(rgb):
  values = rgb[..., 0].astype(np.float32) / 255
  data = _file(values, "TIFF")
  with pytest.raises(LicError, match="32 bits per channel; --convert"):
    reading.read(data)
  read = reading.read(data, convert=True).pixels
  np.testing.assert_array_equal(read, rgb[..., 0])
  for bad in (values * 255, values * np.nan):
    with pytest.raises(LicError, match=r"outside 0\.\.1"):
      reading.read(_file(bad, "TIFF"), convert=True)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_of_several_frames_the_first_is_taken(rgb, format):
  first, second = Image.fromarray(rgb), Image.fromarray(rgb[:, ::-1].copy())
  options = {"lossless": True} if format == "WEBP" else {"quality": 100}
  data = _file(first, format, save_all=True, append_images=[second], **options)
  read = reading.read(data)
  assert read.warnings == ("only the first of 2 frames is taken",)
  assert np.abs(read.pixels.astype(int) - rgb).mean() < 2


def test_other_formats_are_refused(rgb):
  for format in ("GIF", "ICO", "EPS", "TGA"):
    with pytest.raises(LicError, match="not a PNG, JPEG"):
      reading.read(_file(rgb, format))
  for data in (b"", b"text\n" * 40, b"\xff\xd8"):
    with pytest.raises(LicError):
      reading.read(data)


@pytest.mark.parametrize("format", reading.FORMATS)
def test_damage_is_a_picture_or_one_line(rgb, format, rng):
  data = _file(rgb, format)
  cuts = [data[:length] for length in range(0, len(data), len(data) // 7)]
  for _ in range(12):
    damaged = bytearray(data)
    damaged[rng.integers(min(len(data), 400))] ^= 1 << rng.integers(8)
    cuts.append(bytes(damaged))
  for cut in cuts:
    try:
      read = reading.read(cut)
    except LicError as error:
      assert str(error) and "\n" not in str(error)
    else:
      assert read.pixels.dtype == np.uint8


def test_an_image_beyond_the_limit_is_refused_before_it_is_decoded():
  data = _file(Image.new("1", (20000, 20000)))
  limit = Image.MAX_IMAGE_PIXELS
  with pytest.raises(LicError, match="20000x20000 pixels; the limit is 2684"):
    reading.read(data)
  assert limit == Image.MAX_IMAGE_PIXELS
  data = _file(Image.new("1", (20, 20)))
  with pytest.raises(LicError, match="20x20 pixels; the limit is 399"):
    reading.read(data, max_pixels=399)
  assert reading.read(data, max_pixels=400).pixels.shape == (20, 20)
