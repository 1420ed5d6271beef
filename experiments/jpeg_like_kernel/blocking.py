"""How visible a grid of blocks is in a decoded image."""

import numpy as np

from lic_jax.types import UInt8

BLOCK = 16  # pixels, the stride of the latent


def blocking(
  x: UInt8[np.ndarray, "h w 3"], x_hat: UInt8[np.ndarray, "h w 3"]
) -> float:
  """Jump of the error between blocks, in units of that inside them.

  The root of the mean squared difference of the error, x_hat - x, of
  neighbours on two sides of the grid of 16x16 blocks, over that of all other
  neighbours. 1: no grid. A block transform lets two blocks err on their own,
  while inside a block neighbours err together.
  """
  error = x_hat.astype(np.float32) - x
  across, inside = [], []
  for turned in (error, error.swapaxes(0, 1)):
    jump = np.square(np.diff(turned, axis=0))
    edges = np.arange(1, len(turned)) % BLOCK == 0
    across.append(jump[edges].mean())
    inside.append(jump[~edges].mean())
  return float(np.sqrt(np.mean(across) / np.mean(inside)))
