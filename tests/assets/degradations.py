"""Pairs of photographs for the MS-SSIM golden values, the same on any machine.

Integer arithmetic and the frozen `RandomState` stream only: no image codec,
so no library version can move a pixel. Read by `make_tensorflow_values.py`
(in an environment of its own) and by `tests/metrics/test_distortion.py`.
"""

import numpy as np


def noise(image: np.ndarray, strength: int) -> np.ndarray:
  """Adds seeded uniform integers of [-strength, strength]."""
  random = np.random.RandomState(strength)
  added = random.randint(-strength, strength + 1, size=image.shape)
  return np.clip(image.astype(np.int64) + added, 0, 255).astype(np.uint8)


def quantise(image: np.ndarray, strength: int) -> np.ndarray:
  """Keeps the middle of each bin of `strength` grey levels."""
  bins = image.astype(np.int64) // strength
  return np.clip(bins * strength + strength // 2, 0, 255).astype(np.uint8)


def blur(image: np.ndarray, strength: int) -> np.ndarray:
  """Box filter of 2*strength + 1 pixels a side, edges repeated."""
  side = 2 * strength + 1
  height, width = image.shape[:2]
  padded = np.pad(
    image.astype(np.int64),
    ((strength, strength), (strength, strength), (0, 0)),
    mode="edge",
  )
  total = sum(
    padded[i : i + height, j : j + width]
    for i in range(side)
    for j in range(side)
  )
  return (total // side**2).astype(np.uint8)


def invert(image: np.ndarray, strength: int) -> np.ndarray:
  """Negative of the photograph: structure correlates negatively."""
  del strength
  return 255 - image


def degrade(image: np.ndarray, *, kind: str, strength: int) -> np.ndarray:
  """Worsens a photograph.

  Args:
    image: (h, w, 3) uint8.
    kind: "noise", "quantise", "blur" or "invert".
    strength: grey levels for noise and quantise, pixels for blur.

  Returns:
    (h, w, 3) uint8.
  """
  kinds = {
    "noise": noise,
    "quantise": quantise,
    "blur": blur,
    "invert": invert,
  }
  return kinds[kind](image, strength)


def crop(image: np.ndarray, *, height: int, width: int) -> np.ndarray:
  """Top left corner of at most (height, width) pixels."""
  return np.ascontiguousarray(image[:height, :width])
