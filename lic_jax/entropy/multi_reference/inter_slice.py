"""Global inter-slice context: decoded slices attend to one another.

LOC-LIC specification 2.4. Where earlier slices are alike, the next one will be:

  Y -> Q, K, V -> linear attention, one head per slice -> 5x5, 3 w channels = a
  a -> 1x1 (a) + [1x1, GELU, depthwise 3x3, GELU, 1x1](a)     2 w channels
"""

import flax.linen as nn

from lic_jax.entropy.multi_reference.linear_attention import (
  FeedForward,
  Projection,
  attend,
)
from lic_jax.layers.residual import TorchConv
from lic_jax.types import Array, Float


class InterSlice(nn.Module):
  """The slices decoded so far -> 2 `width` channels of context.

  Attributes:
    heads: the number of slices decoded.
    width: unit of the widths; 32 in the paper.
    dtype: of the products of convolutions.
  """

  heads: int
  width: int = 32
  dtype: str = "float32"

  @nn.compact
  def __call__(self, y: Float[Array, "b h w c"]) -> Float[Array, "b h w c2"]:
    w, dtype = self.width, self.dtype
    query, key, value = (
      Projection(dtype, name=name)(y) for name in ("query", "key", "value")
    )
    a = attend(query, key, value, heads=self.heads)
    a = TorchConv(3 * w, 5, dtype=dtype, name="fusion")(a)
    skip = TorchConv(2 * w, 1, dtype=dtype, name="skip")(a)
    return skip + FeedForward(4 * w, 2 * w, dtype, name="feed_forward")(a)
