r"""A codec of every rate at one of them, to go on from without gains.

  python -m experiments.context_gain.one_rate --codec=hierarchical_two_layer \
    --train=PHOTOGRAPHS --output=DIR

Writes DIR, a run of no steps of `hyperprior.py` beside this file, for
--config.start. Its transforms are the codec's at the quality of the config's
lambda, the gains multiplied into them:

  analysis * gain, synthesis / gain, mean * gain       the same codec
  log(1 + |y / gain|), what z is made of               linear in log(1 + |y|)
  log(index + log(gain) / step), the scale             linear in log(index)

The lines are fitted to photographs, channel by channel, and cost bits, which
training gets back.
"""

import argparse
import math
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from experiments.arms.run import plant
from experiments.context_gain import hyperprior
from lic_jax.codec import bundle as bundles
from lic_jax.data import resident, sources
from lic_jax.models.build import build
from lic_jax.ops import scales
from lic_jax.training.start import of_bundle
from lic_jax.training.step import to_unit
from lic_jax.types import Float, UInt8

PATCHES = 256  # of 256x256 pixels
LOWEST = 0.5  # scale index, in the fit of its logarithm

Channels = Float[np.ndarray, "c"]
Samples = Float[np.ndarray, "n c"]


def main() -> None:
  """Runs all of it."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--codec", required=True)
  parser.add_argument("--train", required=True, help="photographs")
  parser.add_argument("--output", required=True, type=Path)
  args = parser.parse_args()
  bundle = bundles.find(args.codec)
  config = hyperprior.get_config()
  quality = round(math.log2(config.loss.lmbda / bundle.card["lambda"]))
  params = jax.tree.map(np.array, of_bundle(bundle))
  model = build({**bundle.card["model"], "dtype": "float32"})
  y, s = seen(model, params, photographs(args.train, config.data.holdout))
  gain = np.exp(params.pop("gain")["log"][quality])
  at_one_rate(params, gain, y=y, s=s)
  plant(config, args.output, params)


def photographs(
  train: str, holdout: float, count: int = PATCHES
) -> UInt8[np.ndarray, "n 256 256 3"]:
  """Patches of those that are not held out."""
  source, _ = sources.split_holdout(sources.open_source(train), holdout)
  return resident.validation_patches(source, count=count, size=256)


def seen(
  model: nn.Module, params: Any, patches: UInt8[np.ndarray, "n h w 3"]
) -> tuple[Samples, Samples]:
  """The latent of photographs, and logarithms of its scale indices."""

  def look(model: nn.Module, x):
    latents = model.analyse(to_unit(x))
    _, s = jnp.split(model.hyper_synthesis(jnp.round(latents.z)), 2, axis=-1)
    return latents.y, s

  look_at = jax.jit(lambda x: model.apply({"params": params}, x, method=look))
  found = [look_at(part) for part in np.split(patches, len(patches) // 16)]
  y, s = (np.concatenate(arrays) for arrays in zip(*found))
  return y.reshape(-1, y.shape[-1]), s.reshape(-1, s.shape[-1])


def at_one_rate(params: Any, gain: Channels, *, y: Samples, s: Samples) -> None:
  """Multiplies the gains of one quality into the parameters.

  Args:
    params: of the codec, without its gains; changed.
    gain: of the quality.
    y, s: of photographs, as `seen` gives them.
  """
  count = len(gain)
  analysis, synthesis = params["analysis"], params["synthesis"]
  for layer in (analysis["linear"], analysis["latent"]["conv"]):
    for name in layer:
      layer[name] *= gain
  for name in ("conv1", "conv_res"):
    synthesis[name]["kernel"] /= gain[:, None]

  layer = params["hyper_analysis"]["conv0"]
  before, after = np.log1p(np.abs(y)), np.log1p(np.abs(y * gain))
  slope, level = line(after, before)
  signed, magnitudes = slice(0, count), slice(count, None)
  layer["bias"] += layer["kernel"][:, :, magnitudes].sum((0, 1)).T @ level
  layer["kernel"][:, :, magnitudes] *= slope[:, None]
  slope = (after * before).sum(0) / np.maximum(np.square(after).sum(0), 1e-9)
  layer["kernel"][:, :, signed] *= slope[:, None]

  layer = params["hyper_synthesis"]["conv2"]
  index = np.exp(s) + np.log(gain) / scales.LOG_STEP
  slope, level = line(s, np.log(np.maximum(index, LOWEST)))
  for name in layer:
    layer[name] *= np.concatenate([gain, slope])
  layer["bias"][count:] += level


def line(x: Samples, target: Samples) -> tuple[Channels, Channels]:
  """Slope and level of the lines nearest to the target, by channels."""
  mean, centred = x.mean(0), x - x.mean(0)
  variance = np.maximum(np.square(centred).mean(0), 1e-9)
  slope = (centred * target).mean(0) / variance
  return slope, target.mean(0) - slope * mean


if __name__ == "__main__":
  main()
