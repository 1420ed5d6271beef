r"""Measures the first trained default codec: files, curve, rivals, picture.

  python experiments/first_light/run.py --workdir=RUN --codec=BUNDLE \
    --images=KODAK [--published=rd_points.json]

Writes results/kodak.json (every file, by lic_jax.evaluate), results/
classical.json (JPEG, WebP, AVIF and JPEG 2000 on the same images, and the
bits each needs for our PSNR), results/training.json (loss against time), and
the curve as a picture.
"""

import argparse
import datetime
import json
import shlex
import sys
from pathlib import Path

import matplotlib
import numpy as np
from scipy.interpolate import PchipInterpolator

from lic_jax import evaluate
from lic_jax.data import images
from lic_jax.evaluation import classical, runner

matplotlib.use("Agg")
from matplotlib import pyplot

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).parent / "results"
QUALITIES = {
  "jpeg": (10, 20, 30, 40, 50, 60, 70, 80, 85, 90, 95),
  "webp": (0, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95),
  "avif": (10, 20, 30, 40, 50, 60, 70, 80),
  "jpeg2000": (24, 26, 28, 30, 32, 34, 36, 38, 40),
}


def main() -> None:
  """Runs all of it."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  for name in ("--workdir", "--codec", "--images"):
    parser.add_argument(name, required=True, type=Path)
  parser.add_argument("--published", type=Path, help="published R-D points")
  args = parser.parse_args()
  RESULTS.mkdir(exist_ok=True)
  status = evaluate.main(
    [
      f"--codec={args.codec}",
      f"--images={args.images}",
      f"--output={(RESULTS / 'kodak.json').relative_to(Path.cwd())}",
    ]
  )
  if status:
    sys.exit(status)
  report = json.loads((RESULTS / "kodak.json").read_text())
  point = report["points"][0]
  rivals = measure_classical(args.images)
  if args.published:
    bpg = json.loads(args.published.read_text())["kodak"]["bpg_444"]
    rivals["bpg (published)"] = bpg
  write(
    "classical.json",
    {
      "curves": rivals,
      "ours": point,
      "bits_for_our_psnr": {
        name: bits_at(curve, point["psnr"]) for name, curve in rivals.items()
      },
    },
  )
  training = read_training(args.workdir)
  write("training.json", training)
  draw_training(training)
  draw_curves(point, rivals)


def measure_classical(folder: Path) -> dict[str, dict]:
  """Mean bpp and PSNR over the images, per codec and quality."""
  pictures = [images.read_rgb(path) for path in runner.find_images(folder)]
  curves = {}
  for codec in classical.available():
    points = classical.points(pictures, codec, QUALITIES[codec])
    curve = {"quality": [], "bpp": [], "psnr": []}
    for quality in QUALITIES[codec]:
      chosen = [point for point in points if point.quality == quality]
      curve["quality"].append(quality)
      curve["bpp"].append(float(np.mean([point.bpp for point in chosen])))
      curve["psnr"].append(float(np.mean([point.psnr for point in chosen])))
    curves[codec] = curve
    print(codec, curve["bpp"], curve["psnr"])
  return curves


def bits_at(curve: dict, psnr: float) -> float | None:
  """Bits per pixel of a curve at a PSNR; None outside its range."""
  quality, order = np.unique(curve["psnr"], return_index=True)
  if not quality[0] <= psnr <= quality[-1]:
    return None
  log_rate = PchipInterpolator(quality, np.log(curve["bpp"])[order])
  return float(np.exp(log_rate(psnr)))


def read_training(workdir: Path) -> dict:
  """Loss against time: the logged steps and all validations."""
  lines = (workdir / "scalars.jsonl").read_text().splitlines()
  records = [json.loads(line) for line in lines]
  kinds = {
    kind: [r for r in records if r["kind"] == kind]
    for kind in ("train", "validation")
  }
  minutes = {r["step"]: r["seconds"] / 60 for r in kinds["train"]}
  return {
    "config": json.loads((workdir / "config.json").read_text()),
    "steps": records[-1]["step"],
    "minutes": max(minutes.values()),
    "train": [
      {
        "minutes": round(r["seconds"] / 60, 2),
        **{k: round(r[k], 4) for k in ("loss", "bpp_y", "bpp_z", "mse")},
        "step": r["step"],
      }
      for r in kinds["train"]
    ],
    "validation": [
      {
        "minutes": round(minutes[r["step"]], 2),
        **{k: round(r[k], 4) for k in ("loss", "estimated_bpp", "psnr")},
        "step": r["step"],
      }
      for r in kinds["validation"]
    ],
  }


def draw_training(training: dict) -> None:
  """Loss against minutes."""
  figure, axes = pyplot.subplots(figsize=(7, 4))
  for kind, style in (("train", "."), ("validation", "o-")):
    rows = training[kind]
    axes.plot(
      [row["minutes"] for row in rows],
      [row["loss"] for row in rows],
      style,
      label={"train": "one batch, noise", "validation": "held out, rounded"}[
        kind
      ],
    )
  axes.set(xlabel="minutes", ylabel="bpp + 0.01 MSE", yscale="log")
  axes.legend()
  figure.tight_layout()
  figure.savefig(RESULTS / "training.png", dpi=110)


def draw_curves(point: dict, rivals: dict) -> None:
  """Our point among the classical curves."""
  figure, axes = pyplot.subplots(figsize=(7, 4.5))
  for name, curve in rivals.items():
    axes.plot(curve["bpp"], curve["psnr"], ".-", label=name)
  axes.plot(point["bpp"], point["psnr"], "k*", ms=12, label="lic, first light")
  axes.set(
    xlabel="bits per pixel", ylabel="PSNR, dB", xlim=(0, 2), ylim=(24, 40)
  )
  axes.legend()
  figure.tight_layout()
  figure.savefig(RESULTS / "kodak.png", dpi=110)


def write(name: str, content: dict) -> None:
  """A result with its provenance."""
  provenance = {
    "machine": runner.machine(),
    "commit": runner.commit(ROOT),
    "command": shlex.join(["python", *sys.argv]),
    "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
  }
  text = json.dumps({**provenance, **content}, indent=1)
  (RESULTS / name).write_text(text + "\n")


if __name__ == "__main__":
  main()
