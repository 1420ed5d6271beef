"""LOC-LIC, shrunk: one pass, steps of training, and what is refused."""

import functools
import importlib.util
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import quick
import tiny_codec

from lic_jax import export
from lic_jax.codec import container, decode, encode
from lic_jax.models.build import build
from lic_jax.sga import encode as iterative
from lic_jax.training import step
from lic_jax.training.state import create
from lic_jax.types import LicError

CONFIGS = pathlib.Path(__file__).parents[2] / "configs"


def load(name):
  spec = importlib.util.spec_from_file_location(name, CONFIGS / f"{name}.py")
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module.get_config().to_dict()


def shrunk():
  """The config of the paper's model with narrow layers and two slices."""
  config = load("loc_lic")
  model = config["model"]
  model["analysis"] |= {"channels": (4, 4, 4), "latent_channels": 8}
  model["synthesis"] |= {"channels": (4, 4, 4)}
  model["hyper_analysis"] |= {"channels": 4}
  model["hyper_synthesis"] |= {"latent_channels": 8}
  model["context"] |= {"slices": 2, "width": 2}
  model |= {"latent_channels": 8, "hyper_channels": 4}
  return config


@pytest.fixture(scope="module")
def model():
  return build(shrunk()["model"])


@pytest.fixture(scope="module")
def params(model):
  return quick.random_params(model.init, jnp.zeros((1, 64, 64, 3)))["params"]


@pytest.fixture(scope="module")
def pixels():
  rng = np.random.default_rng(0)
  return jnp.asarray(rng.integers(0, 256, (2, 64, 64, 3)), jnp.uint8)


def test_the_synthesis_trains_on_what_a_file_holds_and_the_rate_on_noise(
  model, params, pixels
):
  def both(params, x, keys):
    outputs = []
    for mode in ("hard", "train"):
      out = model.apply({"params": params}, x, mode=mode, keys=keys)
      outputs.append((out.x_hat, out.bits_y, out.bits_z))
    return outputs

  keys = jax.random.split(jax.random.PRNGKey(1), 2)
  arguments = params, step.to_unit(pixels), keys
  hard, relaxed = quick.compiled(both, *arguments)(*arguments)
  assert hard[0].shape == pixels.shape and hard[1].shape == (2,)
  tolerance = 1e-5 * jnp.abs(hard[0]).max()
  np.testing.assert_allclose(relaxed[0], hard[0], rtol=0, atol=tolerance)
  for one, two in zip(hard[1:], relaxed[1:]):
    assert jnp.isfinite(one).all() and jnp.isfinite(two).all()
    assert jnp.abs(one - two).min() > 0


def test_steps_lower_the_loss_and_move_every_parameter(model, params, pixels):
  config = shrunk()
  config["optimizer"]["learning_rate"] = 1e-3  # a few steps must show
  # Moves everything as Adam's first step does, and compiles sooner.
  optimizer = optax.sign_sgd(1.0)
  train = functools.partial(
    step.train_step, model=model, optimizer=optimizer, config=config
  )
  state, progress = create(params, optimizer), jnp.float32(0.1)
  keys = jax.random.split(jax.random.PRNGKey(0), 2)
  run = quick.compiled(train, state, pixels, progress, keys)
  losses = []
  for _ in range(8):
    state, terms = run(state, pixels, progress, keys)
    losses.append(float(terms["loss"]))
  assert np.isfinite(losses).all() and losses[-1] < losses[0]
  before = dict(jax.tree_util.tree_leaves_with_path(params))
  for path, after in jax.tree_util.tree_leaves_with_path(state.params):
    assert jnp.isfinite(after).all(), path
    # A constant added to the keys of all positions is lost in their softmax.
    lost = "['key']['depthwise']['bias']" in jax.tree_util.keystr(path)
    assert lost or jnp.abs(after - before[path]).max() > 0, path


def shrunk_elic():
  config = load("elic")
  model = config["model"]
  model["analysis"] |= {"channels": (4, 4, 4, 8)}
  model["synthesis"] |= {"channels": (4, 4, 4, 3)}
  model["hyper_analysis"] |= {"channels": 4}
  model["hyper_synthesis"] |= {"channels": 4, "latent_channels": 5}
  model["context"] |= {"groups": (2, 6)}
  model |= {"latent_channels": 8, "hyper_channels": 4}
  return config


@pytest.mark.parametrize("config", [shrunk, shrunk_elic])
def test_a_file_of_the_papers_models_round_trips(config, tmp_path):
  """Their own syntheses included, which run on NumPy."""
  config = config()["model"]
  image = jnp.zeros((1, 64, 64, 3))
  params = quick.random_params(build(config).init, image)["params"]
  bundle = export.export(
    tmp_path / "codec", config, params, card={"lambda": 0.013}
  )
  rgb = tiny_codec.photograph()[:70, :100]
  encoded = encode.encode(rgb, bundle)
  decoded = decode.decode(encoded.data, bundle)
  assert decoded.shape == rgb.shape
  latents = decode.decode_latents(container.unpack(encoded.data), bundle)
  np.testing.assert_array_equal(latents.y, encoded.latents.y)
  with pytest.raises(LicError, match="context models"):
    iterative.encode(rgb, bundle, steps=1)


@pytest.mark.parametrize(
  ("name", "change", "said"),
  [
    ("loc_lic", {"name": "nothing"}, "nothing"),
    ("loc_lic", {"grid": "third"}, "context.grid"),
    ("loc_lic", {"queries": "all"}, "context.queries"),
    ("loc_lic", {"residual_passes": 3}, "context.residual_passes"),
    ("loc_lic", {"slices": 7}, "7 slices"),
    ("loc_lic", {"groups": (1, 2)}, "groups"),
    ("elic", {"groups": (16, 16)}, "320 channels"),
  ],
)
def test_unknown_context_models_are_refused_in_one_line(name, change, said):
  config = load(name)["model"]
  config["context"] |= change
  with pytest.raises(LicError, match=said) as caught:
    build(config)
  assert "\n" not in str(caught.value)


def test_a_context_model_without_mixed_quantisation_is_refused():
  with pytest.raises(LicError, match="mixedq"):
    build({**load("loc_lic")["model"], "quantisation": "unoise"})
