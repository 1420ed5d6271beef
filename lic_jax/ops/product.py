"""A matrix product whose rows do not depend on each other.

Matrix libraries take another way for the rows that their kernels leave over,
and sums in another order have other last bits. With rows in whole groups, a
row has the same bits whatever other rows it is multiplied with; so an image
has the same pixels whatever strips it is decoded in. OpenBLAS, which NumPy
brings, keeps this on the processors tried (tests/ops/test_product.py); where a
library does not, pixels may differ by one level, never symbols.
"""

import numpy as np

from lic_jax.types import Array, Float

# A multiple of the rows that the kernels of common libraries take at once.
GROUP = 16


def product(
  x: Float[Array, "*b n"], matrix: Float[Array, "n m"]
) -> Float[Array, "*b m"]:
  """x @ matrix."""
  if not isinstance(x, np.ndarray):
    return x @ matrix
  rows = x.reshape(-1, x.shape[-1])
  count = len(rows)
  if missing := -count % GROUP:
    zeros = np.zeros((missing, rows.shape[1]), rows.dtype)
    rows = np.concatenate([rows, zeros])
  return (rows @ matrix)[:count].reshape(*x.shape[:-1], -1)
