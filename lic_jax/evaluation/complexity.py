"""Multiply-accumulates and FLOPs, counted on the traced function itself.

The network is traced on shapes alone (nothing is computed) and the equations
of its jaxpr are added up, so that the count cannot drift from the code. Three
conventions stand side by side:

  macs    multiply-accumulates of matrix products and convolutions, nothing
          else; a transposed convolution is counted at its input size.
  layers  those macs that belong to convolutions and linear layers: what
          profilers count that hook layers, and the LOC-LIC paper by them.
          Not the products of GDN and of attention (calls named `norm2`,
          `window_attention`, ...).
  flops   the convention of the shallow-decoder paper (specification 1.9,
          TensorFlow's profiler): 2 per MAC, plus 1 per output element of an
          element-wise add, subtract, multiply, divide, maximum, minimum or
          power of floats. Activations (a call named `relu`, `leaky_relu`,
          ...), the overlap-add of a transposed convolution (a call named
          `overlap_add`), square roots and all movement of memory are free.

1 kMAC/px of the paper is 2000 FLOP/px. Entropy coding is not counted.
"""

import collections
import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.extend import core

from lic_jax.types import LicError

# One FLOP per output element in the paper's convention.
ELEMENTWISE = frozenset(
  ("add", "sub", "mul", "div", "max", "min", "square", "integer_pow", "pow")
)
# Jitted calls whose element-wise work the paper's convention leaves out.
FREE_CALLS = frozenset(
  ("overlap_add", "relu", "leaky_relu", "gelu", "sigmoid", "silu", "softplus")
)
# Calls whose products belong to no convolution or linear layer.
PRODUCT_CALLS = frozenset(
  ("norm1", "norm2", "window_attention", "linear_attention")
)
# Calls that are convolutions by multiplying and adding.
SHIFTED_CALLS = frozenset(("depthwise",))
# Where an equation keeps the jaxpr it calls, in JAX 0.5 to 0.11.
_INNER = ("jaxpr", "call_jaxpr", "fun_jaxpr")


@dataclasses.dataclass(frozen=True)
class Count:
  """Operations of one traced function.

  Attributes:
    macs: multiply-accumulates of products and convolutions.
    layer_macs: those of convolutions and linear layers.
    flops: operations in the paper's convention.
    by_primitive: the FLOPs of each JAX primitive.
  """

  macs: int
  layer_macs: int
  flops: int
  by_primitive: Mapping[str, int]


@dataclasses.dataclass(frozen=True)
class PartComplexity:
  """Cost of one box, or of a sum of boxes.

  Attributes:
    name: "analysis", ..., or "encode", "decode" and "total" for the sums.
    macs: multiply-accumulates of one image.
    layer_macs: those of convolutions and linear layers.
    flops: operations of one image in the paper's convention.
    parameters: trained numbers.
    pixels: height * width of the image.
  """

  name: str
  macs: int
  layer_macs: int
  flops: int
  parameters: int
  pixels: int

  @property
  def kmac_per_pixel(self) -> float:
    """Pure multiply-accumulates, in thousands per pixel."""
    return self.macs / self.pixels / 1000

  @property
  def layer_kmac_per_pixel(self) -> float:
    """Those of convolutions and linear layers, in thousands per pixel."""
    return self.layer_macs / self.pixels / 1000

  @property
  def flop_per_pixel(self) -> float:
    """The paper's convention, per pixel."""
    return self.flops / self.pixels

  @property
  def paper_kmac_per_pixel(self) -> float:
    """The paper's printed figure: FLOP per pixel / 2000."""
    return self.flop_per_pixel / 2000


def count(function: Callable[..., Any], *shapes: Any) -> Count:
  """Operations of `function` on arguments of the given shapes.

  Args:
    function: anything JAX can trace.
    *shapes: its arguments; trees of `jax.ShapeDtypeStruct` or arrays.

  Raises:
    LicError: the trace holds a loop of unknown length.
  """
  closed = jax.make_jaxpr(function)(*shapes)
  macs, flops = _walk(closed.jaxpr)
  layers = sum(n for name, n in macs.items() if name not in PRODUCT_CALLS)
  return Count(macs.total(), layers, flops.total(), dict(flops))


def parameters(tree: Any) -> int:
  """Numbers in a tree of arrays or shapes."""
  return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))


def part_complexity(
  name: str, module: nn.Module, x: jax.ShapeDtypeStruct, *, pixels: int
) -> tuple[PartComplexity, jax.ShapeDtypeStruct]:
  """Cost of one Flax module on an input of this shape, and its output."""
  variables = jax.eval_shape(lambda u: module.init(jax.random.key(0), u), x)
  result = count(module.apply, variables, x)
  part = part_of(name, result, parameters(variables), pixels)
  return part, jax.eval_shape(module.apply, variables, x)


def part_of(
  name: str, result: Count, numbers: int, pixels: int
) -> PartComplexity:
  """A part from its count and its number of parameters."""
  return PartComplexity(
    name, result.macs, result.layer_macs, result.flops, numbers, pixels
  )


# Operations of each primitive; of MACs, also of each call in PRODUCT_CALLS.
_Tally = collections.Counter


def _walk(jaxpr: core.Jaxpr) -> tuple[_Tally, _Tally]:
  """MACs and FLOPs of each primitive, calls followed."""
  macs, flops = _Tally(), _Tally()
  for equation in jaxpr.eqns:
    name = equation.primitive.name
    products = _MACS[name](equation) if name in _MACS else 0
    if products:
      macs[name] += products
      flops[name] += 2 * products
    elif name in ELEMENTWISE and _is_float(equation):
      flops[name] += math.prod(equation.outvars[0].aval.shape)
    inner_macs, inner_flops = _called(equation)
    macs.update(inner_macs)
    flops.update(inner_flops)
  return macs, flops


def _called(equation: core.JaxprEqn) -> tuple[_Tally, _Tally]:
  """What an equation spends inside the jaxprs it calls."""
  name, params = equation.primitive.name, equation.params
  if name == "while":
    raise LicError("a loop of unknown length cannot be counted")
  if name == "cond":  # the dearest branch
    branches = [_walk(branch.jaxpr) for branch in params["branches"]]
    return max(branches, key=lambda tallies: tallies[1].total())
  macs, flops = _Tally(), _Tally()
  for key in _INNER:
    inner = params.get(key)
    if inner is not None:
      inner = inner.jaxpr if isinstance(inner, core.ClosedJaxpr) else inner
      found = _walk(inner)
      macs.update(found[0])
      flops.update(found[1])
  if params.get("name") in SHIFTED_CALLS:
    macs = _Tally({params["name"]: flops["mul"]})
    flops = _Tally({params["name"]: 2 * macs.total()})
  if params.get("name") in FREE_CALLS:
    flops = _Tally({primitive: 2 * n for primitive, n in macs.items()})
  if params.get("name") in PRODUCT_CALLS:
    macs = _Tally({params["name"]: macs.total()})
  times = params["length"] if name == "scan" else 1
  return _times(macs, times), _times(flops, times)


def _is_float(equation: core.JaxprEqn) -> bool:
  """Whether it computes floats; integers are indices."""
  return jnp.issubdtype(equation.outvars[0].aval.dtype, jnp.floating)


def _times(tally: _Tally, times: int) -> _Tally:
  return _Tally({primitive: times * n for primitive, n in tally.items()})


def _dot_general(equation: core.JaxprEqn) -> int:
  (contracted, _), _ = equation.params["dimension_numbers"]
  left = equation.invars[0].aval.shape
  depth = math.prod(left[axis] for axis in contracted)
  return math.prod(equation.outvars[0].aval.shape) * depth


def _conv(equation: core.JaxprEqn) -> int:
  """MACs of a convolution; a dilated (upsampling) axis at its input size."""
  left, right = (variable.aval.shape for variable in equation.invars)
  out = equation.outvars[0].aval.shape
  params = equation.params
  numbers = params["dimension_numbers"]
  # Output batch and channels; input channels of one group; kernel taps.
  products = out[numbers.out_spec[0]] * out[numbers.out_spec[1]]
  products *= math.prod(right[axis] for axis in numbers.rhs_spec[1:])
  for axis, dilation in enumerate(params["lhs_dilation"]):
    if dilation == 1:
      products *= out[numbers.out_spec[2 + axis]]
    else:
      products *= left[numbers.lhs_spec[2 + axis]]
      products //= params["window_strides"][axis]
  return products


_MACS = {"dot_general": _dot_general, "conv_general_dilated": _conv}
