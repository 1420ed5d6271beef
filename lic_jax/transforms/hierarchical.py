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

from lic_jax.layers.convolution import Conv, ConvWeights, torch_uniform
from lic_jax.layers.gdn import GDNWeights
from lic_jax.layers.residual import ResidualBlock, ResidualDown, TorchConv
from lic_jax.ops import synthesis
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
  def weights(self, c_in: int) -> dict:
    n, n2, n4 = self.channels
    # (block, up) of each stage
    stages = ((c_in, n4), (n2, n2), (n, n))
    weights = {}
    for i, (block, up) in enumerate(stages):
      weights[f"block{i}"] = _Block(block, name=f"block{i}")(c_in)
      weights[f"up{i}"] = _Up(up, name=f"up{i}")(block)
      c_in = up
    weights["block3"] = _Block(n, name="block3")(n)
    weights["image"] = _conv(4 * 3, name="image")(n)
    return weights

  def function(self) -> dict:
    return {"function": "hierarchical"}

  def __call__(self, y: Float[Array, "b h w c"]) -> Float[Array, "b h16 w16 3"]:
    return synthesis.hierarchical(
      self.weights(y.shape[-1]), y, dtype=self.dtype
    )


class _Block(nn.Module):
  """Weights of a plain residual block."""

  channels: int

  @nn.compact
  def __call__(self, c_in: int) -> dict:
    c = self.channels
    weights = {
      "first": _conv(c, name="first")(c_in),
      "second": _conv(c, name="second")(c),
    }
    if c_in != c:
      weights["skip"] = _conv(c, 1, name="skip")(c_in)
    return weights


class _Up(nn.Module):
  """Weights of an upsampling residual block."""

  channels: int

  @nn.compact
  def __call__(self, c_in: int) -> dict:
    c = self.channels
    return {
      "first": _conv(4 * c, name="first")(c_in),
      "second": _conv(c, name="second")(c),
      "skip": _conv(4 * c, name="skip")(c_in),
      "igdn": GDNWeights(name="igdn")(c),
    }


def _conv(channels: int, kernel: int = 3, *, name: str) -> ConvWeights:
  return ConvWeights(channels, kernel, kernel_init=torch_uniform, name=name)
