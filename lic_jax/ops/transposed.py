"""Transposed convolution as a matrix product followed by overlap-add.

A transposed convolution lets every input sample paint a k x k patch, scaled by
the sample; patches of neighbours s apart overlap and add. Painting is one
matrix product (all arithmetic, at the small input resolution); adding moves
memory only. Its gradient is therefore a slice and a matrix product, which
is what makes shallow synthesis cheap to differentiate (design, Numerics 4).

NumPy, which decodes and has no gradient, moves less memory by
`ops.subpixel`; the results agree but for rounding.

Alignment (specification 1.0): the patch of sample i starts at s * i - origin,
  origin = (k - s) // 2   Keras and `lax.conv_transpose` 'SAME',
  origin = k // 2         SignalConv2D 'same_zeros', odd k.
"""

import sys
from typing import Any

import numpy as np

from lic_jax.ops import subpixel
from lic_jax.ops.namespace import named, namespace
from lic_jax.types import Array, Float, Shaped


def same_origin(kernel: int, stride: int) -> int:
  """Origin of Keras' 'SAME' transposed convolution (kernel >= stride)."""
  return (kernel - stride) // 2


def signal_origin(kernel: int) -> int:
  """Origin of SignalConv2D's 'same_zeros' upsampling (odd kernel)."""
  return kernel // 2


def conv_transpose(
  x: Float[Array, "b h w c_in"],
  kernel: Shaped[Array, "k k c_in c_out"],
  bias: Float[Array, "c_out"] | None,
  *,
  stride: int,
  origin: int,
  exact: bool = False,
) -> Float[Array, "b h2 w2 c_out"]:
  """Upsamples by `stride`: h2 = stride * h, w2 = stride * w.

  Args:
    x: input; its dtype is the dtype of the products.
    kernel: kernel[p, q] paints output (s * i - origin + p, s * j - origin + q).
    bias: added to every output sample, in float32; None for no bias.
    stride: upsampling factor.
    origin: where a patch starts, 0 <= origin <= k - 1.
    exact: promise integers, of which no sum reaches 2^24, exact results: no
      shortened factors, no convolution by transforms (Winograd).

  Returns:
    Float32; terms past the border are dropped.
  """
  if isinstance(x, np.ndarray):
    return subpixel.conv_transpose(
      x, kernel, bias, stride=stride, origin=origin
    )
  if stride == 1 and not exact:
    out = _correlate(x, kernel, origin)
  else:
    precision = "highest" if exact else None
    out = _paint(x, kernel, stride, origin, precision)
  return out if bias is None else out + bias


@named
def overlap_add(
  patches: Float[Array, "b h w k k c"], *, stride: int, origin: int
) -> Float[Array, "b h2 w2 c"]:
  """Adds k x k patches laid `stride` apart; separable in rows and columns."""
  xp = namespace(patches)
  b, h, w, k, _, c = patches.shape
  rows = _overlap_add_axis(
    xp.reshape(patches, (b, h, w, k, k * c)).swapaxes(2, 3), stride, origin
  )  # b, s*h, w, k*c
  rows = xp.reshape(rows, (b * stride * h, w, k, c))
  columns = _overlap_add_axis(rows, stride, origin)
  return xp.reshape(columns, (b, stride * h, stride * w, c))


def _paint(
  x: Array, kernel: Array, stride: int, origin: int, precision: str | None
) -> Array:
  """The matrix product, with float32 sums, and the overlap-add."""
  xp = namespace(x)
  size, _, c_in, c_out = kernel.shape
  columns = xp.reshape(
    xp.transpose(kernel, (2, 0, 1, 3)), (c_in, size * size * c_out)
  )
  patches = xp.matmul(
    x,
    columns.astype(x.dtype),
    precision=precision,
    preferred_element_type="float32",
  )
  patches = xp.reshape(patches, (*x.shape[:3], size, size, c_out))
  return overlap_add(patches, stride=stride, origin=origin)


def _overlap_add_axis(
  patches: Float[Array, "b n k *rest"], stride: int, origin: int
) -> Float[Array, "b m *rest"]:
  """One axis of `overlap_add`: (b, n, k, ...) -> (b, stride * n, ...)."""
  xp = namespace(patches)
  b, n, k = patches.shape[:3]
  rest = patches.shape[3:]
  blocks = -(-k // stride)
  patches = _pad(xp, patches, 2, 0, blocks * stride - k)
  patches = xp.reshape(patches, (b, n, blocks, stride, *rest))
  total = None
  for block in range(blocks):  # sample i paints block i + `block`
    shifted = _pad(xp, patches[:, :, block], 1, block, blocks - 1 - block)
    total = shifted if total is None else total + shifted
  total = xp.reshape(total, (b, (n + blocks - 1) * stride, *rest))
  missing = max(0, origin + n * stride - total.shape[1])
  total = _pad(xp, total, 1, 0, missing)
  return total[:, origin : origin + n * stride]


def _pad(xp: Any, x: Array, axis: int, before: int, after: int) -> Array:
  if not before and not after:
    return x
  widths = [(0, 0)] * x.ndim
  widths[axis] = (before, after)
  return xp.pad(x, widths)


def _correlate(x: Array, kernel: Array, origin: int) -> Array:
  """Stride 1: patches overlap fully, and a plain convolution trains in a
  quarter to a half of the time (experiments/speed)."""
  lax = sys.modules["jax"].lax  # present wherever a JAX array is
  below = kernel.shape[0] - 1 - origin
  out = lax.conv_general_dilated(
    x,
    kernel[::-1, ::-1].astype(x.dtype),
    window_strides=(1, 1),
    padding=((below, origin), (below, origin)),
    dimension_numbers=("NHWC", "HWIO", "NHWC"),
  )
  return out.astype("float32")
