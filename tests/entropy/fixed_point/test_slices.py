"""The procedure in fixed point against the one that trains."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import quick

from lic_jax.codec import tables
from lic_jax.entropy.checkerboard import pack, unpack
from lic_jax.entropy.fixed_point import slices
from lic_jax.entropy.multi_reference.slices import MultiReference
from lic_jax.entropy.space_channel import SpaceChannel
from lic_jax.ops import quantise
from lic_jax.transforms import hyper
from lic_jax.transforms.multi_reference_hyper import HyperSynthesis
from lic_jax.types import LicError

CHANNELS, HYPER = 12, 4
VARIANTS = {
  "paper": {},
  "lite": {"queries": "centre", "residual_passes": 1, "residual_kernel": 1},
  "no residual": {"residual_passes": 0},
  "elic": {"groups": (2, 4, 6)},
}


@functools.cache
def made(name):
  """Float model, its parameters, and the fixed-point network."""
  if name == "elic":
    context = SpaceChannel(**VARIANTS[name])
    hyper_synthesis = hyper.HyperSynthesis(channels=4, latent_channels=CHANNELS)
  else:
    context = MultiReference(slices=3, width=2, **VARIANTS[name])
    hyper_synthesis = HyperSynthesis(latent_channels=CHANNELS)
  z = jnp.zeros((1, 3, 4, HYPER))
  y, features = (jnp.zeros((1, 12, 16, n * CHANNELS)) for n in (1, 2))
  init = functools.partial(context.init, quantise=quantise.hard)
  params = {
    "context": quick.random_params(init, y, features)["params"],
    "hyper_synthesis": quick.random_params(hyper_synthesis.init, z)["params"],
  }
  network = slices.rounded(
    jax.tree.map(np.asarray, params),
    offsets=np.linspace(-0.5, 0.5, HYPER),
    scales=tables.scale_borders(),
  )
  return context, hyper_synthesis, params, network


def encoder(y, passes):
  """A `read` that rounds y, and notes what it is asked."""

  def read(channels, which, mean, table):
    here = pack(y[None, ..., channels].astype(np.float64), which)[0]
    symbols = np.rint(here - mean).astype(np.int32)
    passes.append((channels, which, mean, table, symbols))
    return symbols

  return read


@pytest.fixture
def latents(rng):
  z = rng.integers(-3, 4, (3, 4, HYPER))
  return z, 4 * rng.normal(size=(12, 16, CHANNELS)).astype(np.float32)


@pytest.mark.parametrize("name", VARIANTS)
def test_it_is_the_trained_model_to_a_thousandth(name, latents):
  context, hyper_synthesis, params, network = made(name)
  z, y = latents
  passes = []
  symbols, y_hat = slices.decode(network, z, encoder(y, passes))
  table, mean = np.zeros(symbols.shape, np.uint8), np.zeros(symbols.shape)
  for channels, which, part_mean, part_table, _ in passes:
    mean[..., channels] += unpack(part_mean[None], which)[0]
    table[..., channels] += unpack(part_table[None], which)[0]

  def decode(params, z_hat, symbols):
    variables = {"params": params["hyper_synthesis"]}
    features = hyper_synthesis.apply(variables, z_hat)
    variables = {"params": params["context"]}
    out = context.apply(variables, symbols, features, quantise=jnp.add)
    return out.y_hat[0], out.mean[0], out.scale[0]

  inputs = (
    params,
    jnp.asarray(z[None] + network.offsets, jnp.float32),
    jnp.asarray(symbols[None], jnp.float32),
  )
  theirs = quick.compiled(decode, *inputs)(*inputs)
  np.testing.assert_allclose(y_hat, theirs[0], atol=2e-3)
  np.testing.assert_allclose(mean, theirs[1], atol=2e-3)
  expected = np.searchsorted(tables.scale_borders(), theirs[2], side="right")
  assert np.abs(table.astype(int) - expected).max() <= 1
  assert np.mean(table != expected) < 0.02
  assert len(np.unique(table)) > 60  # scales vary


@pytest.mark.parametrize("name", VARIANTS)
def test_symbols_that_were_noted_give_the_same_latent(name, latents):
  network = made(name)[-1]
  z, y = latents
  passes = []
  encoded = slices.decode(network, z, encoder(y, passes))
  noted = iter(passes)

  def read(channels, which, mean, table):
    expected = next(noted)
    assert (channels, which) == expected[:2]
    np.testing.assert_array_equal(mean, expected[2])
    np.testing.assert_array_equal(table, expected[3])
    return expected[4]

  decoded = slices.decode(network, z, read)
  for ours, theirs in zip(decoded, encoded):
    np.testing.assert_array_equal(ours, theirs)


def test_a_network_comes_back_from_its_arrays(latents):
  network = made("paper")[-1]
  again = slices.from_arrays(slices.to_arrays(network))
  z, y = latents
  for ours, theirs in zip(
    slices.decode(again, z, encoder(y, [])),
    slices.decode(network, z, encoder(y, [])),
  ):
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("missing", ["thresholds", "slice1", "hyper_synthesis"])
def test_a_network_that_lacks_something_is_refused(missing, latents):
  arrays = slices.to_arrays(made("paper")[-1])
  del arrays[missing]
  with pytest.raises(LicError, match="context model"):
    slices.from_arrays(arrays)


def test_layers_that_do_not_fit_are_refused(latents):
  arrays = slices.to_arrays(made("paper")[-1])
  first = arrays["slice1"]["channel"]["conv0"]
  first["kernel"] = first["kernel"][:, :, :1]
  with pytest.raises(LicError, match="damaged"):
    slices.decode(
      slices.from_arrays(arrays), latents[0], encoder(latents[1], [])
    )
