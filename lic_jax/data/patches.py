"""Random patches of photographs: spec section 3, the row "data".

Pure functions of an array and a generator. A photograph may first be shrunk
by a random factor, which removes traces of its earlier JPEG compression, and
is then cropped at a uniformly random place. No flips, as in the paper.
"""

import numpy as np
from PIL import Image


def shrink(
  rgb: np.ndarray,
  rng: np.random.Generator,
  *,
  size: int,
  downscale: tuple[float, float],
) -> np.ndarray:
  """Shrinks an image by one factor drawn from U[low, high), bicubic.

  Args:
    rgb: uint8 array, (h, w, 3).
    rng: advanced by one draw.
    size: no side becomes shorter than this, whatever the factor.
    downscale: (low, high) with 0 < low <= high <= 1.

  Returns:
    uint8 array, (h', w', 3).
  """
  height, width = rgb.shape[:2]
  factor = rng.uniform(*downscale)
  factor = min(1.0, max(factor, size / min(height, width)))
  target = (max(size, round(width * factor)), max(size, round(height * factor)))
  if factor == 1.0:
    return rgb
  return np.asarray(Image.fromarray(rgb).resize(target, Image.BICUBIC))


def random_patch(
  rgb: np.ndarray,
  rng: np.random.Generator,
  *,
  size: int,
  downscale: tuple[float, float] | None = None,
) -> np.ndarray | None:
  """Cuts one square patch at a uniformly random place.

  Args:
    rgb: uint8 array, (h, w, 3).
    rng: advanced by two draws, by three with a downscale.
    size: side of the patch in pixels.
    downscale: (low, high) of the random factor before the crop, or None.

  Returns:
    uint8 array, (size, size, 3), or None for an image smaller than the patch.
  """
  if min(rgb.shape[:2]) < size:
    return None
  if downscale is not None:
    rgb = shrink(rgb, rng, size=size, downscale=downscale)
  height, width = rgb.shape[:2]
  top = rng.integers(height - size + 1)
  left = rng.integers(width - size + 1)
  return rgb[top : top + size, left : left + size]


def centre_patch(rgb: np.ndarray, *, size: int) -> np.ndarray | None:
  """Cuts the square patch in the middle.

  Args:
    rgb: uint8 array, (h, w, 3).
    size: side of the patch in pixels.

  Returns:
    uint8 array, (size, size, 3), or None for an image smaller than the patch.
  """
  height, width = rgb.shape[:2]
  if min(height, width) < size:
    return None
  top, left = (height - size) // 2, (width - size) // 2
  return rgb[top : top + size, left : left + size]
