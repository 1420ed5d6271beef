"""The checkerboard: the two passes in which a slice of the latent is decoded.

LOC-LIC specification 2.2; He et al. 2021. Anchors, where row + column is odd,
come first and see no symbol of their slice; the others then see the anchors
around them. A tensor of one pass stands on the full grid with zeros elsewhere,
or packed: its row kept, pairs of columns merged. For NumPy and JAX arrays.
"""

import enum
from collections.abc import Sequence

import numpy as np

from lic_jax.ops.namespace import namespace
from lic_jax.types import Array, Bool, DecodedLatent, Shaped

FULL, HALF = GRIDS = ("full", "half")


class Pass(enum.Enum):
  """Which half of the grid; the value is the parity of row + column."""

  NON_ANCHOR = 0
  ANCHOR = 1


def positions(h: int, w: int, which: Pass) -> Bool[np.ndarray, "h w 1"]:
  """True where a symbol of this pass is."""
  parity = (np.arange(h)[:, None] + np.arange(w)) % 2
  return parity[..., None] == which.value


def keep(x: Shaped[Array, "b h w c"], which: Pass) -> Shaped[Array, "b h w c"]:
  """x at the positions of the pass, zero elsewhere."""
  return namespace(x).where(positions(*x.shape[1:3], which), x, 0)


def pack(x: Shaped[Array, "b h w c"], which: Pass) -> Shaped[Array, "b h w2 c"]:
  """The positions of the pass side by side: w2 = w / 2, w even."""
  b, h, w, c = x.shape
  pairs = x.reshape(b, h, w // 2, 2, c)
  return namespace(x).where(
    _second(h, which), pairs[..., 1, :], pairs[..., 0, :]
  )


def unpack(
  packed: Shaped[Array, "b h w2 c"], which: Pass
) -> Shaped[Array, "b h w c"]:
  """The inverse of `pack`, with zeros at the other positions."""
  b, h, w2, c = packed.shape
  second = _second(h, which)
  xp = namespace(packed)
  pairs = (xp.where(second, 0, packed), xp.where(second, packed, 0))
  return xp.stack(pairs, axis=3).reshape(b, h, 2 * w2, c)


def join(parts: Sequence[DecodedLatent]) -> DecodedLatent:
  """The latent whose consecutive channels the parts are."""
  fields = ("y_hat", "mean", "scale")
  xp = namespace(parts[0].y_hat)
  return DecodedLatent(
    **{
      name: xp.concatenate([getattr(p, name) for p in parts], axis=-1)
      for name in fields
    }
  )


def _second(h: int, which: Pass) -> Bool[np.ndarray, "h 1 1"]:
  """Whether a row has its position of the pass second in each pair."""
  return (np.arange(h)[:, None, None] % 2) != which.value
