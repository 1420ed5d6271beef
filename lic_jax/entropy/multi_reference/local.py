"""Local context: attention to the anchors in a 5x5 window.

LOC-LIC specification 2.4. Every position c has a window of 25 tokens. Each
token p of it, as a query, weighs the 25 tokens r as keys:

  score(p, r) = q(p) . k(r) / sqrt(d) + bias(p - r) + mask(p, r)
  out(c, p) = sum_r softmax_r(score(p, r)) v(r)
  context(c) = sum_p W_p out(c, p);   u = linear(context);   u + MLP(norm(u))

The mask is 0 where query and key are anchors inside the image, and -100 where
one is not: a query that is no anchor weighs all 25 keys by the bias and its own
score. Windows overlap, and a window's 25 queries share its keys: keys and
values are gathered once, 25 shifted copies, and queries come a row of five at a
time, so that no array holds 25 x 25 of anything per position.

The variant with `queries="centre"` (specification 2.6) keeps the query in the
middle and lets it see anchors only.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from lic_jax.entropy.checkerboard import Pass, positions
from lic_jax.layers.convolution import torch_uniform
from lic_jax.layers.residual import TorchConv
from lic_jax.ops.gelu import gelu
from lic_jax.ops.neighbourhood import (
  KEYS,
  OFFSETS,
  REACH,
  WINDOW,
  relative_index,
)
from lic_jax.types import Array, Bool, Float

HEADS = 2
MASKED = -100.0
QUERIES = ("window", "centre")

Grid = Float[Array, "b h w c"]


def neighbours(x: Array) -> Array:
  """(b, h, w, c) -> (b, h, w, 25, c): each position's window, zero-padded."""
  h, w = x.shape[1:3]
  x = _pad(x)
  rows = (x[:, i : i + h] for i in range(WINDOW))
  return jnp.concatenate([_columns(row, w) for row in rows], axis=3)


@jax.jit  # a call of this name, to whoever counts operations
def window_attention(
  q: Float[Array, "b h w q c"],
  k: Float[Array, "b h w k c"],
  v: Float[Array, "b h w k c"],
  bias: Float[Array, "#b #h #w q k heads"],
) -> Float[Array, "b h w q c"]:
  """Softmax attention inside each window.

  The head is the fastest index of a channel of q, k and v, and the slowest of
  the output's, as in the authors' weights.
  """
  heads = bias.shape[-1]
  q, k, v = (t.reshape(*t.shape[:-1], -1, heads) for t in (q, k, v))
  scores = jnp.einsum("...qdn,...kdn->...nqk", q, k) / q.shape[-2] ** 0.5
  weights = jax.nn.softmax(scores + jnp.moveaxis(bias, -1, -3), axis=-1)
  out = jnp.einsum("...nqk,...kdn->...qnd", weights, v)
  return out.reshape(*out.shape[:-2], -1)


def all_queries(
  q: Grid,
  k: Grid,
  v: Grid,
  *,
  bias: Float[Array, "25 25 heads"],
  fusion: Float[Array, "5 5 c c2"],
  anchors: Bool[Array, "1 h w 1"],
) -> Float[Array, "b h w c2"]:
  """The fused output of all 25 queries of every window."""
  h, w = q.shape[1:3]
  keys, values, anchor_keys = neighbours(k), neighbours(v), neighbours(anchors)
  padded, padded_anchors = _pad(q), _pad(anchors)

  def add_row(total: Array, row: tuple[Array, ...]) -> tuple[Array, None]:
    top, row_bias, weights = row

    def here(x: Array) -> Array:
      return _columns(jax.lax.dynamic_slice_in_dim(x, top, h, axis=1), w)

    pairs = here(padded_anchors) & anchor_keys[..., 0][..., None, :]
    mask = jnp.where(pairs, 0.0, MASKED)[..., None]
    out = window_attention(here(padded), keys, values, row_bias + mask)
    return total + jnp.einsum("bhwqc,qcf->bhwf", out, weights), None

  rows = (
    jnp.arange(WINDOW),
    bias.reshape(WINDOW, WINDOW, KEYS, -1),
    fusion,
  )
  total = jnp.zeros((*q.shape[:-1], fusion.shape[-1]))
  return jax.lax.scan(add_row, total, rows)[0]


def centre_query(
  q: Grid,
  k: Grid,
  v: Grid,
  *,
  bias: Float[Array, "25 25 heads"],
  anchors: Bool[Array, "1 h w 1"],
) -> Grid:
  """The output of the query in the middle of every window."""
  mask = jnp.where(neighbours(anchors), 0.0, MASKED)[..., None, :, :]
  middle = bias[KEYS // 2][None]
  out = window_attention(
    q[..., None, :], neighbours(k), neighbours(v), middle + mask
  )
  return out[..., 0, :]


class LocalContext(nn.Module):
  """The anchors of a slice -> 2 `width` channels, used at non-anchors.

  Attributes:
    queries: "window" (25 per position, the paper's) or "centre".
    width: unit of the widths; 32 in the paper.
    dtype: of the products of convolutions.
  """

  queries: str = "window"
  width: int = 32
  dtype: str = "float32"

  @nn.compact
  def __call__(self, anchors: Grid) -> Float[Array, "b h w c2"]:
    """Args: the slice with zeros at non-anchors."""
    c, w, dtype = anchors.shape[-1], self.width, self.dtype
    tokens = _norm("norm")(anchors)
    q, k, v = jnp.split(
      TorchConv(3 * c, 1, dtype=dtype, name="projection")(tokens), 3, axis=-1
    )
    table = self.param(
      "relative_bias",
      nn.initializers.truncated_normal(0.02),
      (OFFSETS, HEADS),
    )
    known = {
      "bias": table[relative_index()],
      "anchors": positions(*anchors.shape[1:3], Pass.ANCHOR)[None],
    }
    if self.queries == "centre":
      u = centre_query(q, k, v, **known)
      u = TorchConv(2 * w, 1, dtype=dtype, name="fusion")(u)
    else:
      shape = (WINDOW, WINDOW, c, 2 * w)
      fusion = self.param("fusion_kernel", torch_uniform, shape)
      u = all_queries(q, k, v, fusion=fusion, **known)
      u = u + self.param("fusion_bias", nn.initializers.zeros, (2 * w,))
    u = TorchConv(2 * w, 1, dtype=dtype, name="linear")(u)
    t = gelu(TorchConv(4 * w, 1, dtype=dtype, name="widen")(_norm("norm2")(u)))
    return u + TorchConv(2 * w, 1, dtype=dtype, name="narrow")(t)


def _norm(name: str) -> nn.LayerNorm:
  """PyTorch's: variance by its definition, its epsilon."""
  return nn.LayerNorm(epsilon=1e-5, use_fast_variance=False, name=name)


def _pad(x: Array) -> Array:
  """Zeros (False) for what windows at the border lack."""
  return jnp.pad(x, ((0, 0), (REACH, REACH), (REACH, REACH), (0, 0)))


def _columns(x: Array, w: int) -> Array:
  """(b, h, w + 4, c) -> (b, h, w, 5, c): five neighbours in a row."""
  return jnp.stack([x[:, :, j : j + w] for j in range(WINDOW)], axis=3)
