"""What every box of a model costs, and a context model by its mechanisms.

The boxes run one after the other and are counted alone. A context model runs
its networks many times, slice by slice; which, and on what, is recorded while
it is traced, so that here too the count cannot drift from the code.
"""

import collections
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from lic_jax.evaluation.complexity import (
  Count,
  PartComplexity,
  count,
  parameters,
  part_complexity,
  part_of,
)
from lic_jax.types import LicError

Shape = jax.ShapeDtypeStruct

# What only one side runs; the rest is for both.
ENCODER_ONLY = frozenset(("analysis", "hyper_analysis"))
DECODER_ONLY = frozenset(("synthesis", "restoration"))


def model_report(
  model: nn.Module,
  height: int,
  width: int,
  restoration: nn.Module | None = None,
) -> tuple[PartComplexity, ...]:
  """Cost of every part of a model, then of all, of encoding and of decoding.

  The image is padded as the model pads it; figures are per pixel of the
  image before padding. Encoding runs all but the synthesis and what follows
  it, decoding all but the analyses. The factorized prior is not counted.

  Args:
    model: has `stride`, `analysis`, `synthesis`, and perhaps
      `hyper_analysis`, `hyper_synthesis` and `context`.
    height: of the image, pixels.
    width: of the image, pixels.
    restoration: of what the synthesis paints, if there is one.

  Raises:
    LicError: a size below one pixel.
  """
  if min(height, width) < 1:
    raise LicError(f"an image of {height} x {width} has no pixels")
  stride, pixels = model.stride, height * width
  padded = [-(-side // stride) * stride for side in (height, width)]
  x = Shape((1, *padded, 3), jnp.float32)
  parts = []

  def add(name: str, x: Shape) -> Shape:
    part, out = part_complexity(name, getattr(model, name), x, pixels=pixels)
    parts.append(part)
    return out

  y = add("analysis", x)
  if getattr(model, "hyper_analysis", None) is not None:
    hyper = add("hyper_synthesis", add("hyper_analysis", y))
    if hasattr(model, "context"):
      parts.extend(context_parts(model.context, y, hyper, pixels=pixels))
  x_hat = add("synthesis", y)
  if restoration is not None:
    level, share = Shape((1, 1, 1, 1), jnp.float32), Shape((), jnp.float32)
    cost, numbers = _call(restoration, (x_hat, level, share))
    parts.append(part_of("restoration", cost, numbers, pixels))
  return (
    *parts,
    _sum("total", parts),
    _sum("encode", [p for p in parts if p.name not in DECODER_ONLY]),
    _sum("decode", [p for p in parts if p.name not in ENCODER_ONLY]),
  )


def context_parts(
  context: nn.Module, y: Shape, hyper: Shape, *, pixels: int
) -> list[PartComplexity]:
  """Cost of each mechanism of a context model, summed over its slices.

  Args:
    context: called with a latent and the hyper-synthesis' output; a mechanism
      is a module two levels below it, as in "slice3/local".
    y: shape of the latent.
    hyper: shape of the hyper-synthesis' output.
    pixels: height * width of the image.
  """
  calls = []

  def record(
    function: Callable[..., Any], args: Any, kwargs: Any, info: Any
  ) -> Any:
    module = info.module
    if info.method_name == "__call__" and len(module.path) == 2:
      shapes = [Shape(a.shape, a.dtype) for a in args]
      calls.append((module.path, module.clone(parent=None, name=None), shapes))
    return function(*args, **kwargs)

  def run(y: Any, hyper: Any) -> Any:
    key = jax.random.key(0)
    return context.init(key, y, hyper, quantise=lambda y, mean: y - mean)

  with nn.intercept_methods(record):
    jax.eval_shape(run, y, hyper)
  parts, seen = collections.defaultdict(list), set()
  for path, module, shapes in calls:
    cost, numbers = _call(module, shapes)
    # A network that both passes of a slice run has its parameters once.
    numbers = 0 if path in seen else numbers
    seen.add(path)
    parts[path[-1]].append(part_of(path[-1], cost, numbers, pixels))
  return [_sum(name, costs) for name, costs in parts.items()]


def _call(module: nn.Module, shapes: Sequence[Shape]) -> tuple[Count, int]:
  """Cost and parameters of one call of a module."""
  variables = jax.eval_shape(module.init, jax.random.key(0), *shapes)
  return count(module.apply, variables, *shapes), parameters(variables)


def _sum(name: str, parts: Sequence[PartComplexity]) -> PartComplexity:
  fields = ("macs", "layer_macs", "flops", "parameters")
  sums = [sum(getattr(part, field) for part in parts) for field in fields]
  return PartComplexity(name, *sums, parts[0].pixels)
