"""Colours under an ICC profile to sRGB.

Relative colorimetric with black point compensation: what both spaces can show
stays as it is, shadows keep their detail, and white is white.
"""

import io

import numpy as np
from PIL import Image, ImageCms

# The colour space that a profile names, and Pillow's mode for it.
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}


class ProfileError(Exception):
  """The profile is damaged, or made for other colours than the image's."""


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
  """Converts an image by its profile.

  Args:
    image: of mode RGB, L or CMYK.
    profile: an ICC profile.

  Returns:
    An image of mode RGB, or L where that came in. It is the same image if the
    profile is sRGB but for rounding.

  Raises:
    ProfileError: the profile cannot be used for this image.
  """
  try:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    space = source.profile.xcolor_space.strip()
    # A grey image with an RGB profile lies on that profile's grey axis.
    given = (
      image.convert("RGB") if (image.mode, space) == ("L", "RGB") else image
    )
    if _MODES.get(space) != given.mode:
      raise ProfileError(f"it is for {space}, the image is {image.mode}")
    transform = _transform(source, given.mode)
    if given.mode != "CMYK" and _is_identity(transform, given.mode):
      return image
    converted = transform.apply(given)
  except ProfileError:
    raise
  # PyCMSError, OSError, ValueError; ImportError in a Pillow without LittleCMS.
  except Exception as error:
    raise ProfileError(" ".join(str(error).split())) from error
  # Greys stay grey, so any of the three channels will do.
  return converted.getchannel("G") if image.mode == "L" else converted


def lab_to_srgb(image: Image.Image) -> Image.Image:
  """Converts an image of mode LAB, CIE L*a*b* under D50."""
  return _transform(ImageCms.createProfile("LAB"), "LAB").apply(image)


def _transform(
  source: ImageCms.ImageCmsProfile | ImageCms.core.CmsProfile, mode: str
) -> ImageCms.ImageCmsTransform:
  return ImageCms.buildTransform(
    source,
    ImageCms.createProfile("sRGB"),
    mode,
    "RGB",
    renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
  )


def _is_identity(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
  """Whether no colour of a grid moves by more than one level.

  The many profiles that call themselves sRGB differ in their rounding; pixels
  that are sRGB already must not be touched for that.
  """
  levels = np.arange(0, 256, 15, dtype=np.uint8)
  axes = np.meshgrid(levels, levels, levels) if mode == "RGB" else [levels] * 3
  grid = np.stack(axes, axis=-1).reshape(-1, 1, 3)
  probe = Image.fromarray(grid if mode == "RGB" else grid[..., 0].copy())
  moved = np.asarray(transform.apply(probe)).astype(int) - grid
  return bool(np.abs(moved).max() <= 1)
