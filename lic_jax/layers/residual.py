"""Residual blocks of ELIC and of LOC-LIC.

ELIC's (shallow specification 1.6) is a bottleneck at one resolution; LOC-LIC's
(LOC-LIC specification 1.1) come plain, downsampling and, in `ops.synthesis`,
upsampling, with PyTorch's padding and initialisation.
"""

import flax.linen as nn

from lic_jax.layers.convolution import Conv, torch_uniform
from lic_jax.layers.gdn import GDN
from lic_jax.ops.gelu import gelu
from lic_jax.ops.subpixel import pixel_shuffle
from lic_jax.types import Array, Float

Feature = Float[Array, "b h w c"]


class Bottleneck(nn.Module):
  """u + [1x1 c/2, ReLU, 3x3 c/2, ReLU, 1x1 c](u)."""

  dtype: str = "float32"

  @nn.compact
  def __call__(self, u: Feature) -> Feature:
    c = u.shape[-1]
    t = nn.relu(Conv(c // 2, kernel=1, dtype=self.dtype)(u))
    t = nn.relu(Conv(c // 2, kernel=3, dtype=self.dtype)(t))
    return u + Conv(c, kernel=1, dtype=self.dtype)(t)


class TorchConv(nn.Module):
  """`Conv` with k // 2 padding and PyTorch's initialisation."""

  channels: int
  kernel: int = 3
  stride: int = 1
  dtype: str = "float32"

  @nn.compact
  def __call__(self, u: Feature) -> Float[Array, "b h2 w2 c2"]:
    return Conv(
      self.channels,
      kernel=self.kernel,
      stride=self.stride,
      padding="centre",
      kernel_init=torch_uniform,
      dtype=self.dtype,
      name="conv",
    )(u)


class Upsample(nn.Module):
  """3x3 convolution to 4 c channels, then pixel shuffle: x2."""

  channels: int
  dtype: str = "float32"

  @nn.compact
  def __call__(self, u: Feature) -> Float[Array, "b h2 w2 c2"]:
    return pixel_shuffle(TorchConv(4 * self.channels, dtype=self.dtype)(u))


class ResidualBlock(nn.Module):
  """Plain: [3x3, GELU, 3x3, GELU](u) + skip; 1x1 skip if the width changes."""

  channels: int
  dtype: str = "float32"

  @nn.compact
  def __call__(self, u: Feature) -> Float[Array, "b h w c2"]:
    t = gelu(TorchConv(self.channels, dtype=self.dtype, name="first")(u))
    t = gelu(TorchConv(self.channels, dtype=self.dtype, name="second")(t))
    if u.shape[-1] == self.channels:
      return t + u
    return t + TorchConv(self.channels, 1, dtype=self.dtype, name="skip")(u)


class ResidualDown(nn.Module):
  """/2: [3x3 stride 2, GELU, 3x3, GDN](u) + 1x1 stride 2 (u)."""

  channels: int
  dtype: str = "float32"

  @nn.compact
  def __call__(self, u: Feature) -> Float[Array, "b h2 w2 c2"]:
    c, dtype = self.channels, self.dtype
    t = gelu(TorchConv(c, stride=2, dtype=dtype, name="first")(u))
    t = GDN(name="gdn")(TorchConv(c, dtype=dtype, name="second")(t))
    return t + TorchConv(c, 1, stride=2, dtype=dtype, name="skip")(u)
