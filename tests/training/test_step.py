"""Schedules at the paper's steps, and one step of the real default config."""

import functools
import importlib.util
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import quick

from lic_jax.models.build import build
from lic_jax.training import schedule, step
from lic_jax.training.state import (
  create,
  create_params,
  make_optimizer,
  rate_factors,
)
from lic_jax.types import LicError

CONFIGS = pathlib.Path(__file__).parents[2] / "configs"
PAPER = {"peak": 1e-4, "warmup": 0.02, "decay": "step"}
STEPS = 1_800_000


def rate_at(done, **changes):
  progress = jnp.float32((done + 1) / STEPS)
  return float(schedule.learning_rate(progress, **{**PAPER, **changes}))


def test_rate_is_the_papers_at_its_corners():
  np.testing.assert_allclose(rate_at(0), 1e-4 / 36_000, rtol=1e-4)
  np.testing.assert_allclose(rate_at(17_999), 0.5e-4, rtol=1e-3)
  np.testing.assert_allclose(rate_at(40_000), 1e-4, rtol=1e-6)
  np.testing.assert_allclose(rate_at(1_439_000), 1e-4, rtol=1e-6)
  np.testing.assert_allclose(rate_at(1_441_000), 1e-5, rtol=1e-6)
  np.testing.assert_allclose(rate_at(STEPS - 1), 1e-5, rtol=1e-6)


def test_cosine_ends_at_zero_and_unknown_decay_is_refused():
  assert rate_at(STEPS - 1, decay="cosine") < 1e-12
  with pytest.raises(LicError, match="decay"):
    rate_at(0, decay="cliff")


def test_lambda_is_tenfold_for_the_first_fifth():
  arguments = {"target": 0.01, "factor": 10.0, "until": 0.2}
  for done, expected in ((0, 0.1), (359_000, 0.1), (361_000, 0.01)):
    value = schedule.lagrange_multiplier(
      jnp.float32((done + 1) / STEPS), **arguments
    )
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_rate_factors_follow_prefixes_and_refuse_unknown_ones():
  params = {"analysis": {"linear": 0, "latent": 0}, "prior": {"bias0": 0}}
  factors = rate_factors(params, {"analysis/linear": 0.1, "prior": 3.0})
  assert factors == {
    "analysis": {"linear": 0.1, "latent": 1.0},
    "prior": {"bias0": 3.0},
  }
  with pytest.raises(LicError, match="hyper"):
    rate_factors(params, {"hyper": 2.0})


def load(name):
  spec = importlib.util.spec_from_file_location(name, CONFIGS / f"{name}.py")
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module.get_config().to_dict()


def smoke():
  return load("smoke")


@pytest.fixture(scope="module")
def run():
  """The smoke config's model, state and step, and a batch."""
  config = smoke()
  # Factors and rounding suit the closed-form start.
  config["optimizer"]["factors"] = {}
  config["model"]["quantisation"] = "unoise"
  model = build(config["model"])
  optimizer = make_optimizer(config["optimizer"]["clip"])
  rng = np.random.default_rng(0)
  pixels = jnp.asarray(rng.integers(0, 256, (2, 64, 64, 3)), jnp.uint8)

  @jax.jit
  def train(state, progress, key):
    return step.train_step(
      state,
      pixels,
      progress,
      jax.random.split(key, 2),
      model=model,
      optimizer=optimizer,
      config=config,
    )

  return train, create(create_params(model, 0), optimizer)


def test_steps_lower_the_loss_and_report_its_terms(run):
  train, state = run
  losses = []
  for i in range(12):
    state, terms = train(state, jnp.float32(0.1), jax.random.PRNGKey(i))
    losses.append(float(terms["loss"]))
    whole = terms["bpp_y"] + terms["bpp_z"] + terms["lmbda"] * terms["mse"]
    np.testing.assert_allclose(terms["loss"], whole, rtol=1e-5)
  assert int(state.step) == 12
  assert losses[-1] < 0.9 * losses[0]


def test_a_factor_of_0_freezes():
  config = load("bls2017")
  config["model"]["analysis"]["channels"] = (4, 4, 8)
  config["model"]["synthesis"]["channels"] = (4, 4, 3)
  config["model"]["latent_channels"] = 8
  config["optimizer"]["factors"] = {"analysis": 0.0}
  model = build(config["model"])
  optimizer = make_optimizer(config["optimizer"]["clip"])
  state = create(create_params(model, 0), optimizer)
  one_step = functools.partial(
    step.train_step, model=model, optimizer=optimizer, config=config
  )
  key = jax.random.PRNGKey(0)
  x = jax.random.randint(key, (1, 64, 64, 3), 0, 256).astype(jnp.uint8)
  arguments = state, x, jnp.float32(0.1), key[None]
  after, _ = quick.compiled(one_step, *arguments)(*arguments)
  moments = after.opt_state[1][0].mu
  for name in state.params:
    moved = jax.tree.map(
      lambda a, b: bool(jnp.any(a != b)), state.params[name], after.params[name]
    )
    assert any(jax.tree.leaves(moved)) == (name != "analysis")
    seen = [bool(jnp.any(m)) for m in jax.tree.leaves(moments[name])]
    assert any(seen) == (name != "analysis")


def test_the_loss_may_be_ms_ssim(run):
  # The least that gives five scales is 161 pixels.
  _, state = run
  rng = np.random.default_rng(0)
  x = step.to_unit(rng.integers(0, 256, (1, 192, 192, 3)).astype(np.uint8))
  model = build(smoke()["model"])

  def terms(params, x):
    return step.loss_terms(
      model,
      params,
      x,
      lmbda=jnp.float32(8.73),
      keys=jax.random.split(jax.random.PRNGKey(0), 1),
      distortion="ms_ssim",
    )

  loss, parts = quick.compiled(terms, state.params, x)(state.params, x)
  assert 0 < parts["ms_ssim"] < 1
  whole = parts["bpp_y"] + parts["bpp_z"] + 8.73 * (1 - parts["ms_ssim"])
  np.testing.assert_allclose(loss, whole, rtol=1e-5)


def test_every_image_has_a_quality_of_its_own_and_pays_its_lambda():
  keys = jax.random.split(jax.random.PRNGKey(0), 400)
  quality = step.qualities(keys, 7)
  assert 0 <= quality.min() < 0.1 and 5.9 < quality.max() < 6
  np.testing.assert_allclose(quality.mean(), 3, atol=0.3)
  config = smoke()["model"]
  model = build({**config, "gain_rungs": 3})
  state = create_params(model, 0)
  x = step.to_unit(np.zeros((2, 64, 64, 3), np.uint8) + np.uint8([9, 99, 199]))
  quality = jnp.asarray([0.0, 2.0])

  @functools.partial(jax.grad, argnums=2, has_aux=True)
  def rate(params, x, quality):
    terms = step.loss_terms(
      model,
      params,
      x,
      lmbda=0.01 * 2.0**quality,
      keys=keys[:2],
      quality=quality,
    )[1]
    return terms["bpp_y"], terms

  gradient, terms = quick.compiled(rate, state, x, quality)(state, x, quality)
  # The two images are alike: what differs is what quality makes of them.
  assert (gradient > 0).all()
  assert terms["loss"] > terms["bpp_y"] + terms["bpp_z"]


def test_another_distortion_is_refused():
  with pytest.raises(LicError, match="distortion is 'lpips'"):
    step.check_distortion("lpips")


def test_a_step_is_a_function_of_its_arguments(run):
  train, state = run
  one, _ = train(state, jnp.float32(0.1), jax.random.PRNGKey(5))
  other, _ = train(state, jnp.float32(0.1), jax.random.PRNGKey(5))
  jax.tree.map(np.testing.assert_array_equal, one.params, other.params)


def test_at_the_end_of_the_cosine_nothing_moves(run):
  train, state = run
  after, _ = train(state, jnp.float32(1.0), jax.random.PRNGKey(0))
  jax.tree.map(np.testing.assert_array_equal, state.params, after.params)
