"""ELIC's transforms (He et al. 2022), without its entropy model.

Shallow-decoder specification 1.6: stages of a stride-2 5x5 convolution and
three bottlenecks, attention after the second and the last stage. The
synthesis mirrors it.
"""

from collections.abc import Sequence

import flax.linen as nn

from lic_jax.layers.attention import Attention
from lic_jax.layers.convolution import Conv, ConvWeights
from lic_jax.layers.residual import Bottleneck
from lic_jax.ops import synthesis
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
  """Latent -> image: `ops.synthesis.elic`."""

  channels: Sequence[int] = (192, 192, 192, 3)
  dtype: str = "float32"

  @nn.compact
  def weights(self, c_in: int) -> dict:
    weights = {"attention0": _Attention(name="attention0")(c_in)}
    for stage, channels in enumerate(self.channels):
      weights[f"conv{stage}"] = ConvWeights(channels, 5, name=f"conv{stage}")(
        c_in
      )
      c_in = channels
      if stage == 1:
        weights["attention1"] = _Attention(name="attention1")(channels)
      if stage < 3:
        weights[f"blocks{stage}"] = _Bottlenecks(name=f"blocks{stage}")(
          channels
        )
    return weights

  def function(self) -> dict:
    return {"function": "elic"}

  def __call__(self, y: Float[Array, "b h w c"]) -> Float[Array, "b h16 w16 3"]:
    return synthesis.elic(self.weights(y.shape[-1]), y, dtype=self.dtype)


class _Bottlenecks(nn.Module):
  """Weights of three bottlenecks."""

  @nn.compact
  def __call__(self, c: int) -> dict:
    weights = {}
    for i in range(3):
      block = _Bottleneck(name=f"block{i}")
      weights[f"block{i}"] = block(c)
    return weights


class _Bottleneck(nn.Module):
  """Weights of one."""

  @nn.compact
  def __call__(self, c: int) -> dict:
    half = c // 2
    return {
      "conv0": ConvWeights(half, 1, name="conv0")(c),
      "conv1": ConvWeights(half, 3, name="conv1")(half),
      "conv2": ConvWeights(c, 1, name="conv2")(half),
    }


class _Attention(nn.Module):
  """Weights of an attention."""

  @nn.compact
  def __call__(self, c: int) -> dict:
    return {
      "trunk": _Bottlenecks(name="trunk")(c),
      "mask": _Bottlenecks(name="mask")(c),
      "mask_conv": ConvWeights(c, 1, name="mask_conv")(c),
    }
