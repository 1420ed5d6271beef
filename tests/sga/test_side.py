"""Symbols of z that are worth their bits."""

import dataclasses
import functools

import jax
import numpy as np
import pytest
import tiny_codec

from lic_jax.codec import bundle as bundles
from lic_jax.codec import encode as codec
from lic_jax.codec import tables
from lic_jax.sga import choice, encode, rdoq, side


@pytest.fixture(scope="module")
def shipped():
  return bundles.find("hierarchical_two_layer")


def _file_loss(rgb, latents, bundle):
  """Of the picture before a restoration, which the searches do not see."""
  decoder = dataclasses.replace(bundle.decoder, restoration=None)
  bundle = dataclasses.replace(bundle, decoder=decoder)
  encoded = codec.encode_latents(
    latents, bundle, height=rgb.shape[0], width=rgb.shape[1], quality=0
  )
  return tiny_codec.loss(rgb, encoded, bundle)


def test_a_file_is_better_than_by_sweeps_of_y_alone(shipped):
  rgb = tiny_codec.photograph()[:256, :320]
  start = codec.analyse(rgb, shipped)
  alone = rdoq.refine(rgb, start, shipped, quality=0)
  both = encode.encode(rgb, shipped, quality=0)
  loss = tiny_codec.loss(rgb, both, shipped)
  assert loss < 0.985 * _file_loss(rgb, alone, shipped)


def test_y_stays_as_it_is(shipped):
  rgb = tiny_codec.photograph()[:128, :192]
  start = codec.analyse(rgb, shipped)
  found = rdoq.refine_side(rgb, start, shipped)
  np.testing.assert_array_equal(found.y, start.y)
  assert np.any(found.z != np.rint(start.z))


def test_without_z_there_is_nothing_to_do(factorized):
  rgb = tiny_codec.photograph()[:64, :64]
  start = codec.analyse(rgb, factorized)
  assert rdoq.refine_side(rgb, start, factorized) is start


def test_windows_find_as_much_as_the_whole(shipped):
  rgb = tiny_codec.photograph()[:192, :256]
  start = codec.analyse(rgb, shipped)

  def loss(latents):
    swept = rdoq.refine(rgb, latents, shipped, quality=0)
    return _file_loss(rgb, swept, shipped)

  before = loss(start)
  whole, parts = (
    before - loss(rdoq.refine_side(rgb, start, shipped, quality=0, core=core))
    for core in (1024, 64)
  )
  assert parts > 0.8 * whole > 0


def test_least_is_what_the_best_of_all_symbols_costs():
  rng = np.random.default_rng(0)
  costs = choice.costs_of(tables.scale_tables())
  reach = costs.shape[1] // 2
  table = rng.integers(100, 220, 300).astype(np.uint8)
  r = rng.normal(0, 3, 300).astype(np.float32)
  curvature = np.float32(4)
  k = np.arange(-40, 41)
  bits = costs[table][:, reach + k]
  every = bits + curvature * np.square(k - r[:, None])
  found = choice.least(costs, table, r, curvature)
  np.testing.assert_allclose(found, every.min(1), rtol=1e-5, atol=1e-5)


def test_a_sweep_costs_less_and_moves_nothing_that_is_not_free(shipped):
  rgb = tiny_codec.photograph()[:256, :256]
  latents = codec.analyse(rgb, shipped)
  free = np.zeros((1, 4, 4, 1), bool)
  free[:, 1:3] = True
  z = np.rint(latents.z).astype(np.int32)
  window = side.Window(z, latents.y, free)
  one = side.objective_of(
    shipped, 0, np.ones(1, np.float32), np.full(320, 4, np.float32)
  )
  function = shipped.decoder.functions["hyper_synthesis"]
  measure, curvature = (
    jax.jit(functools.partial(f, function))
    for f in (side.measure, side.curvature)
  )
  key = jax.random.key(0)
  before, slope = measure(one, window)
  stiffness = curvature(one, window, key)
  moved = jax.jit(side.sweep)(one, window, slope, stiffness, key)
  after, _ = measure(one, window._replace(z=moved))
  assert after < before
  still = np.broadcast_to(~free, z.shape)
  np.testing.assert_array_equal(np.asarray(moved)[still], z[still])
