"""Transposed convolution as a dense product and a shuffle.

Every output sample of a transposed convolution of stride s belongs to one of
s x s phases, and sees the same `taps` x `taps` input samples as all others of
its input's place (Shi et al. 2016, "sub-pixel convolution"):

  out[s m + r - origin] = sum_a x[m - a] kernel[s a + r],  0 <= r < s

So it is one matrix product, from the neighbours of an input sample to the
s x s x c samples of a place, which are then laid side by side. Against painting
overlapping patches (`ops.transposed`) it costs some multiplications by the
zeros that fill the kernel up to s * taps, and moves far less memory. NumPy
decodes by it, and iterative encoding, whose kernels stay as they are
(`sga.frozen`). The kernel's gradient is better off with patches.
"""

import numpy as np

from lic_jax.ops.namespace import namespace
from lic_jax.types import Array, Float, Shaped

# Samples of gathered neighbours that `conv_transpose` holds at once: what stays
# in a processor's cache, 2 MiB of float32.
MOST = 1 << 19


def taps(size: int, stride: int, origin: int) -> int:
  """Input samples, along one axis, that an output sample sees."""
  return max(-(-size // stride), -(-origin // stride) + 1)


def matrix(
  kernel: Shaped[np.ndarray, "k k c_in c_out"], stride: int, origin: int
) -> Shaped[np.ndarray, "n m"]:
  """The kernel as a matrix from neighbours to the samples of a place.

  Returns:
    Of n = taps^2 c_in rows and m = stride^2 c_out columns.
  """
  size, _, c_in, c_out = kernel.shape
  count = taps(size, stride, origin)
  border = (0, count * stride - size)
  kernel = np.pad(kernel, (border, border, (0, 0), (0, 0)))
  kernel = kernel.reshape(count, stride, count, stride, c_in, c_out)
  # x[m - a]: the taps run against the kernel.
  kernel = kernel[::-1, :, ::-1].transpose(0, 2, 4, 1, 3, 5)
  return kernel.reshape(count * count * c_in, stride * stride * c_out)


def neighbours(
  x: Float[Array, "b h w c"], count: int
) -> Float[Array, "b h2 w2 n"]:
  """What each place sees of an input that has been padded by count - 1."""
  rows, columns = x.shape[1] - count + 1, x.shape[2] - count + 1
  seen = [
    x[:, i : i + rows, j : j + columns]
    for i in range(count)
    for j in range(count)
  ]
  return namespace(x).concatenate(seen, -1)


def pad(x: Float[Array, "b h w c"], count: int) -> Float[Array, "b h2 w2 c"]:
  """Zeros around an input, so that every output sample has neighbours."""
  border = (count - 1, count - 1)
  return namespace(x).pad(x, [(0, 0), border, border, (0, 0)])


def shuffle(
  places: Float[Array, "b h2 w2 m"], stride: int
) -> Float[Array, "b h3 w3 c"]:
  """Lays the s x s x c samples of each place side by side."""
  b, rows, columns, _ = places.shape
  out = places.reshape(b, rows, columns, stride, stride, -1)
  out = out.transpose(0, 1, 3, 2, 4, 5)
  return out.reshape(b, rows * stride, columns * stride, -1)


def pixel_shuffle(
  x: Float[Array, "b h w c4"], factor: int = 2
) -> Float[Array, "b h2 w2 c"]:
  """`shuffle` of PyTorch's order: channel c * factor^2 + dy * factor + dx."""
  b, h, w, c = x.shape
  c //= factor * factor
  x = x.reshape(b, h, w, c, factor, factor).transpose(0, 1, 4, 2, 5, 3)
  return x.reshape(b, h * factor, w * factor, c)


def pixel_unshuffle(
  x: Float[Array, "b h w c"], factor: int = 2
) -> Float[Array, "b h2 w2 c4"]:
  """Inverse of `pixel_shuffle`."""
  b, h, w, c = x.shape
  h, w = h // factor, w // factor
  x = x.reshape(b, h, factor, w, factor, c).transpose(0, 1, 3, 5, 2, 4)
  return x.reshape(b, h, w, c * factor * factor)


def conv_transpose(
  x: Float[np.ndarray, "b h w c_in"],
  kernel: Shaped[np.ndarray, "k k c_in c_out"],
  bias: Shaped[np.ndarray, "c_out"] | None,
  *,
  stride: int,
  origin: int,
) -> Float[np.ndarray, "b h2 w2 c_out"]:
  """`ops.transposed.conv_transpose` for NumPy.

  To the last bit, a row of the result depends on nothing but the rows of x that
  its samples see: one product for each row, and always of the same size. (In a
  larger one, a matrix library treats the rows that its kernels leave over
  differently.) So strips of an image have the bits of the whole.
  """
  size, _, _, c_out = kernel.shape
  count = taps(size, stride, origin)
  dense = matrix(kernel, stride, origin).astype(x.dtype)
  b, h, w, _ = x.shape
  # Places that have a sample inside; the others are not computed.
  skipped = origin // stride
  rows, columns = (
    (origin + stride * length - 1) // stride + 1 - skipped for length in (h, w)
  )
  x = pad(x, count)[:, skipped:, skipped : skipped + columns + count - 1]
  out = np.empty((b, rows, stride, columns, stride * c_out), x.dtype)
  step = min(rows, max(1, MOST // (columns * len(dense))))
  gathered = np.empty((step, columns, len(dense)), x.dtype)
  for image in range(b):
    for first in range(0, rows, step):
      last = min(first + step, rows)
      seen = gathered[: last - first]
      _gather(x[image, first : last + count - 1], count, out=seen)
      # NumPy multiplies each row of places on its own.
      places = seen @ dense
      if bias is not None:
        places += np.tile(bias.astype(x.dtype), stride * stride)
      places = places.reshape(last - first, columns, stride, stride * c_out)
      out[image, first:last] = places.swapaxes(1, 2)
  out = out.reshape(b, rows * stride, columns * stride, c_out)
  first = origin - skipped * stride
  return out[:, first : first + stride * h, first : first + stride * w]


def _gather(
  x: Float[np.ndarray, "h w c"],
  count: int,
  *,
  out: Float[np.ndarray, "h2 w2 n"],
) -> None:
  """`neighbours` of one image, without new memory."""
  rows, columns, _ = out.shape
  # Neighbours in a row lie side by side already: overlapping views of them.
  wide = np.lib.stride_tricks.as_strided(
    x, (len(x), columns, count * x.shape[2]), x.strides, writeable=False
  )
  np.concatenate([wide[i : i + rows] for i in range(count)], -1, out=out)
