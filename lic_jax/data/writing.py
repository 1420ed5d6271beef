"""Decoded images to files; the suffix tells the format.

Lossless where Pillow can: JPEG is written at quality 95 without subsampling of
colour, AVIF at its best, which is within two levels of 255 for colour. PNG is
written at zlib's level 3: on Kodak a third of the default's time, at sizes from
7 % smaller to 7 % larger.
"""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lic_jax.types import LicError, UInt8

_JPEG = ("JPEG", {"quality": 95, "subsampling": "4:4:4"})
_TIFF = ("TIFF", {"compression": "tiff_lzw"})
# Suffix to Pillow's name of the format and its options.
FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
  ".png": ("PNG", {"compress_level": 3}),
  ".jpg": _JPEG,
  ".jpeg": _JPEG,
  ".webp": ("WEBP", {"lossless": True}),
  ".avif": ("AVIF", {"quality": 100}),
  ".tif": _TIFF,
  ".tiff": _TIFF,
  ".jp2": ("JPEG2000", {"irreversible": False}),
  ".bmp": ("BMP", {}),
  ".ppm": ("PPM", {}),
}
# Pixels; of libjpeg and of the WebP format.
_MAX_SIDE = {"JPEG": 65500, "WEBP": 16383}


def check(path: Path) -> None:
  """Refuses a name whose format cannot be written.

  Raises:
    LicError: the suffix is none of `FORMATS`, or this Pillow lacks the format.
  """
  suffix = path.suffix.lower()
  if suffix not in FORMATS:
    known = " ".join(FORMATS)
    raise LicError(f"cannot write {path}: the suffix must be one of {known}")
  name = FORMATS[suffix][0]
  Image.preinit()  # the common formats, in a fraction of the others' time
  if name not in Image.SAVE:
    Image.init()
  if name not in Image.SAVE:
    raise LicError(f"cannot write {path}: this Pillow has no {suffix[1:]}")


def write(path: Path, pixels: UInt8[np.ndarray, "h w *c"]) -> None:
  """Writes an image under a name that `check` has passed.

  Args:
    path: the file; half of it may be there after an error.
    pixels: 8 bits: RGB, (h, w, 3), or grey, (h, w).

  Raises:
    LicError: the format cannot hold the image.
    OSError: the file cannot be written.
  """
  name, options = FORMATS[path.suffix.lower()]
  height, width = pixels.shape[:2]
  if max(height, width) > _MAX_SIDE.get(name, max(height, width)):
    raise LicError(f"{name} cannot hold {width}x{height} pixels")
  if name == "AVIF" and pixels.ndim == 3:
    options = {**options, "subsampling": "4:4:4"}
  try:
    Image.fromarray(pixels).save(path, format=name, **options)
  except (ValueError, RuntimeError, SystemError) as error:
    raise LicError(f"it cannot be written as {name} ({error})") from error
