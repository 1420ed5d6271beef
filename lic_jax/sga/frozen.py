"""Transposed convolutions with weights that stay as they are.

Training needs the gradient of a kernel; iterative encoding repeats the same
kernels thousands of times and needs the input's gradient alone. Then the dense
product of `ops.subpixel` is quicker than painting overlapping patches: there is
nothing to overlap. With the matrix and its transpose both kept, it reaches the
units for bfloat16 that CPUs and GPUs have (experiments/sga, "Speed").
"""

from collections.abc import Mapping
from typing import Any

import flax
import jax
import jax.numpy as jnp
import numpy as np

from lic_jax.ops import subpixel, synthesis
from lic_jax.types import Array, Float

# Up to this depth XLA's convolution is quicker than the product.
SHALLOW = 128


@flax.struct.dataclass
class Layer:
  """A transposed convolution; called by `ops.synthesis` in place of weights.

  Attributes:
    matrix: (taps^2 c_in, stride^2 c_out); its dtype is that of the products.
    transposed: of `matrix`, laid out so that the gradient is as quick.
    bias: (c_out,), float32.
    taps, stride, origin: as in `ops.subpixel`.
  """

  matrix: Array
  transposed: Array
  bias: Array
  taps: int = flax.struct.field(pytree_node=False)
  stride: int = flax.struct.field(pytree_node=False)
  origin: int = flax.struct.field(pytree_node=False)

  def __call__(
    self, x: Float[Array, "b h w c_in"]
  ) -> Float[Array, "b h2 w2 c_out"]:
    """Upsamples by `stride`, in float32."""
    taps, s = self.taps, self.stride
    h, w = x.shape[1:3]
    x = subpixel.pad(x, taps)
    if taps * taps * x.shape[-1] <= SHALLOW:
      kernel = self.matrix.reshape(taps, taps, x.shape[-1], -1)
      out = jax.lax.conv_general_dilated(
        x,
        kernel.astype(jnp.float32),
        (1, 1),
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
      )
    else:
      seen = subpixel.neighbours(x, taps)
      flat = seen.reshape(-1, seen.shape[-1])
      out = _product(flat, self.matrix, self.transposed)
      out = out.reshape(*seen.shape[:3], -1)
    out = subpixel.shuffle(out, s)
    first = self.origin
    return out[:, first : first + s * h, first : first + s * w] + self.bias


def freeze(
  function: Mapping[str, Any], weights: Mapping[str, Any], dtype: str
) -> dict[str, Any]:
  """A decoder's weights with its convolutions as `Layer`s.

  Args:
    function: name and arguments of a function of `ops.synthesis`.
    weights: its weights.
    dtype: of the products, "float32" or "bfloat16".
  """
  strides = synthesis.layer_strides(function, weights)
  aligned = function.get("aligned", "keras")
  return {
    name: layer(value, strides[name], aligned, dtype)
    if name in strides
    else value
    for name, value in weights.items()
  }


def layer(
  weights: Mapping[str, Any], stride: int, aligned: str, dtype: str
) -> Layer:
  """The `Layer` of a kernel and bias."""
  kernel = np.asarray(weights["kernel"], np.float32)
  size = kernel.shape[0]
  origin = synthesis.origin_of(size, stride, aligned)
  matrix = subpixel.matrix(kernel, stride, origin)
  return Layer(
    matrix=jnp.asarray(matrix, dtype),
    transposed=jnp.asarray(np.ascontiguousarray(matrix.T), dtype),
    bias=jnp.asarray(weights["bias"]),
    taps=subpixel.taps(size, stride, origin),
    stride=stride,
    origin=origin,
  )


@jax.custom_vjp
def _product(
  x: Float[Array, "n k"], matrix: Float[Array, "k m"], transposed: Array
) -> Float[Array, "n m"]:
  """x @ matrix in the matrix's dtype, with float32 sums."""
  del transposed
  return jnp.matmul(
    x.astype(matrix.dtype), matrix, preferred_element_type=jnp.float32
  )


def _product_forward(x: Array, matrix: Array, transposed: Array) -> tuple:
  return _product(x, matrix, transposed), (matrix, transposed)


def _product_backward(residuals: tuple, g: Array) -> tuple:
  matrix, transposed = residuals
  return _product(g, transposed, matrix), None, None


_product.defvjp(_product_forward, _product_backward)
