"""Multiply-accumulates and FLOPs, counted on the traced function itself.

The network is traced on shapes alone (nothing is computed) and the equations
of its jaxpr are added up, so that the count cannot drift from the code. Two
conventions stand side by side:

  macs    multiply-accumulates of matrix products and convolutions, nothing
          else; a transposed convolution is counted at its input size.
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
# Where an equation keeps the jaxpr it calls, in JAX 0.5 to 0.11.
_INNER = ("jaxpr", "call_jaxpr", "fun_jaxpr")


@dataclasses.dataclass(frozen=True)
class Count:
  """Operations of one traced function.

  Attributes:
    macs: multiply-accumulates of products and convolutions.
    flops: operations in the paper's convention.
    by_primitive: the FLOPs of each JAX primitive.
  """

  macs: int
  flops: int
  by_primitive: Mapping[str, int]


@dataclasses.dataclass(frozen=True)
class PartComplexity:
  """Cost of one box, or of a sum of boxes.

  Attributes:
    name: "analysis", ..., or "encode" and "decode" for the totals.
    macs: multiply-accumulates of one image.
    flops: operations of one image in the paper's convention.
    parameters: trained numbers.
    pixels: height * width of the image.
  """

  name: str
  macs: int
  flops: int
  parameters: int
  pixels: int

  @property
  def kmac_per_pixel(self) -> float:
    """Pure multiply-accumulates, in thousands per pixel."""
    return self.macs / self.pixels / 1000

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
  return Count(macs.total(), flops.total(), dict(flops))


def parameters(tree: Any) -> int:
  """Numbers in a tree of arrays or shapes."""
  return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))


def part_complexity(
  name: str, module: nn.Module, x: jax.ShapeDtypeStruct, *, pixels: int
) -> tuple[PartComplexity, jax.ShapeDtypeStruct]:
  """Cost of one Flax module on an input of this shape, and its output."""
  variables = jax.eval_shape(lambda u: module.init(jax.random.key(0), u), x)
  result = count(module.apply, variables, x)
  part = PartComplexity(
    name, result.macs, result.flops, parameters(variables), pixels
  )
  return part, jax.eval_shape(module.apply, variables, x)


def model_report(
  model: nn.Module, height: int, width: int
) -> tuple[PartComplexity, ...]:
  """Cost of every box of a model, then of encoding and of decoding.

  The image is padded as the model pads it; figures are per pixel of the
  image before padding. Encoding runs the analyses and the hyper-synthesis;
  decoding the two syntheses.

  Args:
    model: has `stride`, `analysis`, `synthesis`, and perhaps
      `hyper_analysis` and `hyper_synthesis`.
    height: of the image, pixels.
    width: of the image, pixels.

  Raises:
    LicError: a size below one pixel.
  """
  if min(height, width) < 1:
    raise LicError(f"an image of {height} x {width} has no pixels")
  stride, pixels = model.stride, height * width
  padded = [-(-side // stride) * stride for side in (height, width)]
  x = jax.ShapeDtypeStruct((1, *padded, 3), jnp.float32)
  parts = {}

  def add(name: str, x: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
    parts[name], y = part_complexity(
      name, getattr(model, name), x, pixels=pixels
    )
    return y

  y = add("analysis", x)
  if getattr(model, "hyper_analysis", None) is not None:
    add("hyper_synthesis", add("hyper_analysis", y))
  add("synthesis", y)
  encode = [part for name, part in parts.items() if name != "synthesis"]
  decode = [part for name, part in parts.items() if "synthesis" in name]
  return (
    *parts.values(),
    _total("encode", encode, pixels),
    _total("decode", decode, pixels),
  )


def _total(
  name: str, parts: list[PartComplexity], pixels: int
) -> PartComplexity:
  sums = [
    sum(getattr(part, field) for part in parts)
    for field in ("macs", "flops", "parameters")
  ]
  return PartComplexity(name, *sums, pixels)


_Tally = collections.Counter  # primitive -> operations


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
  if params.get("name") in FREE_CALLS:
    flops = _Tally({primitive: 2 * n for primitive, n in macs.items()})
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
