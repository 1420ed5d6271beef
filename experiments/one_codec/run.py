r"""What one codec for every rate costs against one per rate.

  python -m experiments.one_codec.run --train=PHOTOGRAPHS --kodak=FOLDER \
    --runs=runs/one_codec

Trains what is not in the work folder yet, writes results/results.json, and
prints the README's table. With --only=every,3 it trains those and stops:
several processes may share the work.
"""

import argparse
import datetime
import functools
import json
import logging
import shlex
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from experiments.arms.config import Arm, get_config
from experiments.arms.run import Image, load_kodak
from lic_jax.evaluation import runner
from lic_jax.models.build import build
from lic_jax.ops import gain
from lic_jax.training import loop
from lic_jax.training.checkpoint import load_params
from lic_jax.training.step import to_levels, to_unit

LAMBDA, RUNGS = 0.00125, 7  # of configs/hierarchical_two_layer.py
QUALITIES = (1, 3, 5)
EVERY = "every"  # name of the run with gains
STEPS = 3000
RESULTS = Path(__file__).parent / "results"


def main() -> None:
  """Runs all of it."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--train", required=True, help="photographs")
  parser.add_argument("--kodak", required=True, help="folder of its images")
  parser.add_argument("--runs", required=True, type=Path, help="work folder")
  parser.add_argument("--only", help='trains these alone, such as "every,3"')
  args = parser.parse_args()
  logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
  logging.getLogger("absl").setLevel(logging.WARNING)
  if args.only:
    for name in args.only.split(","):
      trained(config_of(name, args.train), args.runs / name)
    return
  kodak = load_kodak(args.kodak)
  every, minutes = trained(config_of(EVERY, args.train), args.runs / EVERY)
  rows = {}
  for quality in QUALITIES:
    config = config_of(str(quality), args.train)
    one, took = trained(config, args.runs / str(quality))
    found = {
      "one_rate": {**measured(config, one, kodak, quality), "minutes": took},
      "every_rate": measured(
        config_of(EVERY, args.train), every, kodak, quality
      ),
    }
    # Near its optimum a codec pays lambda bits per pixel for a unit of MSE.
    more = found["every_rate"]["loss"] - found["one_rate"]["loss"]
    found["rate_change_percent"] = round(
      100 * more / found["one_rate"]["estimated_bpp"], 3
    )
    rows[quality] = found
  result = {
    "machine": runner.machine(),
    "commit": runner.commit(Path(__file__).parent),
    "command": shlex.join(
      ["python", "-m", "experiments.one_codec.run", *sys.argv[1:]]
    ),
    "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    "steps": STEPS,
    "every_rate_minutes": minutes,
    "qualities": rows,
  }
  RESULTS.mkdir(exist_ok=True)
  text = json.dumps(result, indent=1)
  (RESULTS / "results.json").write_text(text + "\n")
  print(table(rows))


def config_of(name: str, train: str) -> ml_collections.ConfigDict:
  """The config of one run: of a quality, or of all for `EVERY`."""
  quality = 0 if name == EVERY else int(name)
  lmbda = gain.lagrange_multiplier(LAMBDA, quality)
  config = get_config(Arm("one_codec"), train=train, lmbda=lmbda, steps=STEPS)
  with config.unlocked():
    config.data.crop = 256  # the hyper-latent of a smaller one is all border
    config.model.gain_rungs = RUNGS if name == EVERY else 0
    # As in configs/hierarchical_two_layer.py.
    config.optimizer.clip = 50.0
    config.optimizer.muon = (
      "analysis/down",
      "analysis/block",
      "analysis/latent",
    )
    config.optimizer.factors = {
      "synthesis": 0.02,
      "analysis/linear": 0.16,
      "hyper_analysis": 0.1,
      "hyper_synthesis": 0.6,
    }
  return config


def trained(
  config: ml_collections.ConfigDict, workdir: Path
) -> tuple[Any, float]:
  """Parameters after a run, and its minutes; made if they are not there."""
  loop.train(config, workdir)
  _, params, progress = load_params(workdir)
  return params, progress["minutes"]


def measured(
  config: ml_collections.ConfigDict,
  params: Any,
  kodak: Mapping[str, Image],
  quality: int,
) -> dict[str, float]:
  """Means over the images: estimated_bpp, psnr in dB, loss at the quality."""
  model = build(config.model.to_dict())
  given = {}
  if config.model.gain_rungs:
    given["quality"] = jnp.full(1, float(quality))
  code = jax.jit(functools.partial(coded, model, **given))
  lmbda = gain.lagrange_multiplier(LAMBDA, quality)
  rows = []
  for rgb in kodak.values():
    bpp, mse = map(float, code(params, rgb[None]))
    rows.append(
      {
        "estimated_bpp": bpp,
        "psnr": 10 * np.log10(255**2 / mse),
        "loss": bpp + lmbda * mse,
      }
    )
  return {
    key: round(float(statistics.fmean(row[key] for row in rows)), 5)
    for key in rows[0]
  }


def coded(
  model: nn.Module, params: Any, pixels: jax.Array, **quality: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Estimated bits per pixel, rounded, and MSE of 8-bit levels."""
  x = to_unit(pixels)
  output = model.apply({"params": params}, x, mode="hard", **quality)
  bits = jnp.sum(output.bits_y + output.bits_z)
  levels = jnp.clip(jnp.round(to_levels(output.x_hat)), 0, 255)
  mse = jnp.mean(jnp.square(levels - to_levels(x)))
  return bits / (pixels.shape[1] * pixels.shape[2]), mse


def table(rows: Mapping[int, Any]) -> str:
  """Markdown: both codecs at every quality, and the change of rate."""
  lines = [
    "| quality | one rate: bpp, dB | every rate: bpp, dB | rate |",
    "|---:|---|---|---:|",
  ]
  for quality, row in rows.items():
    one, every = (
      f"{row[name]['estimated_bpp']:.4f}, {row[name]['psnr']:.2f}"
      for name in ("one_rate", "every_rate")
    )
    change = row["rate_change_percent"]
    lines.append(f"| {quality} | {one} | {every} | {change:+.2f} % |")
  return "\n".join(lines)


if __name__ == "__main__":
  main()
