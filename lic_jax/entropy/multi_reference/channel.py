"""Channel context: decoded slices at the same place and beside it.

LOC-LIC specification 2.4; Minnen and Singh 2020.
"""

import flax.linen as nn

from lic_jax.layers.residual import TorchConv
from lic_jax.ops.gelu import gelu
from lic_jax.types import Array, Float


class ChannelContext(nn.Module):
  """3x3 6 w, GELU, 3x3 4 w, GELU, 3x3 4 w of the slices decoded so far.

  Attributes:
    width: unit w of the widths; 32 in the paper.
    dtype: of the products.
  """

  width: int = 32
  dtype: str = "float32"

  @nn.compact
  def __call__(self, y: Float[Array, "b h w c"]) -> Float[Array, "b h w c2"]:
    w, dtype = self.width, self.dtype
    y = gelu(TorchConv(6 * w, dtype=dtype, name="conv0")(y))
    y = gelu(TorchConv(4 * w, dtype=dtype, name="conv1")(y))
    return TorchConv(4 * w, dtype=dtype, name="conv2")(y)
