"""ELIC's transforms (He et al. 2022), without its entropy model.

Shallow-decoder specification 1.6: stages of a stride-2 5x5 convolution and
three bottlenecks, attention after the second and the last stage. The
synthesis mirrors it and stands in the comparison of complexities only.
"""

from collections.abc import Sequence

import flax.linen as nn

from lic_jax.layers.attention import Attention
from lic_jax.layers.convolution import Conv, ConvWeights
from lic_jax.layers.residual import Bottleneck
from lic_jax.ops.synthesis import upsample
from lic_jax.types import Array, Float


def _bottlenecks(x: Array, stage: int, dtype: str) -> Array:
  for i in range(3):
    x = Bottleneck(dtype, name=f"block{stage}_{i}")(x)
  return x


class Analysis(nn.Module):
  """Image -> latent.

  conv RBx3, conv RBx3 attention, conv RBx3, conv attention
  """

  channels: Sequence[int] = (192, 192, 192, 320)
  dtype: str = "float32"

  @nn.compact
  def __call__(self, x: Float[Array, "b h w 3"]) -> Float[Array, "b h16 w16 c"]:
    for stage, channels in enumerate(self.channels):
      x = Conv(
        channels, kernel=5, stride=2, dtype=self.dtype, name=f"conv{stage}"
      )(x)
      if stage < 3:
        x = _bottlenecks(x, stage, self.dtype)
      if stage in (1, 3):
        x = Attention(self.dtype, name=f"attention{stage}")(x)
    return x


class Synthesis(nn.Module):
  """Latent -> image.

  attention convT RBx3, convT attention RBx3, convT RBx3, convT
  """

  channels: Sequence[int] = (192, 192, 192, 3)
  dtype: str = "float32"

  @nn.compact
  def __call__(self, y: Float[Array, "b h w c"]) -> Float[Array, "b h16 w16 3"]:
    x = Attention(self.dtype, name="attention0")(y)
    for stage, channels in enumerate(self.channels):
      weights = ConvWeights(channels, 5, name=f"conv{stage}")
      x = upsample(weights(x.shape[-1]), x, 2, self.dtype)
      if stage == 1:
        x = Attention(self.dtype, name="attention1")(x)
      if stage < 3:
        x = _bottlenecks(x, stage, self.dtype)
    return x
