"""LOC-LIC's hierarchical transforms (Ameen et al., section III).

LOC-LIC specification 1.2 and 1.3: few channels at high resolution, doubling
as the resolution halves, so that every 3x3 convolution costs the same
2.3 kMAC/pixel at each of the three levels.

  x -> down N, block N, down 2N, block 2N, down 4N, block 4N, 3x3 /2 M -> y
  y -> block M, up 4N, block 2N, up 2N, block N, up N, block N, upsample 3 -> x

The default codec adds to its analysis a linear 16x16 /16 path of its own, for
0.96 kMAC/pixel: what `training.start` can set to a closed-form transform.
"""

from collections.abc import Sequence

import flax.linen as nn

from lic_jax.layers.convolution import Conv
from lic_jax.layers.residual import (
  ResidualBlock,
  ResidualDown,
  ResidualUp,
  TorchConv,
  Upsample,
)
from lic_jax.types import Array, Float


class Analysis(nn.Module):
  """Image -> latent.

  Attributes:
    channels: widths at 1/2, 1/4 and 1/8 resolution.
    latent_channels: M.
    linear: whether the linear path is there; not in the paper.
    dtype: of the products.
  """

  channels: Sequence[int] = (32, 64, 128)
  latent_channels: int = 320
  linear: bool = False
  dtype: str = "float32"

  @nn.compact
  def __call__(self, x: Float[Array, "b h w 3"]) -> Float[Array, "b h16 w16 c"]:
    u = x
    for i, channels in enumerate(self.channels):
      u = ResidualDown(channels, self.dtype, name=f"down{i}")(u)
      u = ResidualBlock(channels, self.dtype, name=f"block{i}")(u)
    y = TorchConv(
      self.latent_channels, stride=2, dtype=self.dtype, name="latent"
    )(u)
    if not self.linear:
      return y
    # 16x16 blocks do not overlap: 'SAME' pads nothing here.
    linear = Conv(
      self.latent_channels, 16, 16, bias=False, dtype=self.dtype, name="linear"
    )
    return y + linear(x)


class Synthesis(nn.Module):
  """Latent -> image; not clipped.

  Attributes:
    channels: widths at 1/2, 1/4 and 1/8 resolution.
    dtype: of the products.
  """

  channels: Sequence[int] = (32, 64, 128)
  dtype: str = "float32"

  @nn.compact
  def __call__(self, y: Float[Array, "b h w c"]) -> Float[Array, "b h16 w16 3"]:
    n, n2, n4 = self.channels
    widths = ((y.shape[-1], n4), (n2, n2), (n, n))  # (block, up) of each stage
    x = y
    for i, (block, up) in enumerate(widths):
      x = ResidualBlock(block, self.dtype, name=f"block{i}")(x)
      x = ResidualUp(up, self.dtype, name=f"up{i}")(x)
    x = ResidualBlock(n, self.dtype, name="block3")(x)
    return Upsample(3, self.dtype, name="image")(x)
