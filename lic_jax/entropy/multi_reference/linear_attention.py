"""Attention over all positions at linear cost, and what stands around it.

LOC-LIC specification 2.4, of both global contexts. Keys are normalised over
positions and queries over channels, so that a d x d matrix per head holds what
the whole grid has to say (Shen et al. 2021, "efficient attention"):

  out = softmax_channels(Q) (softmax_positions(K)^T V)
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from lic_jax.layers.convolution import DepthwiseConv
from lic_jax.layers.residual import TorchConv
from lic_jax.ops.gelu import gelu
from lic_jax.types import Array, Float


@jax.jit  # a call of this name, to whoever counts operations
def linear_attention(
  q: Float[Array, "b n heads d"],
  k: Float[Array, "b m heads d"],
  v: Float[Array, "b m heads e"],
) -> Float[Array, "b n heads e"]:
  """n queries to m keys with m values, per head."""
  summary = jnp.einsum("bmhd,bmhe->bhde", jax.nn.softmax(k, axis=1), v)
  return jnp.einsum("bnhd,bhde->bnhe", jax.nn.softmax(q, axis=-1), summary)


def attend(
  q: Float[Array, "b h w c"],
  k: Float[Array, "b h w c"],
  v: Float[Array, "b h w c"],
  *,
  heads: int,
) -> Float[Array, "b h w c"]:
  """`linear_attention` of grids; a head has consecutive channels."""
  b, _, _, c = q.shape
  out = linear_attention(
    *(t.reshape(b, -1, heads, c // heads) for t in (q, k, v))
  )
  return out.reshape(q.shape)


class Projection(nn.Module):
  """1x1, depthwise 3x3; what queries, keys and values are made by."""

  dtype: str = "float32"

  @nn.compact
  def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    x = TorchConv(x.shape[-1], 1, dtype=self.dtype, name="pointwise")(x)
    return DepthwiseConv(dtype=self.dtype, name="depthwise")(x)


class FeedForward(nn.Module):
  """1x1, GELU, depthwise 3x3, GELU, 1x1."""

  hidden: int
  channels: int
  dtype: str = "float32"

  @nn.compact
  def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c2"]:
    x = gelu(TorchConv(self.hidden, 1, dtype=self.dtype, name="widen")(x))
    x = gelu(DepthwiseConv(dtype=self.dtype, name="depthwise")(x))
    return TorchConv(self.channels, 1, dtype=self.dtype, name="narrow")(x)
