"""Entropy parameters: what all contexts say together, of one pass of a slice.

LOC-LIC specification 2.4: 1x1 convolutions, so that no position sees another.
They may therefore run on the packed half of the grid that the pass decodes,
for half the arithmetic and the same numbers; the authors' code runs them on
the full grid and masks.
"""

import flax.linen as nn

from lic_jax.entropy.checkerboard import HALF, Pass, keep, pack, unpack
from lic_jax.layers.residual import TorchConv
from lic_jax.ops.gelu import gelu
from lic_jax.types import Array, Float


class EntropyParameters(nn.Module):
  """1x1 10 w, GELU, 1x1 8 w, GELU, 1x1 4 w, GELU, 1x1 -> [scales, means].

  Attributes:
    channels: of the slice.
    which: the pass; zeros at the positions of the other.
    grid: "half" or "full", on which it is computed.
    width: unit w of the widths; 32 in the paper.
    dtype: of the products.
  """

  channels: int
  which: Pass
  grid: str = HALF
  width: int = 32
  dtype: str = "float32"

  @nn.compact
  def __call__(
    self, contexts: Float[Array, "b h w c"]
  ) -> Float[Array, "b h w c2"]:
    packed = self.grid == HALF
    u = pack(contexts, self.which) if packed else contexts
    for i, multiple in enumerate((10, 8, 4)):
      channels = multiple * self.width
      u = gelu(TorchConv(channels, 1, dtype=self.dtype, name=f"conv{i}")(u))
    u = TorchConv(2 * self.channels, 1, dtype=self.dtype, name="conv3")(u)
    return unpack(u, self.which) if packed else keep(u, self.which)
