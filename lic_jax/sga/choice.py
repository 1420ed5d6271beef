"""What is best for each symbol of a window while the others stay.

The objective is

  bits of the files' own tables + lambda * 255^2 / 3 * squared error,

the squared error as a quadratic around the present picture,

  e(k + d) = e(k) + slope d + curvature d^2,

with the slope of every symbol from one gradient of the synthesis, and a
curvature for every channel: |J e_i|^2, the energy that a symbol paints, whose
mean over positions is that of (J^T s)^2 for random signs s.
"""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lic_jax.codec.tables import PRECISION, Tables
from lic_jax.sga import objective
from lic_jax.types import Array, Float, Int, UInt

# Bits of an escape's side bytes, about.
SIDE_BITS = 16.0


class Objective(NamedTuple):
  """What is minimised, but for the image.

  Attributes:
    synthesis: `frozen` layers.
    costs: bits of the symbols -r, ..., r by every table, (t, 2 r + 1).
    step: of the grid, (c,) or (1,).
    weight: bits that a unit of squared error, of pixels in [-0.5, 0.5], is
      worth.
  """

  synthesis: Mapping[str, Any]
  costs: Array
  step: Array
  weight: Array


class Window(NamedTuple):
  """Part of an image.

  Attributes:
    symbols: of y, int32, (1, h, w, c).
    offset, table: of y, (1, h, w, c).
    x: image in [-0.5, 0.5], (h, w, 3).
    real: 1 for pixels that count, (h, w, 1).
  """

  symbols: Array
  offset: Array
  table: Array
  x: Array
  real: Array


def choose(
  costs: Float[Array, "t n"],
  table: UInt[Array, "*b"],
  symbols: Int[Array, "*b"],
  slope: Float[Array, "*b"],
  curvature: Float[Array, "*#b"],
) -> Int[Array, "*b"]:
  """The best of k - 1, k, k + 1 and 0; k where none is better.

  Args:
    costs: bits of -r, ..., r by every table; beyond, those of the end.
    table: of each symbol.
    symbols: k.
    slope, curvature: of the other costs of k + d, slope d + curvature d^2.
  """
  best, _ = _best(costs, table, symbols, slope, curvature)
  return best


def least(
  costs: Float[Array, "t n"],
  table: UInt[Array, "*b"],
  r: Float[Array, "*b"],
  curvature: Float[Array, "*#b"],
) -> Float[Array, "*b"]:
  """Bits and error, curvature (k - r)^2, of the symbol k that is best for r."""
  nearest = jnp.round(r).astype(jnp.int32)
  left = r - nearest
  _, least = _best(costs, table, nearest, -2 * curvature * left, curvature)
  return least + curvature * jnp.square(left)


def _best(
  costs: Array, table: Array, symbols: Array, slope: Array, curvature: Array
) -> tuple[Array, Array]:
  """The best candidate, and what it costs."""

  def cost(k: Array) -> Array:
    d = k - symbols
    return bits(costs, table, k) + d * (slope + curvature * d)

  best, least = symbols, cost(symbols)
  for k in (symbols - 1, symbols + 1, jnp.zeros_like(symbols)):
    other = cost(k)
    best = jnp.where(other < least, k, best)
    least = jnp.minimum(other, least)
  return best, least


def sweep(
  function: Mapping[str, Any],
  one: Objective,
  window: Window,
  curvature: Float[Array, "c"],
  key: Array,
) -> Int[Array, "1 h w c"]:
  """The symbols of a window, half of them replaced by their best candidates.

  Args:
    function: of the decoder's synthesis, as in `objective.run`.
    one: the objective.
    window: the symbols and what they are to paint.
    curvature: of each channel.
    key: of the half.
  """
  symbols = window.symbols
  slope = jax.grad(error, 3)(function, one, window, painted(one, window))
  chosen = choose(one.costs, window.table, symbols, one.step * slope, curvature)
  return jnp.where(
    jax.random.bernoulli(key, 0.5, symbols.shape), chosen, symbols
  )


def curvature(
  function: Mapping[str, Any], one: Objective, window: Window, key: Array
) -> Float[Array, "c"]:
  """Weighted energy that a symbol paints, the mean over each channel.

  Args:
    function, one, window: as in `sweep`.
    key: of the signs.
  """
  paint = functools.partial(objective.run, function, one.synthesis)
  x_hat, transpose = jax.vjp(paint, painted(one, window)[0])
  (seen,) = transpose(jax.random.rademacher(key, x_hat.shape, x_hat.dtype))
  return one.weight * jnp.square(one.step) * jnp.mean(jnp.square(seen), (0, 1))


def error(
  function: Mapping[str, Any],
  one: Objective,
  window: Window,
  y: Float[Array, "1 h w c"],
) -> Float[Array, ""]:
  """Weighted squared error of the picture that a latent gives."""
  x_hat = objective.run(function, one.synthesis, y[0])
  return one.weight * jnp.sum(window.real * jnp.square(x_hat - window.x))


def painted(one: Objective, window: Window) -> Float[Array, "1 h w c"]:
  """The latent that symbols stand for."""
  return window.offset + one.step * window.symbols


def bits(
  costs: Float[Array, "t n"],
  table: UInt[Array, "*b"],
  symbols: Int[Array, "*b"],
) -> Float[Array, "*b"]:
  """Of each symbol; beyond what tables have, those of the end."""
  reach = costs.shape[1] // 2
  return costs[table, jnp.clip(symbols, -reach, reach) + reach]


def costs_of(tables: Tables) -> Float[np.ndarray, "t n"]:
  """Bits of the symbols -r, ..., r by every table; r is the widest's."""
  first, last = tables.minima, tables.minima + tables.lengths - 2
  reach = int(max(-first.min(), last.max(), 1))
  bits = PRECISION - np.log2(tables.frequencies.astype(np.float32))
  costs = np.empty((tables.count, 2 * reach + 1), np.float32)
  for row, start, length, least in zip(
    costs, tables.starts, tables.lengths, first
  ):
    row[:] = bits[start + length - 1] + SIDE_BITS
    row[reach + least :][: length - 1] = bits[start:][: length - 1]
  return costs
