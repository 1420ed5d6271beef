"""Shallow synthesis: JPEG-like and two-layer (Yang & Mandt 2023, section 3.2).

Shallow-decoder specification 1.7 and 1.8. A decoder of one or two transposed
convolutions costs 1 to 6 kMAC/pixel where MBT2018's costs 94; the encoder
pays with a stronger analysis. The functions themselves: `ops.synthesis`.
"""

from collections.abc import Sequence

import flax.linen as nn

from lic_jax.layers.convolution import ConvWeights
from lic_jax.layers.gdn import GDNWeights
from lic_jax.ops import synthesis
from lic_jax.types import Array, Float


class JpegLike(nn.Module):
  """One transposed convolution, latent -> image.

  Attributes:
    kernel: side k of the painted patches; 18 in the paper, 16 tiles exactly.
    stride: upsampling factor.
    dtype: of the products.
  """

  kernel: int = 18
  stride: int = 16
  dtype: str = "float32"

  @nn.compact
  def weights(self, c_in: int) -> dict:
    return {"conv": ConvWeights(3, self.kernel, name="conv")(c_in)}

  def function(self) -> dict:
    return {"function": "jpeg_like", "stride": self.stride}

  def __call__(self, y: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 3"]:
    weights = self.weights(y.shape[-1])
    return synthesis.jpeg_like(weights, y, stride=self.stride, dtype=self.dtype)


class TwoLayer(nn.Module):
  """conv2(IGDN1(conv1(y)) + conv_res(y)), latent -> image.

  Attributes:
    channels: hidden channels N; 12 in the paper, 24 without residual.
    kernels: sides of the two kernels.
    strides: upsampling of the two layers.
    residual: whether the linear path conv_res is there.
    dtype: of the products.
  """

  channels: int = 12
  kernels: Sequence[int] = (13, 5)
  strides: Sequence[int] = (8, 2)
  residual: bool = True
  dtype: str = "float32"

  @nn.compact
  def weights(self, c_in: int) -> dict:
    first, second = self.kernels
    n = self.channels
    weights = {
      "conv1": ConvWeights(n, first, name="conv1")(c_in),
      "igdn": GDNWeights(name="igdn")(n),
      "conv2": ConvWeights(3, second, name="conv2")(n),
    }
    if self.residual:
      residual = ConvWeights(n, first, name="conv_res")
      weights["conv_res"] = residual(c_in)
    return weights

  def function(self) -> dict:
    return {"function": "two_layer", "strides": list(self.strides)}

  def __call__(self, y: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 3"]:
    weights = self.weights(y.shape[-1])
    return synthesis.two_layer(
      weights, y, strides=self.strides, dtype=self.dtype
    )
