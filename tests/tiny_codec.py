"""Small, seeded, untrained codecs whose priors fit a photograph's latents.

Fitting the prior by hand (each channel's mean and scale on one photograph)
gives rates like a trained codec's at the cost of none of the training.
"""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np

from lic_jax import export
from lic_jax.codec import bundle as bundles
from lic_jax.codec import decode
from lic_jax.codec.bundle import Bundle
from lic_jax.codec.encode import Encoded
from lic_jax.data import images
from lic_jax.metrics import distortion
from lic_jax.models import build
from lic_jax.ops import scales
from lic_jax.transforms.restoration import Restoration

LATENT, HYPER = 24, 8
HYPERPRIOR = {
  "name": "mean_scale_hyperprior",
  "analysis": {
    "name": "hierarchical.Analysis",
    "channels": [4, 6, 8],
    "latent_channels": LATENT,
  },
  "synthesis": {"name": "shallow.TwoLayer", "channels": 4},
  "hyper_analysis": {"name": "hyper.HyperAnalysis", "channels": HYPER},
  "hyper_synthesis": {
    "name": "hyper.HyperSynthesis",
    "channels": HYPER,
    "latent_channels": LATENT,
  },
  "latent_channels": LATENT,
  "hyper_channels": HYPER,
  "quantisation": "unoise",
  "dtype": "float32",
}
FACTORIZED = {
  "name": "factorized_prior",
  "analysis": HYPERPRIOR["analysis"],
  "synthesis": {"name": "shallow.JpegLike"},
  "latent_channels": LATENT,
  "quantisation": "unoise",
  "dtype": "float32",
}
CONTEXT = {
  **HYPERPRIOR,
  "name": "context_hyperprior",
  "hyper_analysis": {
    "name": "multi_reference_hyper.HyperAnalysis",
    "channels": HYPER,
  },
  "hyper_synthesis": {
    "name": "multi_reference_hyper.HyperSynthesis",
    "latent_channels": LATENT,
  },
  "context": {"name": "multi_reference", "slices": 3, "width": 2},
  "quantisation": "mixedq",
}
CARD = {"lambda": 0.01, "training": {"steps": 0}, "results": []}


def photograph(name: str = "chelsea") -> np.ndarray:
  """A photograph that comes with scikit-image, uint8 (h, w, 3)."""
  paths = {path.stem: path for path in images.bundled_paths()}
  return images.read_rgb(paths[name])


def hyperprior(folder: Path, *, seed: int = 0, gain_rungs: int = 0) -> Bundle:
  """A mean-scale hyperprior codec, with gains if there are rungs."""
  config = {**HYPERPRIOR, "gain_rungs": gain_rungs}
  config = config if gain_rungs else HYPERPRIOR
  params = _params(config, seed)
  y = _latent(config, params)
  mean, deviation = y.mean((0, 1, 2)), y.std((0, 1, 2))
  index = np.log(deviation / scales.SCALE_MIN) / scales.LOG_STEP
  last = params["hyper_synthesis"]["conv2"]
  last["bias"] = np.concatenate([mean, np.log(np.clip(index, 0.1, 60))])
  return export.export(folder, config, params, card=CARD)


def gains(folder: Path, *, seed: int = 0) -> Bundle:
  """A mean-scale hyperprior codec of three qualities, and those between."""
  return hyperprior(folder, seed=seed, gain_rungs=3)


def restored(folder: Path, *, seed: int = 0) -> Bundle:
  """A codec of three qualities with a restoration that nobody trained."""
  bundle = gains(folder, seed=seed)
  module = Restoration(channels=4, blocks=1)
  params = module.init(jax.random.key(seed), method="weights")["params"]
  network = module.apply({"params": params}, method="weights")
  levels = np.geomspace(0.1, 0.05, 3).astype(np.float32)
  restorer = {"levels": levels, "network": jax.tree.map(np.asarray, network)}
  decoder = dataclasses.replace(bundle.decoder, restoration=restorer)
  return bundles.write(
    folder, decoder, bundles.read_encoder(bundle), bundle.card
  )


def context(folder: Path, *, seed: int = 0, **changes: Any) -> Bundle:
  """A multi-reference codec; changes of its `context` block by keyword."""
  config = {**CONTEXT, "context": {**CONTEXT["context"], **changes}}
  params = _params(config, seed)
  y = _latent(config, params)
  mean, deviation = y.mean((0, 1, 2)), y.std((0, 1, 2))
  slices = len(params["context"])
  parts = zip(np.split(deviation, slices), np.split(mean, slices))
  for i, part in enumerate(parts):
    for name in ("anchor_parameters", "nonanchor_parameters"):
      last = params["context"][f"slice{i}"][name]["conv3"]["conv"]
      last["bias"] = np.concatenate(part).astype(np.float32)
      # So that parameters vary as they do in a trained model.
      last["kernel"] = 10 * last["kernel"]
  return export.export(folder, config, params, card=CARD)


def factorized(folder: Path, *, seed: int = 0) -> Bundle:
  """A factorized-prior codec."""
  params = _params(FACTORIZED, seed)
  return export.export(folder, FACTORIZED, params, card=CARD)


def loss(rgb: np.ndarray, encoded: Encoded, bundle: Bundle) -> float:
  """The Lagrangian of a file of an image, at quality 0."""
  decoded = decode.decode(encoded.data, bundle)
  bpp = len(encoded.data) * 8 / (rgb.shape[0] * rgb.shape[1])
  mse = float(distortion.mse(rgb[None], decoded[None])[0])
  return bpp + bundle.card["lambda"] * mse


def _params(config: dict, seed: int) -> dict:
  """Initial parameters, the latent scaled so that its symbols vary."""
  model = build.build(config)
  image = np.zeros((1, model.stride, model.stride, 3), np.float32)
  # "rbg" compiles six times faster than the default generator.
  key = jax.random.key(seed, impl="rbg")
  params = jax.jit(model.init)(key, image)["params"]
  params = jax.tree.map(np.asarray, params)
  last = params["analysis"]["latent"]["conv"]
  gain = np.geomspace(0.5, 20, LATENT) / _latent(config, params).std((0, 1, 2))
  last["kernel"] = (last["kernel"] * gain).astype(np.float32)
  return params


def _latent(config: dict, params: dict) -> np.ndarray:
  """y of a photograph, (1, h, w, c)."""
  model = build.build(config)
  x = photograph()[None, :256, :256].astype(np.float32) / 255 - 0.5

  @jax.jit
  def analyse(params: dict, x: jax.Array) -> jax.Array:
    return model.apply({"params": params}, x, method="analyse").y

  return np.asarray(analyse(params, x))
