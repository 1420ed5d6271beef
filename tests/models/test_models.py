"""Models: every config at full size, and the laws of one pass."""

import functools
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
  # With noise, for a random start rounds to zero, where nothing has a gradient.
  model = build({**load("smoke").model.to_dict(), "quantisation": "unoise"})
  rng = np.random.default_rng(0)
  x = jnp.asarray(rng.uniform(-0.5, 0.5, (2, 64, 128, 3)), jnp.float32)
  # Everything under jit: one program compiles faster than its many pieces.
  key = jax.random.key(0, impl="rbg")
  return model, jax.jit(model.init)(key, x), x


def run(model, mode="hard"):
  """The model's pass, compiled; its three outputs."""

  def apply(variables, x, keys=None):
    output = model.apply(variables, x, mode=mode, keys=keys)
    return output.x_hat, output.bits_y, output.bits_z

  return jax.jit(apply)


@pytest.mark.parametrize("name", NAMES)
def test_every_config_is_locked_and_makes_a_model_of_its_image(name):
  config = load(name)
  assert config.is_locked
  with pytest.raises(AttributeError):
    config.nonsense = 1
  model = build(config.model.to_dict())
  x = jax.ShapeDtypeStruct((2, 128, 64, 3), jnp.float32)
  keys = jax.eval_shape(lambda: jax.random.split(jax.random.PRNGKey(0), 2))

  def made(key, x, keys):
    trained, variables = model.init_with_output(key, x, mode="train", keys=keys)
    hard = model.apply(variables, x, mode="hard")
    return [(out.x_hat, out.bits_y, out.bits_z) for out in (trained, hard)]

  outputs = jax.eval_shape(made, jax.random.key(0), x, keys)
  for x_hat, bits_y, bits_z in outputs:
    assert x_hat.shape == x.shape
    assert bits_y.shape == bits_z.shape == (2,)


def test_hard_pass_is_the_composition_of_its_parts(smoke):
  model, variables, x = smoke

  def by_hand(model, x):
    latents, prior = model.analyse(x), model.prior()
    offsets = factorized.offsets(prior)
    z_hat = jnp.round(latents.z - offsets) + offsets
    mean, index = model.latent_prior(z_hat)
    y_hat = jnp.round(latents.y - mean) + mean
    bits = gaussian.bits(y_hat - mean, index).sum((1, 2, 3))
    return model.synthesis(y_hat), bits

  x_hat, bits_y, _ = run(model)(variables, x)
  composed = jax.jit(functools.partial(model.apply, method=by_hand))
  expected, bits = composed(variables, x)
  np.testing.assert_allclose(x_hat, expected, atol=1e-5)
  np.testing.assert_allclose(bits_y, bits, rtol=1e-4, atol=1e-3)


def test_relaxed_pass_depends_on_each_images_own_key_only(smoke):
  model, variables, x = smoke
  keys = jax.random.split(jax.random.PRNGKey(1), 2)
  relaxed = run(model, "train")
  both = relaxed(variables, x, keys)
  one = relaxed(variables, x[1:], keys[1:])
  np.testing.assert_allclose(both[0][1:], one[0], atol=1e-5)
  np.testing.assert_allclose(both[2][1:], one[2], rtol=1e-4)


def test_every_parameter_gets_a_gradient(smoke):
  model, variables, x = smoke
  keys = jax.random.split(jax.random.PRNGKey(1), 2)

  def loss(variables):
    x_hat, bits_y, bits_z = run(model, "train")(variables, x, keys)
    return bits_y.sum() + bits_z.sum() + 1e3 * jnp.square(x_hat - x).sum()

  gradients = jax.jit(jax.grad(loss))(variables)["params"]
  for path, gradient in jax.tree_util.tree_leaves_with_path(gradients):
    assert jnp.isfinite(gradient).all(), path
    assert jnp.abs(gradient).max() > 0, path


def test_mixed_quantisation_gives_the_synthesis_what_a_file_holds(smoke):
  model, variables, x = smoke
  mixed = model.clone(quantisation="mixedq")
  keys = jax.random.split(jax.random.PRNGKey(1), 2)
  trained = run(mixed, "train")(variables, x, keys)
  hard = run(mixed)(variables, x)
  np.testing.assert_allclose(trained[0], hard[0], atol=1e-5)
  assert jnp.abs(trained[1] - hard[1]).max() > 0


@pytest.mark.parametrize(
  "change",
  [{"name": "nothing"}, {"quantisation": "none"}, {"dtype": "float8"}],
)
def test_unknown_choices_are_refused_in_one_line(change):
  config = {**load("smoke").model.to_dict(), **change}
  with pytest.raises(LicError) as caught:
    build(config)
  assert "\n" not in str(caught.value)
