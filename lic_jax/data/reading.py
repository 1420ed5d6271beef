"""Image files for encoding: what is seen is what is coded, or a refusal.

  file --depth, mode--> 8 bits --profile--> sRGB --alpha--> RGB or grey pixels

A codec must not change a picture unasked. Anything that 8-bit sRGB or grey
cannot hold (transparency, more bits, CMYK) is refused with a line that names
the option by which it is converted. No metadata is kept: the orientation and
the colour profile are applied to the pixels, the rest is dropped.
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageColor, ImageOps

from lic_jax.data import colour, depth, images
from lic_jax.types import LicError

# Pillow's names. It reads many formats more, by decoders that few have tried.
FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "JPEG2000", "BMP", "PPM")
# By which images in a folder are known.
SUFFIXES = (
  *(".png", ".jpg", ".jpeg", ".webp", ".avif", ".tif", ".tiff", ".jp2"),
  *(".bmp", ".ppm", ".pgm", ".pnm"),
)

# Pillow logs some of what it then raises, and Python prints what is logged to
# a logger without a handler.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_GREY = ("1", "L", "LA", "La")
_RGB = ("P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "YCbCr")


class Picture(NamedTuple):
  """One image as it will be coded.

  Attributes:
    pixels: uint8, (h, w, 3) in sRGB, or (h, w) for grey.
    warnings: what was left out or could not be used, a line each.
  """

  pixels: np.ndarray
  warnings: tuple[str, ...]


def read(
  data: bytes,
  *,
  background: str | None = None,
  convert: bool = False,
  max_pixels: int = images.MAX_PIXELS,
) -> Picture:
  """Reads one image.

  Args:
    data: the file.
    background: colour, as Pillow writes them, to lay under transparency.
    convert: accept what is not 8-bit RGB or grey.
    max_pixels: that the image may have; known before it is decoded.

  Raises:
    LicError: the file is no image in one of `FORMATS`, it is damaged or
      implausibly large, or it needs an option that was not given.
  """
  Image.init()
  formats = [name for name in FORMATS if name in Image.OPEN]
  try:
    with warnings.catch_warnings(), _without_pillows_limit():
      # Pillow's are about metadata, which is dropped.
      warnings.simplefilter("ignore")
      with Image.open(io.BytesIO(data), formats=formats) as image:
        if image.width * image.height > max_pixels:
          raise LicError(
            f"the image has {image.width}x{image.height} pixels; "
            f"the limit is {max_pixels}"
          )
        return _picture(image, data, background, convert)
  except LicError:
    raise
  except Image.UnidentifiedImageError:
    raise LicError(
      "not a PNG, JPEG, WebP, AVIF, TIFF, JPEG 2000, BMP or PPM image"
    ) from None
  # Pillow's decoders raise nearly anything on hostile data.
  except Exception as error:
    reason = " ".join(str(error).split()) or type(error).__name__
    raise LicError(f"cannot be read ({reason})") from error


def _picture(
  image: Image.Image, data: bytes, background: str | None, convert: bool
) -> Picture:
  bits = depth.bits_per_channel(image, data)
  if not convert:
    _check_plain(image.mode, bits)
  notes = []
  if (frames := getattr(image, "n_frames", 1)) > 1:
    notes.append(f"only the first of {frames} frames is taken")
  profile = image.info.get("icc_profile")
  image.load()
  try:
    image = ImageOps.exif_transpose(image)
  except Exception:
    notes.append("its EXIF data are damaged; it is not turned")
  image, alpha = _split(_eight_bits(image))
  if image.mode == "LAB":
    image = colour.lab_to_srgb(image)
  elif profile:
    try:
      image = colour.to_srgb(image, profile)
    except colour.ProfileError as error:
      notes.append(f"its colour profile is ignored, sRGB assumed ({error})")
  if image.mode not in ("L", "RGB"):
    image = image.convert("RGB")
  if alpha is not None:
    image = _on_background(image, alpha, background)
  return Picture(np.asarray(image), tuple(notes))


@contextlib.contextmanager
def _without_pillows_limit() -> Iterator[None]:
  """Puts Pillow's own limit on pixels aside; ours may be higher."""
  before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
  try:
    yield
  finally:
    Image.MAX_IMAGE_PIXELS = before


def _check_plain(mode: str, bits: int) -> None:
  """Refuses what only --convert may change."""
  if bits > 8:
    what = f"it has {bits} bits per channel"
  elif mode not in _GREY + _RGB:
    what = f"its pixels are {mode}"
  else:
    return
  raise LicError(f"{what}; --convert makes it 8-bit RGB or grey")


def _eight_bits(image: Image.Image) -> Image.Image:
  """16-bit and floating-point grey to mode L; other images as they are."""
  if not image.mode.startswith("I") and image.mode != "F":
    return image
  if "transparency" in image.info:
    raise LicError("transparency of 16-bit grey cannot be converted")
  white = 1.0 if image.mode == "F" else 65535.0
  values = np.asarray(image).astype(np.float64)
  # NaN fails every comparison.
  if not np.all((values >= 0) & (values <= white)):
    raise LicError(f"it has values outside 0..{white:g}, black to white")
  return Image.fromarray(np.rint(values * (255 / white)).astype(np.uint8))


def _split(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
  """Colour without transparency, and the alpha channel if it hides anything."""
  grey = image.mode in _GREY
  alpha = None
  if image.has_transparency_data:
    image = image.convert("LA" if grey else "RGBA")
    alpha = image.getchannel("A")
    if alpha.getextrema()[0] == 255:
      alpha = None
  if grey or image.mode in _RGB:
    image = image.convert("L" if grey else "RGB")
  return image, alpha


def _on_background(
  image: Image.Image, alpha: Image.Image, background: str | None
) -> Image.Image:
  """Lays an image on a colour; a grey image on grey stays grey."""
  if background is None:
    raise LicError(
      "it is transparent; --background COLOUR fills what is behind"
    )
  rgb = ImageColor.getrgb(background)[:3]
  if image.mode == "L" and len(set(rgb)) == 1:
    return Image.composite(image, Image.new("L", image.size, rgb[0]), alpha)
  behind = Image.new("RGB", image.size, rgb)
  return Image.composite(image.convert("RGB"), behind, alpha)
