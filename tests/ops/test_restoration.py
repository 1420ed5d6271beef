"""The restoration's laws: identity, units, brightness, reach, qualities."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lic_jax.ops import restoration, subpixel
from lic_jax.transforms.restoration import Restoration

LEVEL = np.full((1, 1, 1, 1), 0.03, np.float32)


@pytest.fixture(scope="module")
def network():
  """One that changes pictures by some of their error, at three qualities."""
  module = Restoration(channels=8, blocks=2, anchors=3, period=4)
  init = jax.jit(lambda key: module.init(key, method="weights"))
  params = init(jax.random.key(0, impl="rbg"))
  network = module.apply(params, method="weights")
  network = jax.tree.map(np.array, network)
  network["last"]["kernel"] *= 100
  generator = np.random.default_rng(0)
  for layer in (network["first"], network["block1"]["first"]):
    shape = layer["bias"].shape
    layer["bias"] = generator.normal(size=shape).astype(np.float32)
  return network


@pytest.fixture(scope="module")
def weights(network):
  return restoration.at_quality(network, np.array(0.3, np.float32))


@pytest.fixture
def x_hat(rng):
  return rng.uniform(-0.5, 0.5, size=(1, 48, 40, 3)).astype(np.float32)


def test_unshuffling_undoes_the_shuffle(rng):
  x = rng.normal(size=(2, 6, 4, 3)).astype(np.float32)
  apart = subpixel.pixel_unshuffle(x)
  assert apart.shape == (2, 3, 2, 12)
  np.testing.assert_array_equal(subpixel.pixel_shuffle(apart), x)


def test_numpy_and_jax_agree(weights, x_hat):
  ours = restoration.restore(weights, x_hat, LEVEL)
  assert isinstance(ours, np.ndarray) and ours.dtype == np.float32
  assert np.abs(ours - x_hat).max() > 0.3 * LEVEL
  traced = jax.jit(restoration.restore)(weights, jnp.asarray(x_hat), LEVEL)
  np.testing.assert_allclose(ours, traced, atol=1e-5)


def test_a_network_that_ends_in_zeros_changes_nothing(weights, x_hat):
  silent = {**weights, "last": jax.tree.map(np.zeros_like, weights["last"])}
  np.testing.assert_array_equal(
    restoration.restore(silent, x_hat, LEVEL), x_hat
  )


def test_pictures_are_seen_in_units_of_the_expected_error(weights, x_hat):
  restored = restoration.restore(weights, x_hat, LEVEL)
  np.testing.assert_allclose(
    restoration.restore(weights, 2 * x_hat, 2 * LEVEL), 2 * restored, atol=1e-5
  )


def test_what_is_added_does_not_depend_on_the_brightness(weights, x_hat):
  inside = slice(16, -16)  # the border has zeros around it

  def added(x):
    return (restoration.restore(weights, x, LEVEL) - x)[:, inside, inside]

  np.testing.assert_allclose(added(x_hat + 0.25), added(x_hat), atol=1e-5)


def test_a_pixel_reaches_as_far_as_it_is_said_to(weights, x_hat):
  reach = restoration.reach(weights)
  other = x_hat.copy()
  row = 23
  other[:, row] += 0.1
  moved = restoration.restore(weights, other, LEVEL)
  moved = moved != restoration.restore(weights, x_hat, LEVEL)
  rows = np.flatnonzero(moved.any(axis=(0, 2, 3)))
  assert row - reach <= rows.min() and rows.max() <= row + reach
  # And no less: an odd row lies at the far end of its pair.
  assert row - rows.min() == reach


def test_it_knows_places_by_their_distance_in_periods_alone(weights, x_hat):
  whole = restoration.restore(weights, x_hat, LEVEL)
  reach = restoration.reach(weights)
  for by, same in ((8, True), (2, False)):
    part = restoration.restore(weights, x_hat[:, by : by + 40], LEVEL)
    inside = slice(reach, -reach)
    differs = part[:, inside] - whole[:, by : by + 40][:, inside]
    assert (np.abs(differs).max() < 1e-6) == same


def test_weights_lie_on_lines_between_qualities(network):
  def at(share):
    return restoration.at_quality(network, np.array(share, np.float32))

  middle = jax.tree.map(
    lambda low, high: 0.8 * low + 0.2 * high, at(0.5), at(1)
  )
  chosen = jax.tree.map(lambda anchors: anchors[1], network)
  for found, expected in ((at(0.6), middle), (at(0.5), chosen)):
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), found, expected
    )


def test_levels_lie_geometrically_between_whole_qualities():
  levels = np.array([0.04, 0.01], np.float32)
  np.testing.assert_allclose(restoration.level_at(levels, 0.5), 0.02, rtol=1e-6)
  np.testing.assert_allclose(restoration.level_at(levels, 1), 0.01, rtol=1e-6)
  np.testing.assert_allclose(restoration.level_at(levels[:1], 0), 0.04)
