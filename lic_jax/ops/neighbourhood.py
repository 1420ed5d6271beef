"""The 5x5 window of the local context, and where its tokens stand."""

import numpy as np

from lic_jax.types import Int

WINDOW = 5
REACH = WINDOW // 2
KEYS = WINDOW**2
OFFSETS = (2 * WINDOW - 1) ** 2  # of a key from a query


def relative_index() -> Int[np.ndarray, "25 25"]:
  """The offset's number, 0 .. 80, of each query and key of a window."""
  row, column = np.divmod(np.arange(KEYS), WINDOW)
  dy, dx = (np.subtract.outer(a, a) + WINDOW - 1 for a in (row, column))
  return dy * (2 * WINDOW - 1) + dx
