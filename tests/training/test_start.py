"""The closed-form start: a transform codec before the first step."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_codec

from lic_jax import export
from lic_jax.codec import bundle as bundles
from lic_jax.data.images import bundled_photographs
from lic_jax.models.build import build
from lic_jax.training import start, step
from lic_jax.training.hyper_start import hyper_start
from lic_jax.training.state import create_params
from lic_jax.types import LicError


def config_of(latent_channels):
  hyper = {"channels": 8}
  return {
    "name": "mean_scale_hyperprior",
    "analysis": {
      "name": "hierarchical.Analysis",
      "channels": (4, 4, 4),
      "latent_channels": latent_channels,
      "linear": True,
    },
    "synthesis": {"name": "shallow.TwoLayer"},
    "hyper_analysis": {"name": "hyper.HyperAnalysis", **hyper},
    "hyper_synthesis": {
      "name": "hyper.HyperSynthesis",
      "latent_channels": latent_channels,
      **hyper,
    },
    "latent_channels": latent_channels,
    "hyper_channels": 8,
    "quantisation": "unoise",
    "dtype": "float32",
  }


def model_of(latent_channels):
  return build(config_of(latent_channels))


@pytest.fixture(scope="module")
def patches():
  photographs = bundled_photographs()
  return np.stack([rgb[:256, :256] for rgb in photographs.values()])


def started(model, patches, lmbda=0.01):
  params = jax.tree.map(np.asarray, create_params(model, 0))
  return start.klt_start(params, patches, lmbda=lmbda)


def test_klt_is_orthonormal_and_sorted_and_keeps_the_energy(patches):
  vectors, variances = start.klt(patches)
  np.testing.assert_allclose(vectors.T @ vectors, np.eye(768), atol=1e-9)
  assert (np.diff(variances) <= 0).all()
  energy = np.square(patches / 255 - 0.5).mean() * 768
  np.testing.assert_allclose(variances.sum(), energy, rtol=1e-9)


def test_step_minimises_the_high_rate_lagrangian():
  def loss(size):
    return -3 * np.log2(size) + 0.01 * 255**2 * size**2 / 12

  best = start.step_of(0.01)
  assert loss(best) < min(loss(0.99 * best), loss(1.01 * best))


def test_with_every_channel_the_linear_paths_are_inverse(patches):
  model = model_of(768)
  params = started(model, patches)
  # What is not linear, off: the start makes it small, not zero.
  params["analysis"]["latent"]["conv"]["kernel"][:] = 0
  params["synthesis"]["conv1"]["kernel"][:] = 0
  x = step.to_unit(jnp.asarray(patches[:1, :64, :64]))

  def there_and_back(model, x):
    return model.synthesis(model.analyse(x).y)

  through = jax.jit(functools.partial(model.apply, method=there_and_back))
  restored = through({"params": params}, x)
  np.testing.assert_allclose(restored, x, atol=1e-4)


def test_start_is_a_codec_before_the_first_step(patches):
  model = model_of(96)
  pixels = jnp.asarray(patches)
  validate = jax.jit(
    functools.partial(step.validation_step, model=model, lmbda=0.01)
  )
  terms, _ = validate(started(model, patches), pixels)
  random, _ = validate(create_params(model, 0), pixels)
  assert terms["psnr"] > 27 and terms["estimated_bpp"] < 2
  assert terms["loss"] < random["loss"] / 5


def test_a_companded_hyperprior_starts_as_one_that_pays(patches):
  config = config_of(96)
  config["hyper_analysis"]["companded"] = True
  for part in ("hyper_analysis", "hyper_synthesis"):
    config[part]["channels"] = 32
  model = build({**config, "hyper_channels": 32})
  pixels = jnp.asarray(patches)
  params = started(model, patches)
  hard = jax.jit(
    lambda params, x: dataclasses.astuple(model.apply({"params": params}, x))
  )
  bits = [float(b.sum()) for b in hard(params, step.to_unit(pixels))[1:]]
  still = started(model_of(96), patches)
  without = jax.jit(
    lambda params, x: model_of(96).apply({"params": params}, x).bits_y
  )(still, step.to_unit(pixels))
  # Of the same latent; its own rate included. It has seen five photographs.
  assert sum(bits) < 0.9 * float(without.sum())
  assert bits[1] > 0.005 * bits[0]


def test_its_synthesis_gives_back_what_its_analysis_saw(patches):
  config = config_of(8)
  config["hyper_analysis"]["companded"] = True
  for part in ("hyper_analysis", "hyper_synthesis"):
    # Sixteen places of at most two bands: nothing is lost but by rounding.
    config[part]["channels"] = 32
  model = build({**config, "hyper_channels": 32})
  rng = np.random.default_rng(0)
  strength = 4 * np.exp(rng.normal(size=(400, 4, 4, 1)))
  y = (strength * rng.normal(size=(400, 4, 4, 8))).astype(np.float32)
  params = jax.tree.map(np.asarray, create_params(model, 0))
  hyper_start(params, y)

  def log_indices(model, y):
    return model.hyper_synthesis(model.hyper_analysis(y))[..., 8:]

  given = jax.jit(functools.partial(model.apply, method=log_indices))(
    {"params": params}, y
  )
  # Sample by sample, each of eight numbers of that strength.
  seen = np.corrcoef(np.log(strength).ravel(), np.mean(given, axis=-1).ravel())
  assert seen[0, 1] > 0.8


def test_a_bundle_gives_back_the_parameters_it_was_made_of(tmp_path):
  bundle = tiny_codec.gains(tmp_path / "codec")
  model = build(bundle.card["model"])
  like = create_params(model, 0)
  params = start.parameters_of(tmp_path / "codec", like=like)
  again = export.export(
    tmp_path / "again", bundle.card["model"], params, card=tiny_codec.CARD
  )
  assert again.fingerprint == bundle.fingerprint
  encoders = [bundles.read_encoder(b) for b in (bundle, again)]
  jax.tree.map(np.testing.assert_array_equal, *encoders)
  with pytest.raises(LicError, match="cannot start from"):
    start.parameters_of(tmp_path / "codec", like={"analysis": like["analysis"]})


def test_a_context_model_starts_awake_and_with_its_scales(patches):
  hyper = {"latent_channels": 96}
  config = {
    **config_of(96),
    "name": "context_hyperprior",
    "hyper_analysis": {
      "name": "multi_reference_hyper.HyperAnalysis",
      "channels": 16,
    },
    "hyper_synthesis": {
      "name": "multi_reference_hyper.HyperSynthesis",
      **hyper,
    },
    "context": {"name": "multi_reference", "slices": 2, "width": 2},
    "hyper_channels": 16,
    "quantisation": "mixedq",
  }
  model = build(config)
  params = started(model, patches)

  @jax.jit
  def analyse(params, x):
    latents = model.apply({"params": params}, x, method="analyse")
    return latents.y, latents.z

  y, z = analyse(params, step.to_unit(patches))
  # A z that rounds to zero everywhere says nothing, and has no gradient.
  moving = np.mean(np.abs(z) > 0.5)
  assert 0.2 < moving < 1
  deviation = np.sqrt(np.square(y).mean((0, 1, 2)) + 1 / 12)
  for i, expected in enumerate(np.split(deviation, 2)):
    for name in ("anchor_parameters", "nonanchor_parameters"):
      bias = params["context"][f"slice{i}"][name]["conv3"]["conv"]["bias"]
      np.testing.assert_array_equal(bias[48:], 0)
      np.testing.assert_allclose(bias[:48], expected, rtol=0.2)


def test_a_model_without_the_linear_paths_is_refused(patches):
  with pytest.raises(LicError, match="linear"):
    start.klt_start({"analysis": {}}, patches, lmbda=0.01)
