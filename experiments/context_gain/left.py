r"""What a small model finds in the contexts that a hyperprior has left.

  python -m experiments.context_gain.left --codec=hierarchical_two_layer \
    --train=PHOTOGRAPHS

For every eighth channel of the latent, at non-anchors: a shift of the mean,
linear in the symbols of the four anchors around and of the slice before; and a
factor on the scale, log-linear in their energies, in those of earlier slices at
the place and around it, and in the scale itself. A few dozen numbers a channel,
which do not overfit, fitted to seven eighths of the photographs and judged by
the bits of the rest. Writes results/left.json.
"""

import argparse
import datetime
import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.context_gain.one_rate import photographs
from lic_jax.codec import bundle as bundles
from lic_jax.entropy import checkerboard, gaussian
from lic_jax.evaluation import runner
from lic_jax.models.build import build
from lic_jax.ops import scales
from lic_jax.training.start import of_bundle
from lic_jax.training.step import to_unit
from lic_jax.types import Array, Bool, Float

HERE = Path(__file__).parent
PATCHES, HOLDOUT = 832, 0.02  # of almost every photograph one
SLICE = 32  # channels
STEPS, BATCH, RATE = 250, 8192, 2e-2
OUTLIER = 5.0  # standard deviations
AROUND = ((-1, 0), (1, 0), (0, -1), (0, 1))
WINDOW = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]

Grid = Float[np.ndarray, "n h w"]


def main() -> None:
  """Runs all of it."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--codec", required=True)
  parser.add_argument("--train", required=True, help="photographs")
  args = parser.parse_args()
  residual, sigma = latents(bundles.find(args.codec), args.train)
  rows = []
  for channel in range(0, sigma.shape[-1], 8):
    before, after = bits(residual, sigma, channel)
    rows.append({"channel": channel, "bits": [before, after]})
  slices = {}
  for row in rows:
    slices.setdefault(row["channel"] // SLICE, []).append(row)
  result = {
    "saving_percent": saving(rows),
    "of_slices": [saving(part) for part in slices.values()],
    "channels": rows,
    "machine": runner.machine(),
    "commit": runner.commit(HERE),
    "command": shlex.join(
      ["python", "-m", "experiments.context_gain.left", *sys.argv[1:]]
    ),
    "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
  }
  text = json.dumps(result, indent=1)
  (HERE / "results" / "left.json").write_text(text + "\n")
  print(text)


def saving(rows: list[Mapping]) -> float:
  """Per cent of the bits of some channels."""
  before, after = (sum(row["bits"][i] for row in rows) for i in (0, 1))
  return round(100 * (1 - after / before), 2)


def latents(
  bundle: bundles.Bundle, train: str
) -> tuple[Float[np.ndarray, "n h w c"], Float[np.ndarray, "n h w c"]]:
  """What the hyperprior's means leave, and its scales, at middle quality."""
  model = build({**bundle.card["model"], "dtype": "float32"})
  params = jax.tree.map(jnp.asarray, of_bundle(bundle))
  patches = photographs(train, HOLDOUT, PATCHES)

  def look(model, x):
    found = model.analyse(to_unit(x))
    mean, index = model.latent_prior(jnp.round(found.z))
    log_gain = model.log_gain(None, len(x))
    sigma = gaussian.scale(gaussian.shifted(index, log_gain))
    return (found.y - mean) * jnp.exp(log_gain), sigma

  look_at = jax.jit(lambda x: model.apply({"params": params}, x, method=look))
  found = [look_at(part) for part in np.split(patches, PATCHES // 16)]
  residual, sigma = (np.concatenate(arrays) for arrays in zip(*found))
  return residual, np.maximum(sigma, scales.SCALE_MIN)


def bits(
  residual: Float[np.ndarray, "n h w c"],
  sigma: Float[np.ndarray, "n h w c"],
  channel: int,
) -> tuple[float, float]:
  """Of a symbol of one channel, before and after the fit, of other patches."""
  h, w = sigma.shape[1:3]
  chosen = checkerboard.positions(h, w, checkerboard.Pass.NON_ANCHOR)
  chosen = chosen[1:-1, 1:-1, 0]
  energies, symbols = contexts(residual, sigma, channel)
  energies = (energies - energies.mean((0, 1, 2))) / energies.std((0, 1, 2))
  own, scale = residual[..., channel], sigma[..., channel]
  data = [energies, symbols, _shifted(own, 0, 0), _shifted(scale, 0, 0)]
  border = PATCHES * 7 // 8
  fitted, judged = (
    [_flat(values[part], chosen) for values in data]
    for part in (slice(None, border), slice(border, None))
  )
  params = {
    "energies": jnp.zeros(energies.shape[-1]),
    "level": jnp.zeros(()),
    "symbols": jnp.zeros(symbols.shape[-1]),
  }
  before = float(cost(params, *judged))
  params = fit(params, fitted)
  return before, float(cost(params, *judged))


def contexts(
  residual: Float[np.ndarray, "n h w c"],
  sigma: Float[np.ndarray, "n h w c"],
  channel: int,
) -> tuple[Float[np.ndarray, "n h2 w2 e"], Float[np.ndarray, "n h2 w2 s"]]:
  """Logarithms of energies, and symbols, in standard deviations."""
  first = channel // SLICE * SLICE
  deviation = np.sqrt(np.square(sigma[..., : first + SLICE]) + 1 / 12)
  symbols = np.round(residual[..., : first + SLICE]) / deviation
  symbols = np.clip(symbols, -OUTLIER, OUTLIER)
  energy = np.square(symbols)
  slice_energy = energy[..., first:].mean(-1)
  found = [_mean(energy[..., channel], AROUND), _mean(slice_energy, AROUND)]
  near = [_shifted(symbols[..., channel], i, j) for i, j in AROUND]
  near = np.stack(near, axis=-1)
  if first:
    for start in sorted({0, max(0, first - 3 * SLICE), first - SLICE}):
      band = energy[..., start:first].mean(-1)
      found += [_shifted(band, 0, 0), _mean(band, WINDOW)]
    before = _shifted(symbols[..., first - SLICE : first], 0, 0)
    near = np.concatenate([near, before], axis=-1)
  log_scale = np.log(_shifted(sigma[..., channel], 0, 0))
  logs = [np.log(values + 0.1) for values in found]
  return np.stack([*logs, log_scale, log_scale**2], axis=-1), near


def cost(
  params: Mapping[str, Array],
  energies: Float[Array, "n e"],
  symbols: Float[Array, "n s"],
  residual: Float[Array, "n"],
  sigma: Float[Array, "n"],
  noise: Float[Array, "n"] | None = None,
) -> Float[Array, ""]:
  """Mean bits; of what is rounded, or of what has noise on it."""
  shift = symbols @ params["symbols"] * jnp.sqrt(sigma**2 + 1 / 12)
  left = residual - shift
  left = jnp.round(left) if noise is None else left + noise
  factor = energies @ params["energies"] + params["level"]
  sigma = sigma * jnp.exp(jnp.clip(factor, -2, 2))
  return jnp.mean(gaussian.bits_of_scale(left, sigma))


def fit(params: dict[str, Array], data: list[Array]) -> dict[str, Array]:
  """Adam, on bits with noise."""
  optimizer = optax.adam(optax.cosine_decay_schedule(RATE, STEPS))

  @jax.jit
  def step(params, state, key):
    rows = jax.random.randint(key, (BATCH,), 0, len(data[0]))
    noise = jax.random.uniform(key, (BATCH,), minval=-0.5, maxval=0.5)
    batch = [values[rows] for values in data]
    gradient = jax.grad(cost)(params, *batch, noise)
    updates, state = optimizer.update(gradient, state)
    return optax.apply_updates(params, updates), state

  state = optimizer.init(params)
  for i in range(STEPS):
    params, state = step(params, state, jax.random.key(i))
  return params


def _flat(values: np.ndarray, chosen: Bool[np.ndarray, "h w"]) -> Array:
  """The chosen places of all patches, as rows."""
  rows = values[:, chosen]
  return jnp.asarray(rows.reshape(-1, *rows.shape[2:]), jnp.float32)


def _shifted(x: np.ndarray, i: int, j: int) -> np.ndarray:
  """Neighbours in a direction, of all places but those at the border."""
  h, w = x.shape[1:3]
  return x[:, 1 + i : h - 1 + i, 1 + j : w - 1 + j]


def _mean(x: Grid, offsets: list[tuple[int, int]]) -> Grid:
  return np.mean([_shifted(x, i, j) for i, j in offsets], axis=0)


if __name__ == "__main__":
  main()
