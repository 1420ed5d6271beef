"""Convolutions with explicit alignment, and the weights of transposed ones.

Products run in `dtype` (float32, or bfloat16 where a config says so); sums,
biases and parameters are float32. Kernels are (k, k, c_in, c_out).
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from lic_jax.types import Array, Float

Initializer = Callable[..., Any]

# Keras' default; SignalConv2D's (truncated normal, fan in).
glorot_uniform = nn.initializers.glorot_uniform()
fan_in_normal = nn.initializers.variance_scaling(
  1.0, "fan_in", "truncated_normal"
)
# PyTorch's default, U(-1/sqrt(fan_in), 1/sqrt(fan_in)) (LOC-LIC spec 1.1).
torch_uniform = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


def conv(
  x: Float[Array, "b h w c_in"],
  kernel: Float[Array, "k k c_in c_out"],
  *,
  stride: int,
  padding: str | tuple[int, int],
  dtype: str = "float32",
) -> Float[Array, "b h2 w2 c_out"]:
  """Cross-correlation, NHWC; float32 out."""
  out = jax.lax.conv_general_dilated(
    x.astype(dtype),
    kernel.astype(dtype),
    window_strides=(stride, stride),
    padding=padding if isinstance(padding, str) else (padding, padding),
    dimension_numbers=("NHWC", "HWIO", "NHWC"),
  )
  return out.astype(jnp.float32)


@jax.jit  # a call of this name, to whoever counts operations
def depthwise(
  x: Float[Array, "b h w c"], kernel: Float[Array, "k k 1 c"]
) -> Float[Array, "b h w c"]:
  """Cross-correlation of every channel by itself, zero-padded; float32 out.

  A sum of shifted copies: XLA has no fast grouped convolution on a CPU, where
  this takes a tenth of the time.
  """
  h, w = x.shape[1:3]
  k = kernel.shape[0]
  border = (k // 2, k // 2)
  padded = jnp.pad(x, ((0, 0), border, border, (0, 0)))
  out = jnp.zeros(x.shape)
  for i in range(k):
    for j in range(k):
      out += padded[:, i : i + h, j : j + w] * kernel[i, j, 0]
  return out


class Conv(nn.Module):
  """A convolution.

  Attributes:
    channels: output channels.
    kernel: side of the kernel.
    stride: downsampling factor.
    padding: "SAME" (Keras), or "centre": k // 2 on both sides, as PyTorch and
      SignalConv2D's 'same_zeros' have it.
    bias: whether a bias is added.
    kernel_init: kernel initialiser.
    dtype: of the products.
  """

  channels: int
  kernel: int = 3
  stride: int = 1
  padding: str = "SAME"
  bias: bool = True
  kernel_init: Initializer = glorot_uniform
  dtype: str = "float32"

  @nn.compact
  def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 c2"]:
    k = self.kernel
    kernel = self.param(
      "kernel", self.kernel_init, (k, k, x.shape[-1], self.channels)
    )
    padding = "SAME" if self.padding == "SAME" else (k // 2, k // 2)
    out = conv(x, kernel, stride=self.stride, padding=padding, dtype=self.dtype)
    if self.bias:
      out = out + self.param("bias", nn.initializers.zeros, (self.channels,))
    return out


class DepthwiseConv(nn.Module):
  """Every channel by itself; padding and initialisation as PyTorch's.

  Attributes:
    kernel: side of the kernel, odd.
    dtype: of the products.
  """

  kernel: int = 3
  dtype: str = "float32"

  @nn.compact
  def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    k, c = self.kernel, x.shape[-1]
    kernel = self.param("kernel", torch_uniform, (k, k, 1, c))
    out = depthwise(x.astype(self.dtype), kernel.astype(self.dtype))
    return out + self.param("bias", nn.initializers.zeros, (c,))


class ConvWeights(nn.Module):
  """The weights of one convolution, transposed or not, for `ops.synthesis`.

  The patch that a channel paints has k * k * c_out samples, and a sample is
  painted by about (k / s)^2 patches: initialisers see the kernel's usual fans.
  """

  channels: int
  kernel: int
  kernel_init: Initializer = glorot_uniform

  @nn.compact
  def __call__(self, c_in: int) -> dict[str, Array]:
    k = self.kernel
    return {
      "kernel": self.param(
        "kernel", self.kernel_init, (k, k, c_in, self.channels)
      ),
      "bias": self.param("bias", nn.initializers.zeros, (self.channels,)),
    }
