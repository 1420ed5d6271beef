"""What both context models promise: parameters of a symbol, from its past."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import quick

from lic_jax.entropy.checkerboard import Pass, positions
from lic_jax.entropy.multi_reference.slices import MultiReference
from lic_jax.entropy.space_channel import SpaceChannel
from lic_jax.ops import quantise

SIDE, CHANNELS = 8, 12
PAPER = MultiReference(slices=3, grid="full", width=2)
LITE = MultiReference(
  slices=3,
  grid="half",
  queries="centre",
  residual_passes=1,
  residual_kernel=1,
  width=2,
)
ELIC = SpaceChannel(groups=(2, 4, 6), grid="full")
# Model, widths of its slices, and whether anchors of a slice are final before
# its non-anchors are decoded.
MODELS = {
  "paper": (PAPER, (4, 4, 4), True),
  "lite": (LITE, (4, 4, 4), False),
  "elic": (ELIC, (2, 4, 6), True),
}
LAST = len(MODELS["paper"][1]) - 1
FIELDS = ("y_hat", "mean", "scale")


def decode(model, rounded=quantise.hard):
  """The model's pass over y and hyper, with its three outputs."""

  def run(variables, y, hyper):
    out = model.apply(variables, y, hyper, quantise=rounded)
    return tuple(getattr(out, name) for name in FIELDS)

  return run


@pytest.fixture(scope="module")
def inputs():
  rng = np.random.default_rng(0)
  shape = (1, SIDE, SIDE)
  y = 3 * rng.normal(size=(*shape, CHANNELS))
  hyper = rng.normal(size=(*shape, 2 * CHANNELS))
  return jnp.asarray(y, jnp.float32), jnp.asarray(hyper, jnp.float32)


@functools.cache
def variables_of(name):
  y, hyper = (jnp.zeros((1, SIDE, SIDE, n * CHANNELS)) for n in (1, 2))
  init = functools.partial(MODELS[name][0].init, quantise=quantise.hard)
  return quick.random_params(init, y, hyper)


@functools.cache
def decoder(name):
  """A function (y, hyper): the model's three outputs for random parameters."""
  y, hyper = (jnp.zeros((1, SIDE, SIDE, n * CHANNELS)) for n in (1, 2))
  run = quick.compiled(decode(MODELS[name][0]), variables_of(name), y, hyper)
  return functools.partial(run, variables_of(name))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("which", Pass)
@pytest.mark.parametrize("index", range(LAST + 1))
def test_parameters_depend_on_what_was_decoded_before_and_on_nothing_else(
  name, which, index, inputs
):
  """Symbols of one pass of one slice become NaN: who notices?"""
  _, widths, final = MODELS[name]
  edges = np.cumsum((0, *widths))
  here = slice(edges[index], edges[index + 1])
  y, hyper = inputs
  broken = jnp.where(positions(SIDE, SIDE, which), jnp.nan, y[..., here])
  y_hat, mean, scale = decoder(name)(y.at[..., here].set(broken), hyper)
  # Parameters: those of later passes of the slice, and of all later slices.
  notices = np.zeros((SIDE, SIDE, CHANNELS), bool)
  notices[..., edges[index + 1] :] = True
  symbols = notices.copy()
  if which is Pass.ANCHOR:
    notices[..., here] = positions(SIDE, SIDE, Pass.NON_ANCHOR)
    symbols[..., here] = True
  else:
    own = positions(SIDE, SIDE, Pass.NON_ANCHOR)
    symbols[..., here] = own if final else True
  np.testing.assert_array_equal(jnp.isnan(mean[0]), notices)
  np.testing.assert_array_equal(jnp.isnan(scale[0]), notices)
  np.testing.assert_array_equal(jnp.isnan(y_hat[0]), symbols)


@pytest.mark.parametrize("name", ["paper", "elic"])
def test_the_half_grid_gives_the_numbers_of_the_full_grid(name, inputs):
  model = MODELS[name][0]
  other = model.clone(grid="half" if model.grid == "full" else "full")
  run = quick.compiled(decode(other), variables_of(name), *inputs)
  found = run(variables_of(name), *inputs)
  for one, two in zip(decoder(name)(*inputs), found):
    np.testing.assert_allclose(one, two, atol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_decoded_symbols_are_integers_around_the_mean_but_for_the_residual(
  name, inputs
):
  y_hat, mean, _ = decoder(name)(*inputs)
  distance = np.abs(y_hat - quantise.hard(inputs[0], mean))
  # Half a step of residual; without residuals nothing.
  assert distance.max() <= (1e-5 if name == "elic" else 0.5)
  assert name == "elic" or distance.max() > 1e-3


@pytest.mark.parametrize("name", MODELS)
def test_rounding_straight_through_decodes_what_a_file_would(name, inputs):
  relaxed = decode(MODELS[name][0], quantise.straight_through)
  run = quick.compiled(relaxed, variables_of(name), *inputs)
  found = run(variables_of(name), *inputs)
  for one, two in zip(decoder(name)(*inputs), found):
    np.testing.assert_allclose(one, two, atol=1e-4)


def test_every_parameter_of_the_space_channel_context_gets_a_gradient(inputs):
  relaxed = decode(ELIC, quantise.straight_through)

  def total(variables, y):
    outputs = relaxed(variables, y, inputs[1])
    return sum(jnp.square(t).sum() for t in outputs)

  arguments = variables_of("elic"), inputs[0]
  gradient = quick.compiled(jax.grad(total, argnums=(0, 1)), *arguments)
  by_variables, by_y = gradient(*arguments)
  assert jnp.isfinite(by_y).all() and (by_y != 0).all()
  for path, g in jax.tree_util.tree_leaves_with_path(by_variables):
    assert jnp.isfinite(g).all() and jnp.abs(g).max() > 0, path


def test_groups_of_space_channel_context_start_from_the_hyperprior_alone(
  inputs,
):
  """Anchors of the first group: the same wherever hyper is the same."""
  y, hyper = inputs
  flat = jnp.broadcast_to(hyper[:, :1, :1], hyper.shape)
  _, mean, scale = decoder("elic")(y, flat)
  anchors = np.asarray(positions(SIDE, SIDE, Pass.ANCHOR)[..., 0])
  for field in (mean, scale):
    first = np.asarray(field[0, ..., :2])[anchors]
    np.testing.assert_allclose(
      first, first[:1].repeat(len(first), 0), rtol=1e-4
    )
