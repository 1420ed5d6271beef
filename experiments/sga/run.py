r"""What iterative encoding gains: on Kodak, against steps, by relaxation.

  python experiments/sga/run.py --codec=BUNDLE --images=KODAK
    [--only=kodak,steps,relaxations,windows,cost] [--steps=300]

Writes results/NAME.json for each name of --only, and results/*.png.
At the codec's middle quality. kodak: every image through real files, rounded,
swept (RDOQ), annealed (SGA), and both. The others judge rounded latents by the
objective, on 256 x 256 crops.
"""

import argparse
import datetime
import json
import shlex
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import jax
import matplotlib
import numpy as np

from lic_jax.codec import bundle as bundles
from lic_jax.codec import container, decode
from lic_jax.codec import encode as codec
from lic_jax.codec.bundle import Bundle
from lic_jax.data import images
from lic_jax.evaluation import runner
from lic_jax.evaluation.complexity import count
from lic_jax.metrics import distortion
from lic_jax.sga import encode, rdoq, relaxation, schedule
from lic_jax.sga.optimizer import (
  Optimizer,
  Problem,
  begin,
  frozen_weights,
  step,
)
from lic_jax.sga.schedule import Schedule
from lic_jax.types import Latents

matplotlib.use("Agg")
from matplotlib import pyplot

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).parent / "results"
# `lic encode` and the most memory it held, KiB on Linux.
PEAK = """
import resource, sys
from lic_jax import compress
assert compress.main(["encode", *sys.argv[1:]]) == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
CROPPED = ("kodim01", "kodim05", "kodim13", "kodim20", "kodim21", "kodim23")
SIDE = 256
KINDS = ("rounded", "rdoq", "sga", "sga_rdoq")
COUNTS = (30, 100, 300, 1000)

# Specification 4.2: each with its published learning rate and temperature, and
# the rate that was best here.
RELAXATIONS = {
  "SGA": (relaxation.sga, Schedule(5e-3), Schedule(2e-2)),
  "deterministic annealing": (
    relaxation.deterministic_annealing,
    Schedule(5e-3, drop=1.0, highest=0.2, start=1.0, decay=8.0),
    Schedule(2e-2, drop=0.9, highest=0.2, start=1.0, decay=8.0),
  ),
  "straight-through": (
    relaxation.straight_through,
    Schedule(1e-4, drop=1.0),
    Schedule(2e-3),
  ),
  "uniform noise": (
    relaxation.uniform_noise,
    Schedule(5e-3, drop=1.0),
    Schedule(2e-2),
  ),
  "MAP": (relaxation.identity, Schedule(5e-3, drop=1.0), Schedule(2e-2)),
}


def main() -> None:
  """Runs what --only names."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--codec", required=True)
  parser.add_argument("--images", required=True, type=Path)
  parser.add_argument("--only", default="kodak,steps,relaxations,windows,cost")
  parser.add_argument("--steps", type=int, default=300, help="on Kodak")
  args = parser.parse_args()
  commit = runner.commit(ROOT)  # of what runs, whatever is edited meanwhile
  bundle = bundles.find(args.codec)
  paths = runner.find_images(args.images)
  measured = {
    "kodak": lambda: measure_kodak(bundle, paths, args.steps),
    "steps": lambda: measure_steps(bundle, paths),
    "relaxations": lambda: measure_relaxations(bundle, paths),
    "windows": lambda: measure_windows(bundle, paths),
    "cost": lambda: measure_cost(bundle, paths),
  }
  for name in args.only.split(","):
    write(name, bundle, commit, measured[name]())


def measure_kodak(bundle: Bundle, paths: list[Path], steps: int) -> dict:
  """Each image's files, by how latents were found, and where gains come from.

  `largest_difference` is how far what a decoder finds is from what SGA chose.
  """
  lmbda, rows, seen = bundle.lagrange_multiplier(bundle.number(None)), [], set()
  for path in paths:
    rgb = images.read_rgb(path)
    if rgb.shape not in seen:  # compiles: times are those of work
      encode.encode(rgb, bundle, sweeps=1, steps=1)
      seen.add(rgb.shape)
    start = codec.analyse(rgb, bundle)
    times = [time.perf_counter()]
    swept = rdoq.refine(rgb, start, bundle)
    times.append(time.perf_counter())
    annealed = encode.optimise(rgb[None], start, bundle, steps=steps)
    times.append(time.perf_counter())
    both = rdoq.refine(rgb, annealed, bundle, searched=True)
    found = dict(zip(KINDS, (start, swept, annealed, both)))
    row = {
      "name": path.name,
      "seconds_rdoq": round(times[1] - times[0], 2),
      "seconds_sga": round(times[2] - times[1], 2),
    }
    for kind, latents in found.items():
      height, width = rgb.shape[:2]
      encoded = codec.encode_latents(
        latents, bundle, height=height, width=width
      )
      row[kind] = file_row(rgb, bundle, encoded, lmbda)
      if kind == "sga":
        file = container.unpack(encoded.data)
        decoded = decode.decode_latents(file, bundle)
        row["largest_difference"] = max(
          float(np.max(np.abs(decoded.y - latents.y))),
          float(np.max(np.abs(decoded.z - latents.z))),
        )
    row["gain"] = {
      kind: 1 - row[kind]["loss"] / row["rounded"]["loss"] for kind in KINDS[1:]
    }
    rows.append(row)
    print(json.dumps(row), flush=True)
  means = {
    kind: {
      key: float(np.mean([row[kind][key] for row in rows]))
      for key in rows[0][kind]
    }
    for kind in KINDS
  }
  return {
    "steps": steps,
    "dtype": encode.products(),
    "means": means,
    "gain_of_mean_loss": {
      kind: 1 - means[kind]["loss"] / means["rounded"]["loss"]
      for kind in KINDS[1:]
    },
    "images": rows,
  }


def file_row(
  rgb: np.ndarray, bundle: Bundle, encoded: codec.Encoded, lmbda: float
) -> dict:
  """A file's rate by parts, its distortion, and their Lagrangian."""
  pixels = rgb.shape[0] * rgb.shape[1]
  x_hat = decode.decode(encoded.data, bundle)
  parts = container.unpack(encoded.data)
  bpp = len(encoded.data) * 8 / pixels
  mse = float(distortion.mse(rgb[None], x_hat[None])[0])
  return {
    "bpp": bpp,
    "bpp_y": len(parts.latent) * 8 / pixels,
    "bpp_z": len(parts.hyper_latent) * 8 / pixels,
    "mse": mse,
    "psnr": float(distortion.psnr(rgb[None], x_hat[None])[0]),
    "ms_ssim": float(distortion.ms_ssim(rgb[None], x_hat[None])[0]),
    "loss": bpp + lmbda * mse,
    "nonzero": float(np.mean(encoded.symbols.y != 0)),
  }


def crops(bundle: Bundle, paths: list[Path]) -> Problem:
  """The centres of some images, as one batch."""
  pictures, starts = [], []
  for path in paths:
    if path.stem in CROPPED:
      rgb = images.read_rgb(path)
      top, left = (rgb.shape[0] - SIDE) // 2, (rgb.shape[1] - SIDE) // 2
      pictures.append(rgb[top : top + SIDE, left : left + SIDE])
      starts.append(codec.analyse(pictures[-1], bundle))
  start = Latents(
    np.concatenate([one.y for one in starts]),
    np.concatenate([one.z for one in starts]),
  )
  return encode.problem(np.stack(pictures), start, bundle, seed=0)


def run(
  optimizer: Optimizer,
  problem: Problem,
  plan: Schedule,
  *,
  number: int,
  steps: int,
) -> dict:
  """Mean objective of the best rounded latents, at a quality by its number."""
  begun = time.perf_counter()
  _, terms = optimizer.run(problem, plan, number=number, steps=steps)
  terms = jax.device_get(terms)
  return {
    "steps": steps,
    "loss": float(terms.loss.mean()),
    "losses": terms.loss.tolist(),
    "bpp_y": float(terms.bpp_y.mean()),
    "bpp_z": float(terms.bpp_z.mean()),
    "mse": float(terms.mse.mean()),
    "seconds": round(time.perf_counter() - begun, 1),
  }


def measure_steps(bundle: Bundle, paths: list[Path]) -> dict:
  """The objective against the number of steps, for two learning rates."""
  optimizer = Optimizer(bundle, dtype=encode.products())
  problem = crops(bundle, paths)
  number = bundle.number(None)
  start = run(optimizer, problem, schedule.PAPER, number=number, steps=0)
  result = {"start": start}
  for name, plan in (("paper", schedule.PAPER), ("default", schedule.DEFAULT)):
    result[name] = []
    for steps in COUNTS:
      row = run(optimizer, problem, plan, number=number, steps=steps)
      result[name].append(row)
      show(f"{name} {steps}", start, result[name][-1])
  draw_steps(result)
  return result


def measure_relaxations(bundle: Bundle, paths: list[Path]) -> dict:
  """The five relaxations from one start, 300 steps each."""
  problem, steps, result = crops(bundle, paths), 300, {}
  for name, (relax, published, tuned) in RELAXATIONS.items():
    optimizer = Optimizer(bundle, relax=relax, dtype=encode.products())
    measured = partial(run, optimizer, problem, number=bundle.number(None))
    if not result:
      result["start"] = measured(published, steps=0)
    result[name] = {
      "published": measured(published, steps=steps),
      "tuned": measured(tuned, steps=steps),
    }
    for kind, row in result[name].items():
      show(f"{name}, {kind}", result["start"], row)
  return result


def measure_windows(bundle: Bundle, paths: list[Path]) -> dict:
  """One image whole and in windows: the loss of real files."""
  lmbda, steps = bundle.lagrange_multiplier(bundle.number(None)), 100
  rgb = images.read_rgb(paths[2])
  height, width = rgb.shape[:2]
  start = codec.analyse(rgb, bundle)

  def loss(latents: Latents) -> float:
    encoded = codec.encode_latents(latents, bundle, height=height, width=width)
    return file_row(rgb, bundle, encoded, lmbda)["loss"]

  result = {"image": paths[2].name, "steps": steps, "rounded": loss(start)}
  for core, margin in ((1024, 192), (128, 192), (128, 64), (128, 0)):
    latents = encode.optimise(
      rgb[None], start, bundle, steps=steps, core=core, margin=margin
    )
    result[f"core {core}, margin {margin}"] = loss(latents)
    print(core, margin, loss(latents), flush=True)
  return result


def measure_cost(bundle: Bundle, paths: list[Path]) -> dict:
  """MACs of a step, and the peak memory of `lic encode` on a large image.

  On a small one it is this process's own, which a child counts as its.
  """
  rgb = images.read_rgb(paths[0])
  problem = encode.problem(
    rgb[None], codec.analyse(rgb, bundle), bundle, seed=0
  )
  one = jax.tree.map(lambda array: array[0], problem)
  weights = frozen_weights(bundle, "float32")
  static = {
    "functions": bundle.decoder.functions,
    "lmbda": bundle.lagrange_multiplier(bundle.number(None)),
  }
  state = jax.eval_shape(partial(begin, **static), weights, one)
  function = partial(step, relax=relaxation.sga, **static)
  counted = count(function, weights, one, state, 0, 0.01, 0.4)
  macs = counted.macs / (rgb.shape[0] * rgb.shape[1])
  result = {"kmac_per_pixel_of_a_step": macs / 1000, "peak_memory_MiB": {}}
  mosaic = np.tile(rgb, (8, 8, 1))[:4000, :6000]
  with tempfile.TemporaryDirectory() as folder:
    images.write_png(Path(folder) / "in.png", mosaic)
    for options in (["--rdoq=0"], [], ["--sga=2"]):
      run_lic = [sys.executable, "-c", PEAK, f"{folder}/in.png"]
      run_lic += [f"{folder}/out.lic", f"--codec={bundle.folder}", *options]
      lines = subprocess.check_output(run_lic, text=True).splitlines()
      label = " ".join(["4000x6000", *options])
      result["peak_memory_MiB"][label] = int(lines[-1]) // 1024
      print(label, lines[-1], flush=True)
  return result


def show(name: str, start: dict, row: dict) -> None:
  gain = 1 - row["loss"] / start["loss"]
  print(f"{name}: {100 * gain:.2f} % in {row['seconds']} s", flush=True)


def draw_steps(result: dict) -> None:
  """Gain against steps."""
  figure, axes = pyplot.subplots(figsize=(6, 4))
  for name, label in (
    ("paper", "learning rate 0.005 (paper)"),
    ("default", "learning rate 0.02 (default)"),
  ):
    gains = [1 - r["loss"] / result["start"]["loss"] for r in result[name]]
    axes.plot(COUNTS, 100 * np.array(gains), "o-", label=label)
  axes.set(xscale="log", xlabel="steps", ylabel="lower R-D loss, %")
  axes.set_ylim(bottom=0)
  axes.legend()
  figure.tight_layout()
  figure.savefig(RESULTS / "steps.png", dpi=110)


def write(name: str, bundle: Bundle, commit: str | None, content: dict) -> None:
  """A result with its provenance."""
  provenance = {
    "codec": bundle.folder.name,
    "fingerprint": bundle.card["fingerprint"],
    "lambda": bundle.lagrange_multiplier(bundle.number(None)),
    "machine": runner.machine(),
    "commit": commit,
    "command": shlex.join(["python", *sys.argv]),
    "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
  }
  text = json.dumps({**provenance, **content}, indent=1)
  (RESULTS / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
  main()
