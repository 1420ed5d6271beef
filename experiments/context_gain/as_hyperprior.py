r"""The context model as the hyperprior that a run has found.

  python -m experiments.context_gain.as_hyperprior --run=DIR \
    --train=PHOTOGRAPHS --config=FILE --output=DIR

Writes a run of no steps of a context model's config, for --config.start, from a
run of the hyperprior's: `multi_reference.py` and `hyperprior.py` beside this
file, or the two `joint_*.py`. The entropy parameters pass means on, x being
gelu(x) - gelu(-x), and bend the output of the hyper-synthesis into scales;
other hidden channels start at random and are not heard yet. Layers that look at
the latent begin as if its channels, which differ a hundredfold, were of one
size. The residual prediction starts at zero.
"""

import argparse
import math
import runpy
from pathlib import Path
from typing import Any

import jax
import ml_collections
import numpy as np

from experiments.arms.run import plant
from experiments.context_gain.one_rate import (
  Channels,
  Samples,
  photographs,
  seen,
)
from lic_jax.models.build import build
from lic_jax.ops import scales
from lic_jax.training.checkpoint import load_params
from lic_jax.training.state import create_params
from lic_jax.types import Float

BENDS = 4  # of a scale as a function of what the hyper-synthesis gives
FLAT = 3.0  # scale index, up to which the scale hardly moves
QUIET = 0.25  # channels are never taken for smaller
# The gain that keeps a signal's size through PyTorch's start and a GELU.
AWAKE = np.float32(math.sqrt(6))


def main() -> None:
  """Runs all of it."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--run", required=True, type=Path)
  parser.add_argument("--train", required=True, help="photographs")
  parser.add_argument("--config", required=True, help="of the context model")
  parser.add_argument("--output", required=True, type=Path)
  args = parser.parse_args()
  theirs, params, _ = load_params(args.run)
  params = jax.tree.map(np.array, params)
  patches = photographs(args.train, theirs.data.holdout)
  y, s = seen(build(theirs.model.to_dict()), params, patches)
  layer = params["hyper_synthesis"]["conv2"]
  for name, array in layer.items():  # a context model has means last
    layer[name] = np.roll(array, array.shape[-1] // 2, axis=-1)
  config = runpy.run_path(args.config)["get_config"]()
  params["context"] = context(config, size=rms(y), s=s)
  plant(config, args.output, params)


def rms(y: Samples) -> Channels:
  """Root mean square, no less than `QUIET`."""
  return np.maximum(np.sqrt(np.square(y).mean(0)), QUIET)


def context(
  config: ml_collections.ConfigDict, *, size: Channels, s: Samples
) -> Any:
  """Parameters of the context model that is a hyperprior.

  Args:
    config: of its run.
    size: of the latent's channels.
    s: logarithms of scale indices, of photographs.
  """
  model = build(config.model.to_dict())
  params = jax.tree.map(np.array, create_params(model, config.seed))["context"]
  parts = np.split(np.arange(len(size)), config.model.context.slices)
  for i, part in enumerate(parts):
    layers, own, before = params[f"slice{i}"], size[part], size[: part[0]]
    _awake(layers)
    for name in ("anchor_parameters", "nonanchor_parameters"):
      _pass_on(layers[name], part, size=size, s=s[:, part])
    residual = layers["residual"]
    _of_one_size(residual["conv0"], np.concatenate([size, before, own]))
    residual["conv2"]["conv"]["kernel"] *= 0
    layers["local"]["norm"]["scale"] *= np.sqrt(np.square(own).mean()) / own
    if i:
      _of_one_size(layers["channel"]["conv0"], before)
      for name in ("query", "key", "value"):
        _of_one_size(layers["inter"][name]["pointwise"], before)
        seen_by = own if name == "value" else size[parts[i - 1]]
        _of_one_size(layers["intra"][name]["pointwise"], seen_by)
  return params


def _awake(layers: Any) -> None:
  """Scales the kernels of all convolutions but depthwise ones."""
  for name, inner in layers.items():
    if name == "conv":
      inner["kernel"] *= AWAKE
    elif isinstance(inner, dict):
      _awake(inner)


def _of_one_size(layer: Any, size: Channels) -> None:
  """Divides a layer's inputs by their sizes."""
  layer["conv"]["kernel"] /= size[:, None]


def _pass_on(
  layers: Any, part: np.ndarray, *, size: Channels, s: Samples
) -> None:
  """Makes entropy parameters give the scales and means of the hyperprior.

  Hidden channels: the means of the slice and the bends of its scales; twice,
  means and scales. All of them but the bends stand beside their negatives.

  Args:
    layers: of one pass of a slice; changed.
    part: the channels of the slice.
    size: of all channels.
    s: of the slice's channels.
  """
  kernels = [layers[f"conv{i}"]["conv"]["kernel"][0, 0] for i in range(4)]
  biases = [layers[f"conv{i}"]["conv"]["bias"] for i in range(4)]
  # Of the hyper-synthesis' output, which comes last: scales, then means.
  hyper = kernels[0][-2 * len(size) :]
  hyper[len(size) :] /= size[:, None]
  own, channels = size[part], len(part)
  count = 2 * channels
  bends = count + np.arange(channels * BENDS).reshape(channels, BENDS)
  used = count + bends.size, 2 * count, 2 * count, count
  for i, (kernel, bias) in enumerate(zip(kernels, biases)):
    kernel[:, : used[i]] = 0
    kernel[: used[i - 1] if i else 0] = 0
    bias[: used[i]] = 0

  steep, knots, weights, level = bent(s)
  hyper[len(size) + part, :count] = _to_both(np.diag(1 / own))
  hyper[part[:, None], bends] = steep
  biases[0][bends] = -steep * knots
  gathered = np.zeros((used[0], count))
  gathered[:count, :channels] = _of_both(np.eye(channels))
  scale = channels + np.arange(channels)
  gathered[bends, scale[:, None]] = weights / own[:, None]
  kernels[1][: used[0], : used[1]] = _to_both(gathered)
  biases[1][: used[1]] = _to_both(np.append(np.zeros(channels), level / own))
  kernels[2][: used[1], : used[2]] = _to_both(_of_both(np.eye(count)))
  # What is given has scales first.
  given = np.roll(np.diag(np.tile(own, 2)), channels, axis=1)
  kernels[3][: used[2]] = _of_both(given)


def _to_both(weights: np.ndarray) -> np.ndarray:
  """Weights to x, to those of x and -x."""
  return np.concatenate([weights, -weights], axis=-1)


def _of_both(weights: np.ndarray) -> np.ndarray:
  """Weights of x, to those of gelu(x) and gelu(-x): their difference is x."""
  return np.concatenate([weights, -weights], axis=0)


def bent(
  s: Samples,
) -> tuple[
  Channels, Float[np.ndarray, "c k"], Float[np.ndarray, "c k"], Channels
]:
  """Scales as sums of GELUs of the logarithm of their index.

  Returns:
    Steepness and knots of the GELUs gelu(steepness * (s - knot)), weights and a
    level, by channels, of the least relative error.
  """
  # The scale is an exponential of the index: bends at even steps of that.
  low, high = np.exp(np.quantile(s, [0.01, 0.999], axis=0))
  low = np.maximum(low, FLAT)
  ends = np.linspace(low, np.maximum(high, low + 1), BENDS + 1, axis=-1)
  knots, gaps = np.log(ends[:, :-1]), np.diff(np.log(ends))
  steep = 2 / gaps
  weights = np.zeros_like(knots)
  level = np.zeros(len(low))
  index = np.minimum(np.exp(s), scales.SCALE_COUNT - 1)
  sigma = scales.SCALE_MIN * np.exp(scales.LOG_STEP * index)
  for c in range(len(low)):
    basis = jax.nn.gelu(
      steep[c] * (s[:, c, None] - knots[c]), approximate=False
    )
    basis = np.concatenate([basis, np.ones((len(s), 1))], axis=1)
    solution = np.linalg.lstsq(
      basis / sigma[:, c, None], np.ones(len(s)), rcond=1e-4
    )[0]
    weights[c], level[c] = solution[:-1], solution[-1]
  return steep, knots, weights, level


if __name__ == "__main__":
  main()
