"""Rate-distortion optimised quantisation: symbols that are worth their bits.

Rounding takes the nearest symbol, whatever it costs. Video encoders look one
step further (Karczewicz et al. 2008, "Rate distortion optimized quantization";
sweeps over fields in turn: Besag 1986, iterated conditional modes): a symbol
may be one less, one more, or zero, where `choice` finds that better. Only half
of them, drawn anew, move at once, since neighbours paint over each other.

Before them come those of z (`side`), since they say what y's will cost. The
file is an ordinary one. Large images are worked on in windows, each of which
sees what its neighbours have become.
"""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lic_jax.codec import bundle as bundles
from lic_jax.codec import decode as decoding
from lic_jax.codec import encode as codec
from lic_jax.codec.bundle import Bundle
from lic_jax.ops.padding import pad_reflect
from lic_jax.ops.windows import Span, windows
from lic_jax.sga import choice, frozen, side
from lic_jax.sga.choice import Objective, Window
from lic_jax.types import Array, Float, Int, Latents, LicError, UInt, UInt8

# After so many a file is within 0.3 % of where it would end.
SWEEPS = 6
# Pixels, multiples of 64: the side of what is worked on at once, and a margin
# as wide as a synthesis reaches.
CORE, MARGIN = 1024, 64
# What the curvature is multiplied by, for what moves along with a symbol: all
# of a latent, when rounding is left, and half of it in a sweep. z is chosen for
# symbols that will have been through both.
ALL, HALF, BOTH = 3.0, 1.1, 2.0


class Grid(NamedTuple):
  """What the symbols of one image's y stand for, and cost.

  Attributes:
    offset: of the grid, (1, h, w, c).
    step: of the grid, (c,) or (1,).
    table: numbers of tables, (1, h, w, c).
  """

  offset: Float[np.ndarray, "1 h w c"]
  step: Float[np.ndarray, "#c"]
  table: UInt[np.ndarray, "1 h w c"]


def is_possible(bundle: Bundle) -> bool:
  """Whether a codec has what this needs: MSE, a lambda, no context model."""
  card = bundle.card
  is_mse = card.get("distortion", "mse") == "mse"
  has_lambda = card.get("lambda") is not None
  return is_mse and has_lambda and bundle.decoder.context is None


def usual(bundle: Bundle) -> int:
  """How many sweeps are made where nobody says."""
  return SWEEPS if is_possible(bundle) else 0


def refine_side(
  rgb: UInt8[np.ndarray, "h w 3"],
  latents: Latents,
  bundle: Bundle,
  *,
  quality: float | int | None = None,
  seed: int = 0,
  core: int = CORE,
) -> Latents:
  """Latents whose z, if there is one, is worth its bits; y stays as it is.

  Args:
    rgb, latents, bundle, quality, seed, core: as in `refine`.

  Raises:
    LicError: as `refine`.
  """
  _check(bundle)
  if latents.z is None:
    return latents
  number = bundle.number(quality)
  grid, search = _begin(rgb, latents, bundle, number, core)
  curvature_key, key = jax.random.split(jax.random.key(seed))
  offset, _ = decoding.channel_prior(bundle.decoder, *rgb.shape[:2])
  z, _ = codec.quantise(latents.z, offset)
  z = side.refine(
    z,
    latents.y,
    bundle,
    number=number,
    step=grid.step,
    curvature=BOTH * search.curvature(curvature_key),
    key=key,
    core=core,
  )
  return Latents(y=latents.y, z=decoding.dequantise(z, offset))


def refine(
  rgb: UInt8[np.ndarray, "h w 3"],
  latents: Latents,
  bundle: Bundle,
  *,
  quality: float | int | None = None,
  sweeps: int = SWEEPS,
  searched: bool = False,
  seed: int = 0,
  core: int = CORE,
) -> Latents:
  """Latents whose y, rounded, makes a better file, or as good a one.

  Args:
    rgb: the image.
    latents: continuous, (1, h/16, w/16, c).
    bundle: the codec.
    quality: of those that the codec has; None for the one in the middle.
    sweeps: how often the symbols are gone over.
    searched: whether the latents come from a search, not from the analysis:
      what rounding takes off them then says nothing about the picture.
    seed: of the halves and signs.
    core: side of what is worked on at once, pixels, a multiple of 64.

  Raises:
    LicError: the codec has no such quality; or it is none that `is_possible`.
  """
  _check(bundle)
  number = bundle.number(quality)
  grid, search = _begin(rgb, latents, bundle, number, core)
  symbols = search.symbols
  key = jax.random.key(seed)
  curvature = search.curvature(key)
  rounded = search.loss()
  if not searched:
    search.settle(latents.y, ALL * curvature)
  for i in range(sweeps):
    search.sweep(HALF * curvature, jax.random.fold_in(key, i))
  if not search.loss() < rounded:
    symbols[...] = codec.quantise(latents.y, grid.offset, grid.step)[0]
  y_hat = np.empty(symbols.shape, np.float32)
  for row in range(symbols.shape[1]):
    y_hat[:, row] = decoding.dequantise(
      symbols[:, row], grid.offset[:, row], grid.step
    )
  return Latents(y=y_hat, z=latents.z)


def objective_of(
  bundle: Bundle, number: int, step: Float[np.ndarray, "#c"]
) -> Objective:
  """The objective of a quality, by its number in a file's header.

  A unit of squared error is worth lambda * 255^2 / 3 bits.
  """
  lmbda = bundle.lagrange_multiplier(number)
  layers, costs = _frozen(bundle.folder, bundle.card["fingerprint"])
  return Objective(layers, costs, step, np.float32(lmbda * 255**2 / 3))


def _check(bundle: Bundle) -> None:
  """Refuses codecs for which none of this is possible.

  Raises:
    LicError: the codec is one.
  """
  if not is_possible(bundle):
    raise LicError(
      "rate-distortion optimised quantisation is for codecs of the squared "
      "error without a context model"
    )


class _Search:
  """Goes over the symbols of one image, in place, window by window."""

  def __init__(
    self,
    rgb: UInt8[np.ndarray, "h w 3"],
    symbols: Int[np.ndarray, "1 h2 w2 c"],
    grid: Grid,
    bundle: Bundle,
    number: int,
    core: int,
  ):
    self._rgb = pad_reflect(rgb, bundle.decoder.stride)
    self._size = rgb.shape[:2]
    self.symbols, self._grid = symbols, grid
    height, width = self._rgb.shape[:2]
    self._stride = height // symbols.shape[1]
    self._places = list(windows(height, width, core=core, margin=MARGIN))
    self._objective = objective_of(bundle, number, grid.step)
    self._compiled = _compiled(bundle.folder, bundle.card["fingerprint"])

  def curvature(self, key: Array) -> Float[np.ndarray, "c"]:
    """The mean of the windows'."""
    parts = [
      self._compiled.curvature(self._objective, self._cut(place), key)
      for place in self._places
    ]
    return np.mean(parts, axis=0)

  def settle(
    self,
    y: Float[np.ndarray, "1 h w c"],
    curvature: Float[np.ndarray, "c"],
  ) -> None:
    """Chooses as if the picture were best at the continuous latent y."""
    offset, step, table = self._grid
    for row in range(y.shape[1]):
      symbols = self.symbols[:, row]
      left = (y[:, row] - offset[:, row]) / step - symbols
      symbols[...] = self._compiled.choose(
        self._objective.costs,
        table[:, row],
        symbols,
        -2 * curvature * left,
        curvature,
      )

  def sweep(self, curvature: Float[np.ndarray, "c"], key: Array) -> None:
    """Moves half of the symbols, each to what is best while others stay."""
    for number, place in enumerate(self._places):
      found = self._compiled.sweep(
        self._objective,
        self._cut(place),
        curvature,
        jax.random.fold_in(key, number),
      )
      core, inside = self._core(place, self._stride)
      self.symbols[:, *core] = np.asarray(found)[:, *inside]

  def loss(self) -> float:
    """Bits and weighted error of the whole image."""
    total, costs = 0.0, self._objective.costs
    for place in self._places:
      window = self._cut(place)
      _, inside = self._core(place, 1)
      real = np.zeros_like(window.real)
      real[inside] = window.real[inside]
      window = window._replace(real=real)
      total += float(self._compiled.error(self._objective, window))
    for row in range(self.symbols.shape[1]):
      table, symbols = self._grid.table[:, row], self.symbols[:, row]
      total += float(self._compiled.bits(costs, table, symbols))
    return total

  def _cut(self, place: tuple[Span, Span]) -> Window:
    rows, columns = place

    def latent(array: np.ndarray) -> np.ndarray:
      return array[:, rows.window(self._stride), columns.window(self._stride)]

    pixels = self._rgb[rows.window(1), columns.window(1)]
    height, width = self._size
    real = np.zeros((*pixels.shape[:2], 1), np.float32)
    real[: max(0, height - rows.start), : max(0, width - columns.start)] = 1
    return Window(
      latent(self.symbols),
      latent(self._grid.offset),
      latent(self._grid.table),
      pixels.astype(np.float32) / np.float32(255) - np.float32(0.5),
      real,
    )

  @staticmethod
  def _core(
    place: tuple[Span, Span], stride: int
  ) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """A window's core, in the image and in the window."""
    rows, columns = place
    return (
      (rows.core(stride), columns.core(stride)),
      (rows.core_inside(stride), columns.core_inside(stride)),
    )


class _Compiled(NamedTuple):
  """The functions of `choice`, for one codec."""

  curvature: Callable
  choose: Callable
  sweep: Callable
  error: Callable
  bits: Callable


@functools.lru_cache(maxsize=2)
def _compiled(folder: Path, fingerprint: str) -> _Compiled:
  """The fingerprint keeps a replaced bundle apart."""
  function = bundles.read_again(folder, fingerprint).decoder.functions[
    "synthesis"
  ]

  def whole_error(one: Objective, window: Window) -> Array:
    y = choice.painted(one, window)
    return choice.error(function, one, window, y)

  return _Compiled(
    curvature=jax.jit(functools.partial(choice.curvature, function)),
    choose=jax.jit(choice.choose),
    sweep=jax.jit(functools.partial(choice.sweep, function)),
    error=jax.jit(whole_error),
    bits=jax.jit(lambda *arguments: jnp.sum(choice.bits(*arguments))),
  )


@functools.lru_cache(maxsize=2)
def _frozen(folder: Path, fingerprint: str) -> tuple[Mapping[str, Any], Array]:
  """Frozen layers of the synthesis, and the costs of y's symbols."""
  decoder = bundles.read_again(folder, fingerprint).decoder
  layers = frozen.freeze(
    decoder.functions["synthesis"], decoder.weights["synthesis"], "float32"
  )
  tables = decoder.scale_tables or decoder.channel_tables
  return layers, jnp.asarray(choice.costs_of(tables))


def _begin(
  rgb: np.ndarray, latents: Latents, bundle: Bundle, number: int, core: int
) -> tuple[Grid, _Search]:
  """The grid of y, and the search, from rounded symbols."""
  grid = _grid(latents, bundle, number, *rgb.shape[:2])
  # One array of symbols, changed in place: a large image has no room for more.
  symbols = codec.quantise(latents.y, grid.offset, grid.step)[0]
  return grid, _Search(rgb, symbols, grid, bundle, number, core)


def _grid(
  latents: Latents, bundle: Bundle, number: int, height: int, width: int
) -> Grid:
  """The grid of y as files have it."""
  decoder = bundle.decoder
  offset, table = decoding.channel_prior(decoder, height, width)
  step = np.ones(1, np.float32)
  if decoder.scale_tables is not None:
    z, _ = codec.quantise(latents.z, offset)
    offset, table = decoding.prior(decoder, z)
    step, table = decoding.at_quality(decoder, number, table)
  return Grid(offset, step, table)
