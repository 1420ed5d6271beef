"""A post-filter for one picture, by coefficients that its file brings along.

The encoder fits it to the picture, like the adaptive loop filters of video
codecs (Tsai et al. 2013, "Adaptive loop filtering for video coding"; limited
differences: Taquet et al. 2019, "Non-linear adaptive loop filter"). To each
colour of a restored picture x are added multiples of 13 features of each colour
k, at every pixel p:

  what the restoration added to x_k,
  x_k(p + o) + x_k(p - o) - 2 x_k(p), for six offsets o within a diamond,
  the same, each of the two differences limited to the expected error.

So a picture gets back what no network can guess: how sharp it was, how its
colours go together, how much of its grain is left.
"""

import numpy as np

from lic_jax.types import Float, Int

OFFSETS = ((0, 1), (0, 2), (1, -1), (1, 0), (1, 1), (2, 0))
# Pixels on each side of a pixel that its features depend on.
REACH = 2
# Features of a colour, in groups: one, the six, the six limited.
GROUPS = (slice(0, 1), slice(1, 7), slice(7, 13))
FEATURES = 13
# What a coefficient of 1 stands for.
UNIT = np.float32(1 / 64)


def apply(
  coefficients: Int[np.ndarray, "c c2 f"],
  x: Float[np.ndarray, "b h w c"],
  added: Float[np.ndarray, "b h w c"],
  level: Float[np.ndarray, "1 1 1 1"],
) -> Float[np.ndarray, "b h w c"]:
  """A picture, filtered.

  Args:
    coefficients: of each colour, for each feature of every colour.
    x: restored picture.
    added: what the restoration added to it.
    level: the error that was expected before it.
  """
  # Colour by colour, for NumPy is faster where samples lie side by side.
  planes = np.ascontiguousarray(np.moveaxis(x, -1, 0))
  filtered = planes.copy()
  weights = UNIT * coefficients.astype(np.float32)
  for colour, number in np.argwhere(weights.any(axis=0)).tolist():
    plane = feature(number, planes[colour], added[..., colour], level)
    for out in np.flatnonzero(weights[:, colour, number]):
      filtered[out] += weights[out, colour, number] * plane
  return np.stack(filtered, axis=-1)


def feature(
  number: int,
  x: Float[np.ndarray, "b h w"],
  added: Float[np.ndarray, "b h w"],
  level: Float[np.ndarray, "1 1 1 1"],
) -> Float[np.ndarray, "b h w"]:
  """One of the features of one colour; beyond the border is what lies on it."""
  if number == 0:
    return added
  dy, dx = OFFSETS[(number - 1) % len(OFFSETS)]
  wide = np.pad(x, ((0, 0), (REACH, REACH), (REACH, REACH)), mode="edge")
  _, height, width = x.shape
  total = np.zeros_like(x)
  for sign in (1, -1):
    top, left = REACH + sign * dy, REACH + sign * dx
    difference = wide[:, top : top + height, left : left + width] - x
    if number >= GROUPS[2].start:
      np.clip(difference, -level[0], level[0], out=difference)
    total += difference
  return total
