"""Global intra-slice context: anchors, seen through the slice before.

LOC-LIC specification 2.4, in the form of MLIC++ after August 2023. How
non-anchors of the previous slice resemble its anchors tells where in the
current slice to look, for its anchors are known and its non-anchors are not:

  previous slice at non-anchors -> Q      previous slice at anchors -> K
  current slice at anchors -> V           out at non-anchors -> 5x5 = a
  a + [1x1, GELU, depthwise 3x3, GELU, 1x1](a)                2 w channels

Queries, keys and values are projected on the full grid, with zeros at the
positions they do not have, and attend packed.
"""

import flax.linen as nn

from lic_jax.entropy.checkerboard import Pass, keep, pack, unpack
from lic_jax.entropy.multi_reference.linear_attention import (
  FeedForward,
  Projection,
  attend,
)
from lic_jax.layers.residual import TorchConv
from lic_jax.types import Array, Float

HEADS = 2


class IntraSlice(nn.Module):
  """Two neighbouring slices -> 2 `width` channels of context.

  Attributes:
    width: unit of the widths; 32 in the paper.
    dtype: of the products of convolutions.
  """

  width: int = 32
  dtype: str = "float32"

  @nn.compact
  def __call__(
    self, previous: Float[Array, "b h w c"], anchors: Float[Array, "b h w c"]
  ) -> Float[Array, "b h w c2"]:
    """Args: the slice before, decoded; this one with zeros at non-anchors."""
    w, dtype = self.width, self.dtype
    q = Projection(dtype, name="query")(keep(previous, Pass.NON_ANCHOR))
    k = Projection(dtype, name="key")(keep(previous, Pass.ANCHOR))
    v = Projection(dtype, name="value")(anchors)
    packed = attend(
      pack(q, Pass.NON_ANCHOR),
      pack(k, Pass.ANCHOR),
      pack(v, Pass.ANCHOR),
      heads=HEADS,
    )
    a = unpack(packed, Pass.NON_ANCHOR)
    a = TorchConv(2 * w, 5, dtype=dtype, name="fusion")(a)
    return a + FeedForward(4 * w, 2 * w, dtype, name="feed_forward")(a)
