"""Trains arms, measures them on Kodak, and compares them seed by seed.

A command that was stopped repeats no run that was measured; several processes
may train seeds of their own in one folder before one of them gathers all.
"""

import argparse
import dataclasses
import datetime
import functools
import json
import logging
import shlex
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import ml_collections
import numpy as np

from experiments.arms.config import Arm, get_config
from experiments.arms.start import closed_form, known_codec
from lic_jax.data import images, resident, sources
from lic_jax.evaluation import runner
from lic_jax.evaluation.model_report import model_report
from lic_jax.models.build import build
from lic_jax.training import loop, step
from lic_jax.training.checkpoint import Checkpoints, claim, load_params
from lic_jax.training.state import create, make_optimizer
from lic_jax.types import UInt8

Image = UInt8[np.ndarray, "h w 3"]
# Of an image and what was decoded of it.
Measure = Callable[[np.ndarray, np.ndarray], float]


@dataclasses.dataclass(frozen=True)
class Comparison:
  """What an experiment compares.

  Attributes:
    arms: the first is the one that the others are compared with.
    lmbda: of the loss, bpp + lambda * MSE.
    steps: of training, of every arm.
    results: the experiment's folder of results.
    part: the box whose cost is told.
    shown: image of Kodak of which each arm's copy is kept, by the first seed.
    measures: what is measured of every image besides rate and distortion.
  """

  arms: Sequence[Arm]
  lmbda: float
  steps: int
  results: Path
  part: str = "synthesis"
  shown: str = "kodim23"
  measures: Mapping[str, Measure] = dataclasses.field(default_factory=dict)


def run(comparison: Comparison) -> tuple[dict[str, Any], dict[str, Image]]:
  """Trains and measures what has not been, and writes results.json.

  Returns:
    What it wrote; and the image that is shown, as "original" and as each arm
    decodes it.
  """
  parser = argparse.ArgumentParser()
  parser.add_argument("--train", required=True, help="photographs")
  parser.add_argument("--kodak", required=True, help="folder of its images")
  parser.add_argument("--runs", required=True, type=Path, help="work folder")
  parser.add_argument("--seeds", default="0,1", help="with commas")
  parser.add_argument("--steps", type=int, default=comparison.steps)
  args = parser.parse_args()
  logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
  logging.getLogger("absl").setLevel(logging.WARNING)
  kodak = load_kodak(args.kodak)
  pictures = {"original": kodak[comparison.shown]}
  runs = {}
  for seed in args.seeds.split(","):
    for arm in comparison.arms:
      config = get_config(
        arm,
        train=args.train,
        lmbda=comparison.lmbda,
        steps=args.steps,
        seed=int(seed),
      )
      workdir = args.runs / f"{arm.name}-{seed}"
      found = trained(config, workdir, kodak, comparison)
      runs.setdefault(arm.name, {})[seed] = found
      shown = images.read_rgb(workdir / "shown.png")
      pictures.setdefault(arm.name, shown)
  start, _ = measured(config, beginning(config), kodak, comparison)
  name = comparison.results.parent.name
  result = {
    "machine": runner.machine(),
    "commit": runner.commit(Path(__file__).parent),
    "command": shlex.join(
      ["python", "-m", f"experiments.{name}.run", *sys.argv[1:]]
    ),
    "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    "lambda": comparison.lmbda,
    "steps": args.steps,
    "start": start,
    "arms": compared(comparison.arms, runs, comparison.part),
  }
  comparison.results.mkdir(exist_ok=True)
  text = json.dumps(result, indent=1)
  (comparison.results / "results.json").write_text(text + "\n")
  return result, pictures


def load_kodak(folder: str) -> dict[str, Image]:
  """The images by name, portraits turned, so that one size is compiled."""
  found = {}
  for path in runner.find_images(folder):
    rgb = images.read_rgb(path)
    portrait = rgb.shape[0] > rgb.shape[1]
    found[path.stem] = np.rot90(rgb).copy() if portrait else rgb
  return found


def trained(
  config: ml_collections.ConfigDict,
  workdir: Path,
  kodak: Mapping[str, Image],
  comparison: Comparison,
) -> dict[str, Any]:
  """Means over Kodak after a run, which is made if it is not there.

  The work folder keeps them, in measured.json, and shown.png.
  """
  path = workdir / "measured.json"
  if path.is_file():
    return json.loads(path.read_text())
  plant(config, workdir, beginning(config))
  loop.train(config, workdir)
  _, params, progress = load_params(workdir)
  means, shown = measured(config, params, kodak, comparison)
  found = {**means, "minutes": progress["minutes"]}
  images.write_png(workdir / "shown.png", shown)
  path.write_text(json.dumps(found, indent=1) + "\n")
  return found


def beginning(config: ml_collections.ConfigDict) -> Any:
  """Parameters with which a run begins."""
  return closed_form(config, _codec(config.loss.lmbda, config.data.train))


@functools.cache
def _codec(lmbda: float, train: str) -> Any:
  """The codec as which all arms begin, of the photographs they train on."""
  source, _ = sources.split_holdout(sources.open_source(train), 0.02)
  patches = resident.validation_patches(source, count=1024, size=256)
  return known_codec(lmbda, patches)


def plant(
  config: ml_collections.ConfigDict, workdir: Path, params: Any
) -> None:
  """Lets a run that has no checkpoint yet begin with these parameters."""
  claim(config, workdir)
  checkpoints = Checkpoints(workdir, keep=1)
  if checkpoints.latest() is None:
    optimizer = make_optimizer(config.optimizer.clip, config.optimizer.muon)
    state = jax.tree.map(np.asarray, create(params, optimizer))
    checkpoints.save(0, state, {"data": None, "seconds": 0.0})
  checkpoints.close()


def measured(
  config: ml_collections.ConfigDict,
  params: Any,
  kodak: Mapping[str, Image],
  comparison: Comparison,
) -> tuple[dict[str, float], Image]:
  """Means over the images, and what was made of the one that is shown."""
  model = build(config.model.to_dict())
  evaluate = jax.jit(
    functools.partial(
      step.validation_step, model=model, lmbda=config.loss.lmbda
    )
  )
  rows, shown = [], None
  for name, rgb in kodak.items():
    terms, decoded = evaluate(params, rgb[None])
    decoded = np.asarray(decoded[0])
    extra = {
      key: measure(rgb, decoded) for key, measure in comparison.measures.items()
    }
    rows.append({key: float(value) for key, value in terms.items()} | extra)
    if name == comparison.shown:
      shown = decoded
  means = {
    key: round(statistics.fmean(row[key] for row in rows), 5) for key in rows[0]
  }
  return means, shown


def compared(
  arms: Sequence[Arm],
  runs: Mapping[str, Mapping[str, Any]],
  part: str = "synthesis",
) -> dict[str, Any]:
  """Each arm's runs, costs, and change of rate against the first arm's.

  Both minimise bpp + lambda * MSE, so near its optimum a codec pays lambda bits
  per pixel for each unit of MSE: at equal MSE the rate of the second differs by
  the difference of the losses. Costs are those of one part.
  """
  first = runs[arms[0].name]
  found = {}
  for arm in arms:
    change = {
      seed: 100
      * (row["loss"] - first[seed]["loss"])
      / first[seed]["estimated_bpp"]
      for seed, row in runs[arm.name].items()
    }
    found[arm.name] = {
      f"{part}_kmac_per_pixel": cost(arm, part),
      "rate_change_percent": {
        "mean": round(statistics.fmean(change.values()), 3),
        "seeds": {seed: round(value, 3) for seed, value in change.items()},
      },
      "runs": runs[arm.name],
    }
  return found


def cost(arm: Arm, box: str) -> float:
  """kMAC per pixel of the analysis or synthesis, at Kodak's size."""
  config = get_config(arm, lmbda=1.0, steps=1)
  parts = model_report(build(config.model.to_dict()), height=512, width=768)
  (part,) = [part for part in parts if part.name == box]
  return round(part.kmac_per_pixel, 3)
