"""Image files to 8-bit RGB arrays and back; the photographs that need no disk.

Training wants as many photographs as possible, so `read_rgb` turns whatever
Pillow opens into 8-bit RGB and raises one clear `LicError` for the rest. It
ignores colour profiles. What the codec must give back is read by `reading.py`,
which is stricter.
"""

import importlib.util
import io
import os
import pathlib
import secrets

import numpy as np
from PIL import Image, ImageOps

from lic_jax.types import LicError

# Natural colour photographs among the files of the scikit-image wheel. The
# right motorcycle is left out because it is the left one again.
BUNDLED = (
  "astronaut.png",
  "chelsea.png",
  "coffee.png",
  "hubble_deep_field.jpg",
  "motorcycle_left.png",
  "rocket.jpg",
)

# Half of it is where Pillow itself begins to warn of decompression bombs.
MAX_PIXELS = 1 << 28


def read_rgb(
  source: str | os.PathLike | bytes | io.IOBase, *, name: str | None = None
) -> np.ndarray:
  """Reads one image as 8-bit RGB, whatever its mode.

  Grey and palette images are expanded, CMYK is converted without its profile,
  16 bits become 8, transparency is composited on white, the EXIF orientation
  is applied, and of an animation the first frame is taken.

  Args:
    source: a path, the bytes of a file, or an open binary file.
    name: what an error calls the image; by default the path.

  Returns:
    uint8 array, (h, w, 3).

  Raises:
    LicError: the image is missing, truncated, corrupt, not an image, of a
      mode without a defined meaning in 8-bit RGB, or implausibly large.
  """
  if isinstance(source, str | os.PathLike):
    name = name or os.fspath(source)
  file = io.BytesIO(source) if isinstance(source, bytes) else source
  name = name or getattr(file, "name", None) or "image"
  try:
    with Image.open(file) as image:
      if image.width * image.height > MAX_PIXELS:
        raise LicError(f"{name}: {image.width}x{image.height} is too large")
      return np.asarray(_to_rgb(ImageOps.exif_transpose(image)))
  except LicError:
    raise
  except FileNotFoundError:
    raise LicError(f"{name}: no such file") from None
  except Image.UnidentifiedImageError:
    raise LicError(f"{name}: not an image in a known format") from None
  # Pillow's decoders raise nearly anything on hostile data: OSError,
  # SyntaxError, ValueError, struct.error, IndexError, DecompressionBombError.
  except Exception as error:
    reason = " ".join(str(error).split()) or type(error).__name__
    raise LicError(f"{name}: cannot be read ({reason})") from error


def write_png(path: str | os.PathLike, rgb: np.ndarray) -> None:
  """Writes an 8-bit image as PNG, whole or not at all.

  Args:
    path: file to write or replace.
    rgb: uint8 array, (h, w, 3).

  Raises:
    LicError: the file cannot be written; nothing is left behind.
  """
  path = pathlib.Path(path)
  temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
  try:
    Image.fromarray(rgb).save(temporary, format="PNG")
    os.replace(temporary, path)
  except OSError as error:
    raise LicError(
      f"{path}: cannot be written ({error.strerror or error})"
    ) from error
  finally:
    temporary.unlink(missing_ok=True)


def bundled_paths() -> tuple[pathlib.Path, ...]:
  """Returns the files of `BUNDLED` inside the installed scikit-image.

  Raises:
    LicError: scikit-image is not installed, or came without its samples.
  """
  package = importlib.util.find_spec("skimage")
  if package is None or package.origin is None:
    raise LicError("the bundled photographs need scikit-image: install it")
  folder = pathlib.Path(package.origin).parent / "data"
  paths = tuple(folder / name for name in BUNDLED)
  for path in paths:
    if not path.is_file():
      raise LicError(f"{path}: missing from this scikit-image")
  return paths


def bundled_photographs() -> dict[str, np.ndarray]:
  """Returns the bundled photographs by name, each uint8 (h, w, 3).

  Raises:
    LicError: scikit-image is not installed, or came without its samples.
  """
  return {path.stem: read_rgb(path) for path in bundled_paths()}


def _to_rgb(image: Image.Image) -> Image.Image:
  """Converts any Pillow image to mode RGB."""
  if image.mode.startswith("I"):
    # 16 bits, as I;16, I;16B or, from old Pillows, I: 65535 becomes 255.
    values = np.asarray(image).astype(np.float64) / 257
    grey = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")
  if image.mode == "F":
    raise LicError("floating-point pixels have no defined range")
  if image.has_transparency_data:
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
  return image.convert("RGB")
