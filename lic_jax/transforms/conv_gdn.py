"""Convolutional transforms: MBT2018, BLS2017, and the plain or linear CNN.

Shallow-decoder specification 1.1, 1.2 and 1.5. One chain each way; what differs
is the alignment and initialisation ("signal": SignalConv2D, "keras": Keras),
the activation, and the last bias of BLS2017's analysis.

  MBT2018   analysis 192 192 192 320, 5x5 /2; synthesis 192 192 192 3
  BLS2017   analysis 256 (9x9 /4) 256 256 (5x5 /2); synthesis mirrored
  CNN       the layout of MBT2018 with Keras alignment and leaky ReLU
"""

from collections.abc import Sequence

import flax.linen as nn

from lic_jax.layers.convolution import (
  Conv,
  ConvWeights,
  fan_in_normal,
  glorot_uniform,
)
from lic_jax.layers.gdn import GDN1, GDNWeights
from lic_jax.ops import synthesis
from lic_jax.types import Array, Float


class Analysis(nn.Module):
  """Image -> latent.

  Attributes:
    channels: output channels of each layer.
    kernels: side of each kernel.
    strides: downsampling of each layer.
    activation: between layers: "gdn", "leaky_relu" or "none".
    aligned: "signal" or "keras".
    last_bias: whether the last layer has a bias.
    dtype: of the products.
  """

  channels: Sequence[int] = (192, 192, 192, 320)
  kernels: Sequence[int] = (5, 5, 5, 5)
  strides: Sequence[int] = (2, 2, 2, 2)
  activation: str = "gdn"
  aligned: str = "signal"
  last_bias: bool = True
  dtype: str = "float32"

  @nn.compact
  def __call__(self, x: Float[Array, "b h w 3"]) -> Float[Array, "b h2 w2 c"]:
    signal = self.aligned == "signal"
    last = len(self.channels) - 1
    for i, channels in enumerate(self.channels):
      x = Conv(
        channels,
        kernel=self.kernels[i],
        stride=self.strides[i],
        padding="centre" if signal else "SAME",
        bias=self.last_bias or i < last,
        kernel_init=fan_in_normal if signal else glorot_uniform,
        dtype=self.dtype,
        name=f"conv{i}",
      )(x)
      if i < last and self.activation == "gdn":
        x = GDN1(name=f"gdn{i}")(x)
      elif i < last and self.activation == "leaky_relu":
        x = synthesis.leaky_relu(x)
    return x


class Synthesis(nn.Module):
  """Latent -> image: `ops.synthesis.convolutional`."""

  channels: Sequence[int] = (192, 192, 192, 3)
  kernels: Sequence[int] = (5, 5, 5, 5)
  strides: Sequence[int] = (2, 2, 2, 2)
  activation: str = "gdn"
  aligned: str = "signal"
  dtype: str = "float32"

  @nn.compact
  def weights(self, c_in: int) -> dict:
    init = fan_in_normal if self.aligned == "signal" else glorot_uniform
    weights = {}
    for i, channels in enumerate(self.channels):
      layer = ConvWeights(
        channels, self.kernels[i], kernel_init=init, name=f"conv{i}"
      )
      weights[f"conv{i}"] = layer(c_in)
      if i < len(self.channels) - 1 and self.activation == "gdn":
        weights[f"igdn{i}"] = GDNWeights(name=f"igdn{i}")(channels)
      c_in = channels
    return weights

  def function(self) -> dict:
    return {
      "function": "convolutional",
      "strides": list(self.strides),
      "activation": self.activation,
      "aligned": self.aligned,
    }

  def __call__(self, y: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 3"]:
    return synthesis.convolutional(
      self.weights(y.shape[-1]),
      y,
      strides=self.strides,
      activation=self.activation,
      aligned=self.aligned,
      dtype=self.dtype,
    )
