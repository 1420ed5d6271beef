"""Models: every config at full size, and the laws of one pass."""

import importlib.util
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lic_jax.entropy import factorized, gaussian
from lic_jax.models.build import build
from lic_jax.types import LicError

CONFIGS = pathlib.Path(__file__).parents[2] / "configs"
NAMES = sorted(path.stem for path in CONFIGS.glob("*.py"))


def load(name):
  spec = importlib.util.spec_from_file_location(name, CONFIGS / f"{name}.py")
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module.get_config()


@pytest.fixture(scope="module")
def smoke():
  model = build(load("smoke").model.to_dict())
  rng = np.random.default_rng(0)
  x = jnp.asarray(rng.uniform(-0.5, 0.5, (2, 64, 128, 3)), jnp.float32)
  return model, model.init(jax.random.key(0), x), x


@pytest.mark.parametrize("name", NAMES)
def test_every_config_is_locked_and_makes_a_model_of_its_image(name):
  config = load(name)
  assert config.is_locked
  with pytest.raises(AttributeError):
    config.nonsense = 1
  model = build(config.model.to_dict())
  x = jax.ShapeDtypeStruct((2, 128, 64, 3), jnp.float32)
  keys = jax.eval_shape(lambda: jax.random.split(jax.random.PRNGKey(0), 2))
  params = jax.eval_shape(model.init, jax.random.key(0), x)
  for mode in ("train", "hard"):

    def run(params, x, keys, mode=mode):
      output = model.apply(params, x, mode=mode, keys=keys)
      return output.x_hat, output.bits_y, output.bits_z

    x_hat, bits_y, bits_z = jax.eval_shape(run, params, x, keys)
    assert x_hat.shape == x.shape
    assert bits_y.shape == bits_z.shape == (2,)


def test_hard_pass_is_the_composition_of_its_parts(smoke):
  model, variables, x = smoke
  output = model.apply(variables, x)

  def by_hand(model, x):
    latents, prior = model.analyse(x), model.prior()
    offsets = factorized.offsets(prior)
    z_hat = jnp.round(latents.z - offsets) + offsets
    mean, index = model.latent_prior(z_hat)
    y_hat = jnp.round(latents.y - mean) + mean
    bits = gaussian.bits(y_hat - mean, index).sum((1, 2, 3))
    return model.synthesis(y_hat), bits

  x_hat, bits = model.apply(variables, x, method=by_hand)
  np.testing.assert_allclose(output.x_hat, x_hat, atol=1e-5)
  np.testing.assert_allclose(output.bits_y, bits, rtol=1e-4, atol=1e-3)


def test_relaxed_pass_depends_on_each_images_own_key_only(smoke):
  model, variables, x = smoke
  keys = jax.random.split(jax.random.PRNGKey(1), 2)
  both = model.apply(variables, x, mode="train", keys=keys)
  one = model.apply(variables, x[1:], mode="train", keys=keys[1:])
  np.testing.assert_allclose(both.x_hat[1:], one.x_hat, atol=1e-5)
  np.testing.assert_allclose(both.bits_z[1:], one.bits_z, rtol=1e-4)


def test_every_parameter_gets_a_gradient(smoke):
  model, variables, x = smoke
  keys = jax.random.split(jax.random.PRNGKey(1), 2)

  def loss(variables):
    output = model.apply(variables, x, mode="train", keys=keys)
    rate = output.bits_y.sum() + output.bits_z.sum()
    return rate + 1e3 * jnp.square(output.x_hat - x).sum()

  gradients = jax.grad(loss)(variables)["params"]
  flat, _ = jax.tree_util.tree_flatten_with_path(gradients)
  for path, gradient in flat:
    assert jnp.isfinite(gradient).all(), path
    assert jnp.abs(gradient).max() > 0, path


def test_mixed_quantisation_gives_the_synthesis_what_a_file_holds(smoke):
  model, variables, x = smoke
  mixed = model.clone(quantisation="mixedq")
  keys = jax.random.split(jax.random.PRNGKey(1), 2)
  trained = mixed.apply(variables, x, mode="train", keys=keys)
  hard = mixed.apply(variables, x)
  np.testing.assert_allclose(trained.x_hat, hard.x_hat, atol=1e-5)
  assert jnp.abs(trained.bits_y - hard.bits_y).max() > 0


@pytest.mark.parametrize(
  "change",
  [{"name": "nothing"}, {"quantisation": "none"}, {"dtype": "float8"}],
)
def test_unknown_choices_are_refused_in_one_line(change):
  config = {**load("smoke").model.to_dict(), **change}
  with pytest.raises(LicError) as caught:
    build(config)
  assert "\n" not in str(caught.value)
