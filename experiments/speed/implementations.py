"""Transposed convolution in ways the package did not choose; for comparison.

All take what `lic_jax.ops.transposed.conv_transpose` takes and give the same
samples. `using` puts one of them in its place while a function is traced.
"""

import contextlib
from collections.abc import Callable, Iterator
from unittest import mock

import jax

from lic_jax.ops import synthesis, transposed
from lic_jax.types import Array, Float

LAYOUT = ("NHWC", "HWIO", "NHWC")
Image = Float[Array, "b h w c"]
Kernel = Float[Array, "k k c_in c_out"]


def lax_transpose(
  x: Image, kernel: Kernel, bias: Array | None, *, stride: int, origin: int
) -> Image:
  """`lax.conv_transpose`: a convolution of an input spread with zeros.

  It calls `lax.conv_general_dilated` with `lhs_dilation=stride`, so there is
  no third way to time; its padding 'SAME' is that of `same_origin`.
  """
  size = kernel.shape[0]
  same = origin == transposed.same_origin(size, stride)
  out = jax.lax.conv_transpose(
    x,
    kernel[::-1, ::-1].astype(x.dtype),
    (stride, stride),
    "SAME" if same else [(size - 1 - origin, stride - 1 + origin)] * 2,
    dimension_numbers=LAYOUT,
    preferred_element_type="float32",
  )
  return out if bias is None else out + bias


def phases(
  x: Image, kernel: Kernel, bias: Array | None, *, stride: int, origin: int
) -> Image:
  """One dense convolution per output phase, interleaved (depth to space).

  The kernel is padded to a multiple of the stride: 36/25 of the products at
  k=5 s=2, none extra at s=1, where it is a plain convolution.
  """
  size, _, c_in, c_out = kernel.shape
  after = -(-origin // stride)
  before = stride * after - origin
  taps = -(-(size + before) // stride)
  widths = (before, taps * stride - size - before)
  kernel = jax.numpy.pad(kernel, (widths, widths, (0, 0), (0, 0)))
  kernel = kernel.reshape(taps, stride, taps, stride, c_in, c_out)
  kernel = kernel.transpose(0, 2, 4, 1, 3, 5)[::-1, ::-1]
  out = jax.lax.conv_general_dilated(
    x,
    kernel.reshape(taps, taps, c_in, stride * stride * c_out),
    (1, 1),
    [(taps - 1 - after, after)] * 2,
    dimension_numbers=LAYOUT,
  )
  b, h, w, _ = x.shape
  out = out.reshape(b, h, w, stride, stride, c_out).transpose(0, 1, 3, 2, 4, 5)
  out = out.reshape(b, stride * h, stride * w, c_out)
  return out if bias is None else out + bias


IMPLEMENTATIONS: dict[str, Callable[..., Array]] = {
  "matrix_product": transposed.conv_transpose,
  "lax": lax_transpose,
  "phases": phases,
}


@contextlib.contextmanager
def using(name: str) -> Iterator[None]:
  """What is traced inside uses the named implementation."""
  with mock.patch.object(synthesis, "conv_transpose", IMPLEMENTATIONS[name]):
    yield
