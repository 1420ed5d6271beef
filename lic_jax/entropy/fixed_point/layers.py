"""The layers of a context model on one image's grid, in fixed point.

Each is that of `layers` or of `entropy.multi_reference` in the numbers of
`numbers`; grids are (h, w, c), without a batch.
"""

import numpy as np

from lic_jax.entropy.fixed_point import numbers
from lic_jax.entropy.fixed_point.numbers import BITS, ONE, Layer, Units
from lic_jax.ops.transposed import same_origin
from lic_jax.types import Float, Shaped

Grid = Float[np.ndarray, "h w c"]
Output = Float[np.ndarray, "h w c2"]

# Inputs of a layer norm, so that its sum of squares is exact: 64 x (2^23)^2.
NORM_LIMIT = 1 << 22
EPSILON = 1e-5  # of a layer norm
# Values that are summed over positions: with weights of 2^18, 2^13 of them.
VALUE_LIMIT, POSITIONS = 1 << 22, 1 << 13


def conv(layer: Layer, x: Grid) -> Output:
  """A convolution of odd side, zero-padded."""
  kernel = layer.kernel.astype(np.float64)
  k, _, _, c_out = kernel.shape
  h, w, c = x.shape
  if k == 1:
    total = x.reshape(-1, c) @ kernel[0, 0]
    return numbers.finished(total, layer).reshape(h, w, c_out)
  # Rows with their padding, end to end: a tap's inputs are consecutive, and
  # what is computed where a row ends is dropped.
  wide = w + k - 1
  flat = pad(x, k // 2).reshape(-1, c)
  total = np.zeros((h * wide, c_out))
  count = h * wide - (k - 1)
  for i in range(k):
    for j in range(k):
      first = i * wide + j
      total[:count] += flat[first : first + count] @ kernel[i, j]
  total = total.reshape(h, wide, c_out)[:, :w]
  return numbers.finished(np.ascontiguousarray(total), layer)


def depthwise(layer: Layer, x: Grid) -> Grid:
  """A convolution of every channel by itself, zero-padded."""
  kernel = layer.kernel.astype(np.float64)
  k = kernel.shape[0]
  h, w, _ = x.shape
  padded = pad(x, k // 2)
  total = np.zeros_like(x)
  for i in range(k):
    for j in range(k):
      total += padded[i : i + h, j : j + w] * kernel[i, j, 0]
  return numbers.finished(total, layer)


def upsample(layer: Layer, x: Grid) -> Float[np.ndarray, "h2 w2 c2"]:
  """A convolution and a pixel shuffle: x2."""
  x = conv(layer, x)
  h, w, c = x.shape
  x = x.reshape(h, w, c // 4, 2, 2).transpose(0, 3, 1, 4, 2)
  return x.reshape(2 * h, 2 * w, c // 4)


def conv_transpose(
  layer: Layer, x: Grid, *, stride: int
) -> Float[np.ndarray, "h2 w2 c2"]:
  """Keras' 'SAME' transposed convolution."""
  k, _, c, c_out = layer.kernel.shape
  h, w, _ = x.shape
  columns = layer.kernel.astype(np.float64).transpose(2, 0, 1, 3)
  patches = x.reshape(-1, c) @ columns.reshape(c, -1)
  patches = patches.reshape(h, w, k, k, c_out)
  total = np.zeros((stride * h + k, stride * w + k, c_out))
  for i in range(k):
    for j in range(k):
      rows, columns = (
        slice(first, first + stride * size, stride)
        for first, size in ((i, h), (j, w))
      )
      total[rows, columns] += patches[:, :, i, j]
  first = same_origin(k, stride)
  total = total[first : first + stride * h, first : first + stride * w]
  return numbers.finished(np.ascontiguousarray(total), layer)


def norm(layer: Layer, x: Units) -> Units:
  """PyTorch's layer norm over channels."""
  channels = x.shape[-1]
  x = np.clip(x, -NORM_LIMIT, NORM_LIMIT)
  x -= numbers.quotient(x.sum(axis=-1, keepdims=True), channels)
  variance = np.square(x).sum(axis=-1, keepdims=True) / channels
  x /= np.sqrt(variance + EPSILON * ONE**2)
  x *= layer.kernel * float(ONE)
  return numbers.finished(x, layer)


def attend(
  q: Float[np.ndarray, "h w c"],
  k: Float[np.ndarray, "h2 w2 c"],
  v: Float[np.ndarray, "h2 w2 c"],
  *,
  heads: int,
) -> Grid:
  """Linear attention of the positions of q to those of k, which have v.

  softmax_channels(Q) (softmax_positions(K)^T V), with both denominators after
  the sums, which are therefore exact.
  """
  channels = k.shape[-1]
  weights = k.reshape(-1, channels)
  weights = numbers.exponential(weights - weights.max(axis=0))
  v = np.clip(v.reshape(-1, channels), -VALUE_LIMIT, VALUE_LIMIT)
  out = np.empty_like(q)
  for head in np.split(np.arange(channels), heads):
    part = slice(head[0], head[-1] + 1)
    # More positions than float64 can sum exactly: their sums in integers.
    total = sum(
      (weights[block, part].T @ v[block, part]).astype(np.int64)
      for first in range(0, len(v), POSITIONS)
      for block in [slice(first, first + POSITIONS)]
    )
    mass = weights[:, part].sum(axis=0)
    summary = numbers.quotient(total.astype(np.float64), mass[:, None])
    query = q[..., part]
    query = numbers.exponential(query - query.max(axis=-1, keepdims=True))
    out[..., part] = numbers.quotient(
      query @ summary, query.sum(axis=-1, keepdims=True)
    )
  return out


def softmax(
  scores: Float[np.ndarray, "*b q k"], v: Float[np.ndarray, "*b k c"]
) -> Float[np.ndarray, "*b q c"]:
  """Values weighed by the softmax of the scores of queries and keys."""
  weights = numbers.exponential(scores - scores.max(axis=-1, keepdims=True))
  return numbers.quotient(weights @ v, weights.sum(axis=-1, keepdims=True))


def scores(
  q: Float[np.ndarray, "*b q d"], k: Float[np.ndarray, "*b k d"]
) -> Float[np.ndarray, "*b q k"]:
  """q . k / sqrt(d)."""
  dots = q @ k.swapaxes(-1, -2)
  dots *= 2.0**-BITS / np.sqrt(q.shape[-1])
  return np.rint(dots, out=dots)


def pad(
  x: Shaped[np.ndarray, "h w c"], border: int
) -> Shaped[np.ndarray, "h2 w2 c"]:
  """Zeros around a grid."""
  return np.pad(x, ((border, border), (border, border), (0, 0)))
