"""Figures 2, 3 and 4 of Yang and Mandt (2023) from the results of run.py."""

import json
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")
matplotlib.rcParams["svg.hashsalt"] = "lic_jax"
matplotlib.rcParams["svg.fonttype"] = "none"
from matplotlib import pyplot  # noqa: E402

FRAMES = (0, 2, 4, 6, 8, 10)  # of the path, in the filmstrip


def draw(folder: Path) -> None:
  """Figures 2 and 4 of all results in a folder."""
  results = [
    json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))
  ]
  save(figure_2(results), folder / "figure_2")
  save(figure_4(results), folder / "figure_4")


def figure_2(results: list[dict[str, Any]]) -> pyplot.Figure:
  """Each codec's curve of one pair, in the plane of itself and its chord."""
  figure, axes = pyplot.subplots(figsize=(7, 3.5))
  for result in results:
    row = result["pairs"][min(3, len(result["pairs"]) - 1)]
    axes.plot(row["along"], row["aside"], ".-", label=result["name"], lw=1)
  axes.set(
    xlabel="along the straight line between the ends",
    ylabel="distance from it",
    title="one pair; both in units of the distance of the ends",
    xlim=(0, 1),
  )
  axes.set_ylim(bottom=0)
  axes.legend(fontsize=8)
  return figure


def figure_4(results: list[dict[str, Any]]) -> pyplot.Figure:
  """a: errors along the path, means of the pairs; b: lengths, pair by pair."""
  figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4.2))
  for i, result in enumerate(results):
    colour, pairs = f"C{i}", result["pairs"]
    for key, style in (("straight", "-"), ("mixup", "--")):
      mean = np.mean([row[key] for row in pairs], axis=0)
      mean[mean == 0] = np.nan  # the ends of "straight"
      left.semilogy(result["times"], mean, style, color=colour)
    lengths, distances = (
      [row[key] for row in pairs] for key in ("length", "distance")
    )
    right.plot(distances, lengths, ".", color=colour, label=result["name"])
  ends = right.get_xlim()
  right.plot(ends, ends, "k:", lw=0.8)
  left.set(
    xlabel="t",
    ylabel="MSE, pixels in [-0.5, 0.5]",
    title="solid: to the straight line; dashed: to the mixture",
  )
  right.set(
    xlabel="distance of the ends",
    ylabel="length of the decoded curve",
    title="dotted: straight",
  )
  right.legend(fontsize=8)
  return figure


def filmstrip(curve: np.ndarray, path: Path) -> None:
  """Figure 3: the decoded curve above the straight line."""
  line = [
    (1 - t) * curve[0] + t * curve[-1] for t in np.linspace(0, 1, len(curve))
  ]
  figure, rows = pyplot.subplots(2, len(FRAMES), figsize=(9, 3.2))
  for axes, images in zip(rows, (curve, line)):
    for cell, frame in zip(axes, FRAMES):
      cell.imshow(np.clip(images[frame] + 0.5, 0, 1))
      cell.set(xticks=[], yticks=[])
  rows[0][0].set_ylabel("decoded", fontsize=9)
  rows[1][0].set_ylabel("straight", fontsize=9)
  for cell, frame in zip(rows[1], FRAMES):
    cell.set_xlabel(f"t = {frame / (len(curve) - 1):g}", fontsize=9)
  save(figure, path)


def save(figure: pyplot.Figure, path: Path) -> None:
  """As PNG and as SVG."""
  figure.tight_layout()
  figure.savefig(path.with_suffix(".png"), dpi=110)
  figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
  pyplot.close(figure)
