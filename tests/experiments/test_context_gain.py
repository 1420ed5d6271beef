"""A context model can begin as a hyperprior: a law of context_gain."""

import importlib
import pathlib
import runpy

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest
import quick

from lic_jax.models.build import build
from lic_jax.ops import scales

ROOT = pathlib.Path(__file__).parents[2]
CHANNELS = 8


@pytest.fixture(scope="module")
def module():
  with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(ROOT)
    yield importlib.import_module("experiments.context_gain.as_hyperprior")


def config_of():
  path = ROOT / "experiments/context_gain/multi_reference.py"
  config = runpy.run_path(str(path))["get_config"]().to_dict()
  model = config["model"]
  model |= {"latent_channels": CHANNELS, "hyper_channels": 8}
  model["analysis"] |= {"channels": (4, 4, 4), "latent_channels": CHANNELS}
  model["hyper_analysis"]["channels"] = 8
  model["hyper_synthesis"] |= {"channels": 8, "latent_channels": CHANNELS}
  # 4 w hidden channels carry 4 values each of a slice.
  model["context"] |= {"slices": 2, "width": 4}
  return ml_collections.ConfigDict(config)


def test_a_context_model_begins_as_the_hyperprior(module, rng):
  config = config_of()
  sizes = np.geomspace(20, 0.5, CHANNELS)
  s = rng.normal(2.2, 0.4, (4096, CHANNELS))
  params = module.context(config, size=sizes, s=s)
  context = build(config.model.to_dict()).context
  shape = (1, 4, 4, CHANNELS)
  mean = (rng.normal(size=shape) * sizes).astype(np.float32)
  s = s[:16].reshape(shape)
  y = (mean + rng.normal(size=shape) * sizes).astype(np.float32)
  hyper = np.concatenate([s, mean], axis=-1).astype(np.float32)

  def decode(params, y, hyper):
    out = context.apply({"params": params}, y, hyper, quantise=jnp.add)
    return out.y_hat, out.mean, out.scale

  arguments = jax.tree.map(np.float32, params), y - mean, hyper
  y_hat, means, scale = quick.compiled(decode, *arguments)(*arguments)
  np.testing.assert_allclose(means, mean, rtol=1e-4, atol=1e-4)
  np.testing.assert_allclose(y_hat, y, rtol=1e-4, atol=1e-4)
  index = np.minimum(np.exp(s), scales.SCALE_COUNT - 1)
  sigma = scales.SCALE_MIN * np.exp(scales.LOG_STEP * index)
  assert np.abs(np.log(scale / sigma)).mean() < 0.1
