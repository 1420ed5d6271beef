"""Hyper-analysis and hyper-synthesis of the mean-scale hyperprior.

Shallow-decoder specification 1.4. `channels` is the hyper-latent's width w: 320
in the paper, where the hyper-synthesis (15.18 kMAC/pixel) is three quarters of
all decoding; the default codec is narrower.

  y -> 3x3, ReLU, 5x5 /2, ReLU, 5x5 /2 -> z              (all w channels)
  z_hat -> 5x5 x2 w, ReLU, 5x5 x2 1.5 w, ReLU, 3x3 2 c -> [mean, s]
"""

import flax.linen as nn
import jax.numpy as jnp

from lic_jax.layers.convolution import Conv, ConvWeights
from lic_jax.ops import synthesis
from lic_jax.types import Array, Float

KERNELS = (5, 5, 3)
STRIDES = (2, 2, 1)


class HyperAnalysis(nn.Module):
  """Latent -> hyper-latent; takes the signed, continuous y.

  The latent's channels differ a hundredfold in scale, and what the scales of
  its neighbours tell is relative. Companded, it is sign(y) log(1 + |y|) beside
  log(1 + |y|), in which both are plain to see, and from which
  `training.hyper_start` begins. Not in the paper, and of no concern to the
  decoder.

  Attributes:
    channels: w.
    companded: whether y is companded first.
    dtype: of the products.
  """

  channels: int = 320
  companded: bool = False
  dtype: str = "float32"

  @nn.compact
  def __call__(self, y: Float[Array, "b h w c"]) -> Float[Array, "b h4 w4 c2"]:
    w, dtype = self.channels, self.dtype
    if self.companded:
      magnitude = jnp.log1p(jnp.abs(y))
      y = jnp.concatenate([jnp.sign(y) * magnitude, magnitude], axis=-1)
    t = nn.relu(Conv(w, kernel=3, dtype=dtype, name="conv0")(y))
    t = nn.relu(Conv(w, kernel=5, stride=2, dtype=dtype, name="conv1")(t))
    return Conv(w, kernel=5, stride=2, dtype=dtype, name="conv2")(t)


class HyperSynthesis(nn.Module):
  """Decoded hyper-latent -> [mean, s], (b, 4 h, 4 w, 2 latent_channels)."""

  channels: int = 320
  latent_channels: int = 320
  dtype: str = "float32"

  @nn.compact
  def weights(self, c_in: int) -> dict:
    w = self.channels
    widths = (w, w * 3 // 2, 2 * self.latent_channels)
    weights = {}
    for i, width in enumerate(widths):
      layer = ConvWeights(width, KERNELS[i], name=f"conv{i}")
      weights[f"conv{i}"] = layer(c_in)
      c_in = width
    return weights

  def function(self) -> dict:
    return {"function": "hyper_synthesis", "strides": list(STRIDES)}

  def __call__(self, z: Float[Array, "b h w c"]) -> Float[Array, "b h4 w4 c2"]:
    weights = self.weights(z.shape[-1])
    return synthesis.hyper_synthesis(
      weights, z, strides=STRIDES, dtype=self.dtype
    )
