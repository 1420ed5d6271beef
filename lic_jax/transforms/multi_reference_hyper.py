"""Hyper-analysis and hyper-synthesis of MLIC++ and LOC-LIC.

LOC-LIC specification 2.1. Nine tenths of the hyper-synthesis' 21.2 kMAC/pixel
are its last two layers. M is the latent's width, N the hyper-latent's:

  y -> 3x3 N, 3x3 N, 3x3 /2 N, 3x3 N, 3x3 /2 N -> z
  z_hat -> 3x3 M, up M, 3x3 1.5 M, up 1.5 M, 3x3 2 M -> [scales, means]

with a GELU between any two, and `up` a 3x3 convolution and a pixel shuffle.
"""

import flax.linen as nn

from lic_jax.layers.residual import TorchConv, Upsample
from lic_jax.ops.gelu import gelu
from lic_jax.types import Array, Float

STRIDES = (1, 1, 2, 1, 2)


class HyperAnalysis(nn.Module):
  """Latent -> hyper-latent; takes the signed, continuous y."""

  channels: int = 128
  dtype: str = "float32"

  @nn.compact
  def __call__(self, y: Float[Array, "b h w c"]) -> Float[Array, "b h4 w4 c2"]:
    z = y
    for i, stride in enumerate(STRIDES):
      layer = TorchConv(
        self.channels, stride=stride, dtype=self.dtype, name=f"conv{i}"
      )
      z = layer(gelu(z) if i else z)
    return z


class HyperSynthesis(nn.Module):
  """Decoded hyper-latent -> features of the latent's prior.

  The first half is the paper's "hyper scales", the second its "hyper means";
  entropy parameters see both, residual prediction the second.
  """

  latent_channels: int = 320
  dtype: str = "float32"

  @nn.compact
  def __call__(self, z: Float[Array, "b h w c"]) -> Float[Array, "b h4 w4 c2"]:
    m, dtype = self.latent_channels, self.dtype
    t = gelu(TorchConv(m, dtype=dtype, name="conv0")(z))
    t = gelu(Upsample(m, dtype=dtype, name="up0")(t))
    t = gelu(TorchConv(m * 3 // 2, dtype=dtype, name="conv1")(t))
    t = gelu(Upsample(m * 3 // 2, dtype=dtype, name="up1")(t))
    return TorchConv(2 * m, dtype=dtype, name="conv2")(t)
