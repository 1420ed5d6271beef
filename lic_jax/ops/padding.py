"""Padding to a multiple of the model's stride, and the crop that undoes it.

Specification section 5: reflect at the bottom and the right.
"""

import numpy as np

from lic_jax.types import Shaped


def pad_reflect(
  x: Shaped[np.ndarray, "*b h w c"], multiple: int
) -> Shaped[np.ndarray, "*b h2 w2 c"]:
  """Pads height and width up to the next multiple by reflection.

  An axis shorter than its padding is reflected repeatedly; an axis of one
  sample is repeated.
  """
  height, width = x.shape[-3:-1]
  below, right = -height % multiple, -width % multiple
  if not below and not right:
    return x
  widths = [(0, 0)] * (x.ndim - 3) + [(0, below), (0, right), (0, 0)]
  return np.pad(x, widths, mode="reflect")
