"""The network behind a synthesis; in neither paper. Mathematics: `ops`.

It costs the default codec 9.1 kMAC/pixel: decoding, 9.7 without it, takes 18.8,
and the shallow-decoder paper's two-layer codec 20.5.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from lic_jax.layers.convolution import Initializer
from lic_jax.ops import restoration
from lic_jax.types import Array, Float

he_normal = nn.initializers.he_normal()
# A block adds little at first, and the whole next to nothing. It is not zero:
# blocks before a layer of zeros would learn nothing for hundreds of steps.
small_normal = nn.initializers.variance_scaling(0.2, "fan_in", "normal")
tiny_normal = nn.initializers.normal(1e-3)


class Restoration(nn.Module):
  """Picture -> picture.

  Attributes:
    channels: at half resolution.
    blocks: residual blocks of two convolutions.
    anchors: qualities that have weights of their own.
    period: of the places that have a bias of their own, at half resolution.
    dtype: of the products.
  """

  channels: int = 24
  blocks: int = 3
  anchors: int = 3
  period: int = 8
  dtype: str = "float32"

  @classmethod
  def of(cls, network: Mapping[str, Any]) -> "Restoration":
    """The module whose weights these could be."""
    anchors, period, _, channels = network["first"]["bias"].shape
    return cls(channels, restoration.blocks(network), anchors, period)

  @nn.compact
  def weights(self, c_in: int = 3) -> dict:
    layer = functools.partial(_Layer, self.anchors, self.period)
    block = functools.partial(_Block, self.anchors, self.period, self.channels)
    samples = c_in * restoration.FACTOR**2
    first = layer(self.channels, he_normal, name="first")(samples)
    weights = {"first": {**first, "kernel": _centred(first["kernel"], c_in)}}
    for i in range(self.blocks):
      weights[f"block{i}"] = block(name=f"block{i}")()
    weights["last"] = layer(samples, tiny_normal, name="last")(self.channels)
    return weights

  def __call__(
    self,
    x_hat: Float[Array, "b h w 3"],
    level: Float[Array, "b 1 1 1"],
    share: Float[Array, ""],
  ) -> Float[Array, "b h w 3"]:
    network = self.weights(x_hat.shape[-1])
    weights = restoration.at_quality(network, share)
    return restoration.restore(weights, x_hat, level, dtype=self.dtype)


class _Layer(nn.Module):
  """A convolution's weights, at first the same at every quality and place."""

  anchors: int
  period: int
  channels: int
  kernel_init: Initializer

  @nn.compact
  def __call__(self, c_in: int) -> dict[str, Array]:
    def alike(key: Array, shape: Sequence[int]) -> Array:
      return jnp.broadcast_to(self.kernel_init(key, shape[1:]), shape)

    places = (self.anchors, self.period, self.period, self.channels)
    kernel = (self.anchors, 3, 3, c_in, self.channels)
    return {
      "kernel": self.param("kernel", alike, kernel),
      "bias": self.param("bias", nn.initializers.zeros, places),
    }


class _Block(nn.Module):
  anchors: int
  period: int
  channels: int

  @nn.compact
  def __call__(self) -> dict:
    c = self.channels
    layer = functools.partial(_Layer, self.anchors, self.period, c)
    return {
      "first": layer(he_normal, name="first")(c),
      "second": layer(small_normal, name="second")(c),
    }


def _centred(
  kernel: Float[Array, "a k k n c"], colours: int
) -> Float[Array, "a k k n c"]:
  """A kernel that does not see how bright a picture is.

  Brightness, in units of the error, is larger than all there is to restore.
  """
  a, k, _, n, c = kernel.shape
  by_colour = kernel.reshape(a, k, k, colours, n // colours, c)
  mean = jnp.mean(by_colour, axis=(1, 2, 4), keepdims=True)
  return (by_colour - mean).reshape(kernel.shape)
