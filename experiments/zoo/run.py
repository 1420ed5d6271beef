r"""What a shipped codec is worth: BD-rates, a figure, its training, its card.

  python experiments/zoo/run.py --codec=BUNDLE [--workdir=RUN]

Reads what `lic_jax.evaluate` wrote to results/kodak.json and, if it is there,
results/kodak_sga.json, the classical codecs on the same images in
experiments/first_light and BPG's published points. Writes results/bd_rate.json,
a figure, and into the bundle's card the results, the data with their licences,
and what it is not good for; of a training's work directory training.json and
its figure, which stay as they are without one.
"""

import argparse
import datetime
import json
import shlex
import sys
from pathlib import Path

import matplotlib
import numpy as np

from lic_jax.codec import storage
from lic_jax.codec.bundle import CARD
from lic_jax.evaluation import bd_rate, rd_curve, runner
from lic_jax.evaluation.rd_curve import RDCurve
from lic_jax.types import LicError

matplotlib.use("Agg")
from matplotlib import pyplot

HERE = Path(__file__).parent
EXPERIMENTS = HERE.parent
RESULTS = HERE / "results"
MEASURED = ("jpeg", "webp", "jpeg2000", "avif")
COLOURS = ("#0072b2", "#d55e00")  # ours: one pass, and iterative
HARDWARE = "one NVIDIA H100"
LIMITS = (
  "Trained for minutes, where the papers train for days.",
  "Trained on photographs; drawings, text and flat colours take more bits than "
  "PNG or WebP.",
  "Objective: mean squared error of RGB; not tuned for looks.",
)


def main() -> None:
  """Runs all of it."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--codec", required=True, type=Path)
  parser.add_argument("--workdir", type=Path)
  args = parser.parse_args()
  reports = {"lic": read(RESULTS / "kodak.json")}
  if (RESULTS / "kodak_sga.json").exists():
    reports["lic, SGA"] = read(RESULTS / "kodak_sga.json")
  ours = {
    name: rd_curve.from_evaluation(report | {"codec": name})
    for name, report in reports.items()
  }
  rivals = classical_curves()
  differences = compare(ours, rivals)
  write("bd_rate.json", {"differences": differences})
  draw_curves(ours, rivals)
  if args.workdir:
    training = read_training(args.workdir)
    write("training.json", training)
    draw_training(training)
  fill_card(args.codec, reports, differences)


def read(path: Path) -> dict:
  return json.loads(path.read_text())


def classical_curves() -> dict[str, RDCurve]:
  """Measured on these images, and BPG as CompressAI published it."""
  measured = read(EXPERIMENTS / "first_light" / "results" / "classical.json")
  curves = {
    name: rd_curve.curve(
      name,
      bpp=measured["curves"][name]["bpp"],
      psnr=measured["curves"][name]["psnr"],
    )
    for name in MEASURED
  }
  published = read(EXPERIMENTS / "published" / "rd_points.json")
  bpg = rd_curve.from_reference(published, dataset="kodak", name="bpg_444")
  return {**curves, "bpg_444": bpg}


def compare(ours: dict[str, RDCurve], rivals: dict[str, RDCurve]) -> list[dict]:
  """BD-rates, by every recipe that applies."""
  rows = []
  for curve in ours.values():
    for anchor in rivals.values():
      for method in bd_rate.METHODS:
        try:
          found = bd_rate.bd_rate(curve, anchor=anchor, method=method)
        except LicError as error:
          print(f"{curve.name} against {anchor.name}, {method}: {error}")
          continue
        print(found)
        rows.append(
          {
            "curve": found.curve,
            "anchor": found.anchor,
            "method": method,
            "rate_change_percent": round(found.change, 2),
            "psnr_range": [round(found.low, 2), round(found.high, 2)],
          }
        )
  return rows


def draw_curves(ours: dict[str, RDCurve], rivals: dict[str, RDCurve]) -> None:
  """PSNR against rate."""
  figure, axes = pyplot.subplots(figsize=(7, 4.5))
  for curve in rivals.values():
    axes.plot(curve.bpp, curve.psnr, ".-", lw=1, label=curve.name)
  for colour, curve in zip(COLOURS, ours.values()):
    axes.plot(curve.bpp, curve.psnr, "o-", color=colour, label=curve.name)
  axes.set(
    xlabel="bits per pixel, mean of 24 Kodak images",
    ylabel="PSNR, dB",
    xlim=(0, 2.2),
    ylim=(24, 40),
  )
  axes.grid(alpha=0.3)
  axes.legend()
  _save(figure, "kodak")


def read_training(workdir: Path) -> dict:
  """Held-out loss at the middle quality, against time."""
  records = [
    json.loads(line)
    for line in (workdir / "scalars.jsonl").read_text().splitlines()
  ]
  logged = [r for r in records if r["kind"] == "train"]
  steps = [r["step"] for r in logged]
  minutes = [r["seconds"] / 60 for r in logged]
  return {
    "config": read(workdir / "config.json"),
    "validation": [
      {
        "step": r["step"],
        "minutes": round(float(np.interp(r["step"], steps, minutes)), 2),
        **{k: round(r[k], 4) for k in ("loss", "estimated_bpp", "psnr")},
      }
      for r in records
      if r["kind"] == "validation"
    ],
  }


def draw_training(training: dict) -> None:
  """Held-out loss against minutes."""
  rows = training["validation"]
  figure, axes = pyplot.subplots(figsize=(7, 3.5))
  axes.plot(
    [r["minutes"] for r in rows],
    [r["loss"] for r in rows],
    "o-",
    color=COLOURS[0],
  )
  axes.set(
    xlabel=f"minutes on {HARDWARE}",
    ylabel="bpp + 0.01 MSE, held out",
  )
  axes.grid(alpha=0.3)
  _save(figure, "training")


def fill_card(
  codec: Path, reports: dict[str, dict], differences: list[dict]
) -> None:
  """Adds to the model card what only measuring tells."""
  card = read(codec / CARD)
  card["results"] = [
    {
      "dataset": "kodak",
      "rdoq_sweeps": report["rdoq_sweeps"],
      "sga_steps": report["sga_steps"],
      "points": report["points"],
    }
    for report in reports.values()
  ]
  card["bd_rate"] = [d for d in differences if d["method"] == "pchip"]
  card["training"]["hardware"] = HARDWARE
  card["training"]["data"] = read(HERE / "data.json")
  card["limits"] = LIMITS
  text = json.dumps(card, indent=2) + "\n"
  storage.write_bytes(codec / CARD, text.encode())


def write(name: str, content: dict) -> None:
  """A result with its provenance."""
  provenance = {
    "machine": runner.machine(),
    "commit": runner.commit(HERE),
    "command": shlex.join(["python", *sys.argv]),
    "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
  }
  text = json.dumps({**provenance, **content}, indent=1)
  (RESULTS / name).write_text(text + "\n")


def _save(figure: pyplot.Figure, name: str) -> None:
  figure.tight_layout()
  for suffix in ("png", "svg"):
    figure.savefig(RESULTS / f"{name}.{suffix}", dpi=110)


if __name__ == "__main__":
  main()
