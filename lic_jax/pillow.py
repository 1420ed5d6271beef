"""`.lic` files in Pillow: `import lic_jax.pillow`, and they open and save.

  Image.open("photo.lic")     size and mode from the header; pixels when needed
  image.save("photo.lic", codec="NAME_OR_DIR", quality=0, sga=1000)

All three options may be left out. Opening finds the codec by the file's
fingerprint among the installed ones (LIC_CODECS), and needs no JAX; saving
does. Modes RGB, L and 1 are saved; a colour profile is applied, for none is
kept. What goes wrong is an OSError, as with other formats.
"""

import io
import warnings
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from lic_jax.codec import bundle as bundles
from lic_jax.codec import container, decode
from lic_jax.data import colour
from lic_jax.types import LicError


class LicImageFile(ImageFile.ImageFile):
  """A `.lic` file, decoded when its pixels are asked for.

  `info` has the codec's fingerprint as "codec", and "quality".
  """

  format = "LIC"
  format_description = "Learned image compression"
  # The file, until it is decoded; a copy of a decoded image has none either.
  _data: bytes | None = None

  def _open(self) -> None:
    self._data = self.fp.read()
    if not _accept(self._data):
      raise SyntaxError("not a .lic file")
    try:
      header = container.unpack(self._data).header
    except LicError as error:
      raise OSError(str(error)) from error
    self._size = header.width, header.height
    self._mode = "L" if header.is_grey else "RGB"
    self.info["codec"] = header.fingerprint.hex()
    self.info["quality"] = header.quality / bundles.STEPS_PER_QUALITY

  def load(self) -> object:
    """Decodes, the first time.

    Raises:
      OSError: the file is damaged, or its codec is not installed.
    """
    if self._data is not None:
      try:
        file = container.unpack(self._data)
        bundle = bundles.find_fingerprint(file.header.fingerprint)
        pixels = decode.decode_file(file, bundle)
      except LicError as error:
        raise OSError(str(error)) from error
      self._data = None
      if self.fp and self._exclusive_fp:
        self.fp.close()
      # Pillow's own loader takes it from here, as if the file were raw pixels.
      self.fp = io.BytesIO(pixels.tobytes())
      self.tile = [("raw", (0, 0, *self.size), 0, self.mode)]
    return super().load()


def _accept(prefix: bytes) -> bool:
  return prefix.startswith(container.MAGIC)


def _save(image: Image.Image, file: Any, filename: str | bytes) -> None:
  """What Image.save calls.

  Raises:
    OSError: the image has another mode, or the codec cannot code it.
  """
  del filename
  if image.mode not in ("1", "L", "RGB"):
    raise OSError(f"cannot write mode {image.mode} as LIC")
  options = image.encoderinfo
  try:
    pixels = _pixels(image)
    bundle = bundles.find(options.get("codec"))
    # Imported here because it brings JAX, which opening does without.
    from lic_jax.sga import encode

    encoded = encode.encode(
      pixels,
      bundle,
      quality=options.get("quality"),
      steps=options.get("sga"),
    )
  except LicError as error:
    raise OSError(str(error)) from error
  file.write(encoded.data)


def _pixels(image: Image.Image) -> np.ndarray:
  """uint8 in sRGB or grey, (h, w, 3) or (h, w)."""
  if image.mode == "1":
    image = image.convert("L")
  if profile := image.info.get("icc_profile"):
    try:
      image = colour.to_srgb(image, profile)
    except colour.ProfileError as error:
      warnings.warn(f"the colour profile is ignored: {error}", stacklevel=4)
  return np.asarray(image)


Image.register_open(LicImageFile.format, LicImageFile, _accept)
Image.register_save(LicImageFile.format, _save)
Image.register_extension(LicImageFile.format, ".lic")
Image.register_mime(LicImageFile.format, "image/x-lic")
