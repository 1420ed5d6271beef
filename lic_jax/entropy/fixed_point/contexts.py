"""The mechanisms of context models in fixed point.

Each function is the module of that name in `entropy.multi_reference`, or in
`entropy.space_channel` (ELIC), which says what it does and why, and takes that
module's layers. Grids are those of one image, (h, w, c), in units; the local
context and the entropy parameters are computed where they are used, on the
packed half of the grid.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lic_jax.entropy import checkerboard
from lic_jax.entropy.checkerboard import Pass
from lic_jax.entropy.fixed_point.layers import (
  Grid,
  Output,
  attend,
  conv,
  conv_transpose,
  depthwise,
  norm,
  pad,
  scores,
  softmax,
  upsample,
)
from lic_jax.entropy.fixed_point.numbers import ONE, gelu, half_tanh, relu
from lic_jax.ops.neighbourhood import KEYS, REACH, WINDOW, relative_index
from lic_jax.types import Bool, Float, Shaped

# A layer's, or a mechanism's, by name.
Layers = Mapping[str, Any]

MASKED = -100 * ONE
INTRA_HEADS = 2
# Positions of the local context that are computed at once: 25 x 25 scores of
# two heads each, 10 MiB.
STRIP = 1 << 10


def pack(
  x: Shaped[np.ndarray, "h w c"], which: Pass
) -> Shaped[np.ndarray, "h w2 c"]:
  """The positions of a pass side by side."""
  return checkerboard.pack(x[None], which)[0]


def unpack(
  x: Shaped[np.ndarray, "h w2 c"], which: Pass
) -> Shaped[np.ndarray, "h w c"]:
  """The inverse, with zeros at the other positions."""
  return checkerboard.unpack(x[None], which)[0]


def keep(x: Grid, which: Pass) -> Grid:
  """x at the positions of a pass, zero elsewhere."""
  return checkerboard.keep(x[None], which)[0]


def hyper_synthesis(layers: Layers, z: Grid) -> Float[np.ndarray, "h4 w4 c2"]:
  """Decoded hyper-latent -> features of the latent's prior.

  That of `transforms.multi_reference_hyper`, or that of `transforms.hyper`.
  """
  if "up0" not in layers:
    t = relu(conv_transpose(layers["conv0"], z, stride=2))
    t = relu(conv_transpose(layers["conv1"], t, stride=2))
    return conv_transpose(layers["conv2"], t, stride=1)
  t = gelu(conv(layers["conv0"], z))
  t = gelu(upsample(layers["up0"], t))
  t = gelu(conv(layers["conv1"], t))
  t = gelu(upsample(layers["up1"], t))
  return conv(layers["conv2"], t)


def channel_context(layers: Layers, y: Grid) -> Output:
  """Decoded slices at the same place and beside it."""
  y = gelu(conv(layers["conv0"], y))
  y = gelu(conv(layers["conv1"], y))
  return conv(layers["conv2"], y)


def inter_slice(layers: Layers, y: Grid, *, heads: int) -> Output:
  """Decoded slices attend to one another."""
  query, key, value = (
    _projection(layers[name], y) for name in ("query", "key", "value")
  )
  a = conv(layers["fusion"], attend(query, key, value, heads=heads))
  return conv(layers["skip"], a) + _feed_forward(layers["feed_forward"], a)


def intra_slice(layers: Layers, previous: Grid, anchors: Grid) -> Output:
  """Anchors, seen through the slice before."""
  q = _projection(layers["query"], keep(previous, Pass.NON_ANCHOR))
  k = _projection(layers["key"], keep(previous, Pass.ANCHOR))
  v = _projection(layers["value"], anchors)
  packed = attend(
    pack(q, Pass.NON_ANCHOR),
    pack(k, Pass.ANCHOR),
    pack(v, Pass.ANCHOR),
    heads=INTRA_HEADS,
  )
  a = conv(layers["fusion"], unpack(packed, Pass.NON_ANCHOR))
  return a + _feed_forward(layers["feed_forward"], a)


def local_context(
  layers: Layers, anchors: Grid
) -> Float[np.ndarray, "h w2 c2"]:
  """Attention to the anchors in a 5x5 window, at non-anchors, packed.

  Whether all 25 queries of a window are fused, or the one in its centre, is
  told by the side of the fusion's kernel.
  """
  h, w, _ = anchors.shape
  tokens = conv(layers["projection"], norm(layers["norm"], anchors))
  tokens = pad(tokens, REACH)
  known = checkerboard.positions(h, w, Pass.ANCHOR)
  known = pad(known, REACH)
  rows = max(1, STRIP * 2 // w)
  # Strips begin at even rows, where the checkerboard does.
  rows += rows % 2
  parts = [
    _attend_locally(
      layers,
      tokens[top : top + rows + 2 * REACH],
      known[top : top + rows + 2 * REACH],
    )
    for top in range(0, h, rows)
  ]
  u = conv(layers["linear"], np.concatenate(parts))
  t = gelu(conv(layers["widen"], norm(layers["norm2"], u)))
  return u + conv(layers["narrow"], t)


def entropy_parameters(
  layers: Layers, contexts: Float[np.ndarray, "h w2 c"]
) -> Float[np.ndarray, "h w2 c2"]:
  """What all contexts say together, packed: scales, then means."""
  u = contexts
  for name in ("conv0", "conv1", "conv2"):
    u = gelu(conv(layers[name], u))
  return conv(layers["conv3"], u)


def latent_residual(layers: Layers, support: Grid) -> Output:
  """What rounding took away."""
  u = gelu(conv(layers["conv0"], support))
  u = gelu(conv(layers["conv1"], u))
  return half_tanh(conv(layers["conv2"], u))


def elic_channel_context(layers: Layers, y: Grid) -> Output:
  """Decoded groups at the same place and beside it."""
  y = relu(conv(layers["conv0"], y))
  y = relu(conv(layers["conv1"], y))
  return conv(layers["conv2"], y)


def elic_entropy_parameters(
  layers: Layers, contexts: Float[np.ndarray, "h w2 c"]
) -> Float[np.ndarray, "h w2 c2"]:
  """What all contexts say together, packed: scales, then means."""
  u = relu(conv(layers["conv0"], contexts))
  u = relu(conv(layers["conv1"], u))
  return conv(layers["conv2"], u)


def _projection(layers: Layers, x: Grid) -> Grid:
  return depthwise(layers["depthwise"], conv(layers["pointwise"], x))


def _feed_forward(layers: Layers, x: Grid) -> Output:
  x = gelu(conv(layers["widen"], x))
  x = gelu(depthwise(layers["depthwise"], x))
  return conv(layers["narrow"], x)


def _attend_locally(
  layers: Layers,
  tokens: Float[np.ndarray, "h4 w4 c3"],
  known: Bool[np.ndarray, "h4 w4 1"],
) -> Float[np.ndarray, "h w2 c2"]:
  """The fused attention of some rows, packed, from tokens with a border."""
  bias = layers["relative_bias"]
  heads = bias.shape[-1]
  q, k, v = (_heads(t, heads) for t in np.split(_windows(tokens), 3, axis=-1))
  known = _windows(known)[..., 0]
  bias = np.moveaxis(bias[relative_index()], -1, 0).astype(np.float64)
  fusion = layers["fusion"]
  if fusion.kernel.shape[0] == 1:
    middle = KEYS // 2
    q, bias = q[..., middle : middle + 1, :], bias[:, middle : middle + 1]
    pairs = known[..., None, None, :]
  else:
    pairs = (known[..., :, None] & known[..., None, :])[..., None, :, :]
  total = scores(q, k) + bias
  total += np.where(pairs, 0.0, MASKED)
  out = softmax(total, v)  # (h, w / 2, heads, queries, d)
  out = np.moveaxis(out, -2, -3)
  out = out.reshape(*out.shape[:2], -1)
  kernel = fusion.kernel.reshape(1, 1, out.shape[-1], -1)
  return conv(fusion._replace(kernel=kernel), out)


def _windows(
  x: Shaped[np.ndarray, "h4 w4 c"],
) -> Shaped[np.ndarray, "h w2 k c"]:
  """The window of each non-anchor, from a grid with a border."""
  h, w = (size - 2 * REACH for size in x.shape[:2])
  taps = [
    pack(x[i : i + h, j : j + w], Pass.NON_ANCHOR)
    for i in range(WINDOW)
    for j in range(WINDOW)
  ]
  return np.stack(taps, axis=2)


def _heads(
  x: Float[np.ndarray, "h w2 k c"], heads: int
) -> Float[np.ndarray, "h w2 heads k d"]:
  """Channels by head, which is their fastest index."""
  x = x.reshape(*x.shape[:3], -1, heads)
  return np.ascontiguousarray(x.transpose(0, 1, 4, 2, 3))
