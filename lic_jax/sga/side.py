"""Side information that is worth its bits: the symbols of z.

z costs bits of its own, and tells the mean and the scale of every y around it.
The hyper-analysis cannot know what its symbols will save; so they are looked
for, as those of y are (`choice`), in sweeps over a few of them at a time. They
are chosen before y's, for what those will be. A y that lies r steps from its
mean, under table t, will cost

  F(r, t) = min over k of  bits(k | t) + curvature (k - r)^2,

and z moves r by the mean and t by the scale. F has a dip at every symbol, so
its slopes are taken over as much as a symbol of z moves r and t.
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
from lic_jax.codec.bundle import Bundle
from lic_jax.entropy import gaussian
from lic_jax.ops.scales import SCALE_COUNT
from lic_jax.ops.windows import windows
from lic_jax.sga import choice, frozen, objective
from lic_jax.types import Array, Float, Int

# How often the symbols are gone over, and the share that moves at once.
SWEEPS, SHARE = 24, 0.25
# Pixels, a multiple of 64, around what is worked on at once: as wide as z
# reaches into the prior.
MARGIN = 128
# What slopes of F are taken over, to either side: steps, and indices of scales.
STEPS, SCALES = 1.5, 2
# What a move of z is made of when the curvature is measured.
PROBE, PROBES = 0.5, 4
# By how much the curvature grows when a sweep has overdone it.
STIFFER = 1.5


class Objective(NamedTuple):
  """What is minimised, but for the image.

  Attributes:
    hyper_synthesis: `frozen` layers.
    offset: of z's grid, (c_z,).
    costs: bits of z's symbols -r, ..., r by every channel's table, (c_z, n).
    y_costs: bits of y's by every scale's table, (t, m).
    step, log_gain: of y's grid, (c,).
    curvature: bits that y's distance from its symbol is worth, by its square in
      steps, (c,).
  """

  hyper_synthesis: Mapping[str, Any]
  offset: Array
  costs: Array
  y_costs: Array
  step: Array
  log_gain: Array
  curvature: Array


class Window(NamedTuple):
  """Part of an image.

  Attributes:
    z: symbols, int32, (1, h, w, c_z).
    y: where it should be, continuous, (1, 4 h, 4 w, c).
    free: whether z may move, (1, h, w, 1).
  """

  z: Array
  y: Array
  free: Array


def refine(
  z: Int[np.ndarray, "1 h w c"],
  y: Float[np.ndarray, "1 h4 w4 c2"],
  bundle: Bundle,
  *,
  number: int,
  step: Float[np.ndarray, "#c2"],
  curvature: Float[np.ndarray, "c2"],
  key: Array,
  core: int,
) -> Int[np.ndarray, "1 h w c"]:
  """Symbols of z by which y costs less, and they no more than they save.

  Args:
    z: symbols.
    y: where it should be, continuous.
    bundle: the codec, of a hyperprior.
    number: of the quality, in a file's header.
    step: of y's grid.
    curvature: as in `Objective`.
    key: of the shares and probes.
    core: side of what is worked on at once, pixels, a multiple of 64.
  """
  one = objective_of(bundle, number, step, curvature)
  compiled = _compiled(bundle.folder, bundle.card["fingerprint"])
  found = z.copy()
  stride = bundle.decoder.stride
  y_stride = stride * z.shape[1] // y.shape[1]
  sizes = [stride * size for size in z.shape[1:3]]
  for i, (rows, columns) in enumerate(
    windows(*sizes, core=core, margin=MARGIN)
  ):
    inside = rows.core_inside(stride), columns.core_inside(stride)
    part = found[:, rows.window(stride), columns.window(stride)]
    free = np.zeros((*part.shape[:3], 1), bool)
    free[:, *inside] = True
    window = Window(
      part, y[:, rows.window(y_stride), columns.window(y_stride)], free
    )
    best = _search(compiled, one, window, jax.random.fold_in(key, i))
    found[:, rows.core(stride), columns.core(stride)] = best[:, *inside]
  return found


def objective_of(
  bundle: Bundle,
  number: int,
  step: Float[np.ndarray, "#c"],
  curvature: Float[np.ndarray, "c"],
) -> Objective:
  """The objective of a quality, by its number in a file's header.

  Args:
    bundle, number, step, curvature: as in `refine`.
  """
  layers, costs, y_costs = _fixed(bundle.folder, bundle.card["fingerprint"])
  decoder = bundle.decoder
  log_gain = np.zeros(1, np.float32)
  if decoder.gains is not None:
    log_gain = decoding.log_gains(decoder, number).astype(np.float32)
  offset = np.asarray(decoder.channel_offsets, np.float32)
  return Objective(layers, offset, costs, y_costs, step, log_gain, curvature)


def cost(
  function: Mapping[str, Any],
  one: Objective,
  z: Float[Array, "1 h w c"],
  y: Float[Array, "1 h4 w4 c2"],
) -> tuple[Float[Array, ""], Float[Array, "1 h w c"]]:
  """What y will cost, in bits, and by how much more with each symbol of z.

  Args:
    function: of the decoder's hyper-synthesis, as in `objective.run`.
    one: the objective.
    z: symbols, as real numbers.
    y: as in `Window`.
  """
  parameters, transpose = jax.vjp(functools.partial(_prior, function, one), z)
  mean, index = parameters
  per_scale = (len(one.y_costs) - 1) / (SCALE_COUNT - 1)
  table = jnp.round(gaussian.shifted(index, one.log_gain) * per_scale)
  table = table.astype(jnp.uint32)
  r = (y - mean) / one.step

  def least(r: Array, table: Array) -> Array:
    return choice.least(one.y_costs, table, r, one.curvature)

  reach = round(SCALES * per_scale)
  above = jnp.minimum(table + reach, len(one.y_costs) - 1)
  below = table - jnp.minimum(table, reach)
  by_r = (least(r + STEPS, table) - least(r - STEPS, table)) / (2 * STEPS)
  by_table = (least(r, above) - least(r, below)) / (above - below)
  (slope,) = transpose((-by_r / one.step, by_table * per_scale))
  return jnp.sum(least(r, table)), slope


def measure(
  function: Mapping[str, Any], one: Objective, window: Window
) -> tuple[Float[Array, ""], Float[Array, "1 h w c"]]:
  """All bits, of z and of what y will cost; and `cost`'s slope."""
  z = window.z
  own = choice.bits(one.costs, _channels(z), z)
  of_y, slope = cost(function, one, z.astype(jnp.float32), window.y)
  return jnp.sum(own) + of_y, slope


def curvature(
  function: Mapping[str, Any], one: Objective, window: Window, key: Array
) -> Float[Array, "c"]:
  """Half the second derivative of y's cost, the mean of each channel of z."""
  z = window.z.astype(jnp.float32)

  def slope(z: Array) -> Array:
    return cost(function, one, z, window.y)[1]

  def probed(key: Array) -> Array:
    signs = jax.random.rademacher(key, z.shape, z.dtype)
    return signs * (slope(z + PROBE * signs) - slope(z - PROBE * signs))

  found = jax.lax.map(probed, jax.random.split(key, PROBES))
  return jnp.maximum(jnp.mean(found, (0, 1, 2, 3)) / (4 * PROBE), 0)


def sweep(
  one: Objective,
  window: Window,
  slope: Float[Array, "1 h w c"],
  curvature: Float[Array, "c"],
  key: Array,
) -> Int[Array, "1 h w c"]:
  """The symbols, a share of them replaced by their best candidates."""
  z = window.z
  chosen = choice.choose(one.costs, _channels(z), z, slope, curvature)
  moves = jax.random.bernoulli(key, SHARE, z.shape) & window.free
  return jnp.where(moves, chosen, z)


class _Compiled(NamedTuple):
  """The functions above, for one codec."""

  measure: Callable
  curvature: Callable
  sweep: Callable


@functools.lru_cache(maxsize=2)
def _compiled(folder: Path, fingerprint: str) -> _Compiled:
  """The fingerprint keeps a replaced bundle apart."""
  decoder = bundles.read_again(folder, fingerprint).decoder
  function = decoder.functions["hyper_synthesis"]
  return _Compiled(
    measure=jax.jit(functools.partial(measure, function)),
    curvature=jax.jit(functools.partial(curvature, function)),
    sweep=jax.jit(sweep),
  )


def _search(
  compiled: _Compiled, one: Objective, window: Window, key: Array
) -> Int[np.ndarray, "1 h w c"]:
  """The symbols after all sweeps; one that made them worse is taken back."""
  stiffness = compiled.curvature(one, window, key)
  least, slope = compiled.measure(one, window)
  for i in range(SWEEPS):
    share = jax.random.fold_in(key, i)
    z = compiled.sweep(one, window, slope, stiffness, share)
    moved = window._replace(z=z)
    new, its_slope = compiled.measure(one, moved)
    if new < least:
      window, least, slope = moved, new, its_slope
    else:
      stiffness = STIFFER * stiffness
  return np.asarray(window.z)


def _prior(
  function: Mapping[str, Any], one: Objective, z: Array
) -> tuple[Array, Array]:
  """Mean, and index of the scale without gains."""
  parameters = objective.run(function, one.hyper_synthesis, (z + one.offset)[0])
  mean, s = jnp.split(parameters[None], 2, axis=-1)
  return mean, gaussian.index_of(s)


def _channels(z: Array) -> Array:
  """The table of each symbol: its channel's."""
  return jnp.broadcast_to(jnp.arange(z.shape[-1], dtype=jnp.uint32), z.shape)


@functools.lru_cache(maxsize=2)
def _fixed(
  folder: Path, fingerprint: str
) -> tuple[Mapping[str, Any], Array, Array]:
  """Frozen layers of the hyper-synthesis, and costs of z's and y's symbols."""
  bundle = bundles.read_again(folder, fingerprint)
  decoder = bundle.decoder
  layers = frozen.freeze(
    decoder.functions["hyper_synthesis"],
    bundles.read_encoder(bundle)["hyper_synthesis"],
    "float32",
  )
  costs = (decoder.channel_tables, decoder.scale_tables)
  return layers, *(jnp.asarray(choice.costs_of(tables)) for tables in costs)
