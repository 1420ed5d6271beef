"""Symbols that are worth their bits: the laws of the search, and its files."""

import dataclasses

import jax
import numpy as np
import pytest
import tiny_codec

from lic_jax.codec import encode as codec
from lic_jax.codec import tables
from lic_jax.sga import choice, encode, rdoq
from lic_jax.types import LicError


def _loss(rgb, latents, bundle):
  encoded = codec.encode_latents(
    latents, bundle, height=rgb.shape[0], width=rgb.shape[1]
  )
  return tiny_codec.loss(rgb, encoded, bundle)


def test_a_file_is_better_than_a_rounded_one(bundle):
  rgb = tiny_codec.photograph()[:150, :200]
  start = codec.analyse(rgb, bundle)
  found = rdoq.refine(rgb, start, bundle)
  assert _loss(rgb, found, bundle) < 0.99 * _loss(rgb, start, bundle)
  np.testing.assert_array_equal(found.z, start.z)


def test_what_was_found_survives_the_file(bundle):
  rgb = tiny_codec.photograph()[:100, :90]
  start = rdoq.refine_side(rgb, codec.analyse(rgb, bundle), bundle)
  found = rdoq.refine(rgb, start, bundle)
  encoded = encode.encode(rgb, bundle)
  np.testing.assert_array_equal(encoded.latents.y, found.y)
  np.testing.assert_array_equal(encoded.latents.z, start.z)


def test_sweeps_after_annealing_make_a_file_no_worse(hyperprior):
  rgb = tiny_codec.photograph()[:128, :128]
  start = codec.analyse(rgb, hyperprior)
  annealed = encode.optimise(rgb[None], start, hyperprior, steps=40)
  swept = rdoq.refine(rgb, annealed, hyperprior, searched=True)
  assert _loss(rgb, swept, hyperprior) < _loss(rgb, annealed, hyperprior)


def test_no_sweep_leaves_searched_latents_as_they_are(hyperprior):
  rgb = tiny_codec.photograph()[:64, :64]
  rounded = codec.encode(rgb, hyperprior).latents
  found = rdoq.refine(rgb, rounded, hyperprior, sweeps=0, searched=True)
  np.testing.assert_array_equal(found.y, rounded.y)


def test_windows_find_as_much_as_the_whole(hyperprior):
  rgb = tiny_codec.photograph()[:192, :256]
  start = codec.analyse(rgb, hyperprior)
  losses = [
    _loss(rgb, rdoq.refine(rgb, start, hyperprior, core=core), hyperprior)
    for core in (1024, 64)
  ]
  rounded = _loss(rgb, start, hyperprior)
  assert rounded - losses[1] > 0.95 * (rounded - losses[0]) > 0


def test_a_seed_gives_the_same_bytes(hyperprior):
  rgb = tiny_codec.photograph()[:128, :128]
  files = [encode.encode(rgb, hyperprior, seed=s).data for s in (1, 1, 2)]
  assert files[0] == files[1] != files[2]


def test_the_curvature_is_the_energy_of_what_a_symbol_paints(factorized):
  """JPEG-like: each symbol adds its channel's kernel to the picture."""
  rgb = tiny_codec.photograph()[:384, :384]
  latents = codec.analyse(rgb, factorized)
  one = rdoq.objective_of(factorized, 0, np.ones(1, np.float32))
  window = choice.Window(
    symbols=np.rint(latents.y).astype(np.int32),
    offset=np.zeros_like(latents.y),
    table=np.zeros(latents.y.shape, np.uint8),
    x=rgb / np.float32(255),
    real=np.ones((384, 384, 1), np.float32),
  )
  function = factorized.decoder.functions["synthesis"]
  measured = choice.curvature(function, one, window, jax.random.key(0))
  kernel = factorized.decoder.weights["synthesis"]["conv"]["kernel"]
  painted = np.sum(np.square(kernel), axis=(0, 1, 3))
  weight = factorized.card["lambda"] * 255**2 / 3
  # A tenth of what border symbols paint lies outside; signs are random.
  np.testing.assert_allclose(measured, weight * painted, rtol=0.15)


def test_choose_finds_the_least_of_its_candidates():
  rng = np.random.default_rng(0)
  costs = rng.uniform(0, 9, (5, 9)).astype(np.float32)
  table = rng.integers(5, size=200).astype(np.uint8)
  symbols = rng.integers(-3, 4, 200).astype(np.int32)
  slope = rng.normal(0, 4, 200).astype(np.float32)
  curvature = np.float32(2)

  def cost(k):
    d = k - symbols
    return costs[table, k + 4] + slope * d + curvature * d**2

  chosen = np.asarray(choice.choose(costs, table, symbols, slope, curvature))
  every = [symbols - 1, symbols, symbols + 1, 0 * symbols]
  np.testing.assert_allclose(cost(chosen), np.min([cost(k) for k in every], 0))


def test_free_symbols_that_cost_a_picture_nothing_become_zero():
  costs = choice.costs_of(tables.scale_tables())
  symbols = np.arange(-3, 4, dtype=np.int32)
  table = np.full(7, 60, np.uint8)
  nothing = np.zeros(7, np.float32)
  for _ in range(3):
    symbols = np.asarray(
      choice.choose(costs, table, symbols, nothing, np.float32(0))
    )
  assert not symbols.any()


def test_costs_are_those_of_the_tables():
  scale_tables = tables.scale_tables()
  costs = choice.costs_of(scale_tables)
  reach = costs.shape[1] // 2
  inside = scale_tables.lengths - 1
  probability = np.exp2(-costs.astype(np.float64))
  for table in (0, 100, 252):
    least = reach + scale_tables.minima[table]
    mass = probability[table, least:][: inside[table]].sum()
    assert mass == pytest.approx(1, abs=1e-5)
    assert costs[table, reach] == pytest.approx(costs[table].min(), rel=1e-4)


@pytest.mark.parametrize(
  "change", [{"distortion": "ms_ssim"}, {"lambda": None}]
)
def test_other_codecs_are_rounded_and_refused(hyperprior, change):
  other = dataclasses.replace(hyperprior, card={**hyperprior.card, **change})
  rgb = tiny_codec.photograph()[:64, :64]
  assert rdoq.usual(hyperprior) == 6 and rdoq.usual(other) == 0
  assert encode.encode(rgb, other).data == codec.encode(rgb, other).data
  with pytest.raises(LicError, match="squared error"):
    encode.encode(rgb, other, sweeps=1)
