"""Sheets of basis images, and how energy is spread over channels."""

import json
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
matplotlib.rcParams["svg.hashsalt"] = "lic_jax"
matplotlib.rcParams["svg.fonttype"] = "none"
from matplotlib import pyplot  # noqa: E402

ROWS, COLUMNS = 5, 10
TILES = ROWS * COLUMNS
SHOWN = 48  # pixels of the canvas, in its middle
GAP = 2


def sheet(
  painted: np.ndarray, path: Path, order: str = "by falling energy"
) -> None:
  """The first images, each scaled to its own largest value; grey is zero."""
  side = SHOWN + GAP
  page = np.ones((ROWS * side, COLUMNS * side, 3))
  margin = (painted.shape[1] - SHOWN) // 2
  for i, image in enumerate(painted[:TILES]):
    image = image[margin : margin + SHOWN, margin : margin + SHOWN]
    top, left = side * (i // COLUMNS), side * (i % COLUMNS)
    scaled = 0.5 + 0.5 * image / max(np.abs(image).max(), 1e-12)
    page[top : top + SHOWN, left : left + SHOWN] = scaled
  figure, axes = pyplot.subplots(figsize=(10, 5))
  axes.imshow(page[:-GAP, :-GAP], interpolation="nearest")
  axes.set_axis_off()
  axes.set_title(f"{path.name}: {order}, {SHOWN} x {SHOWN} pixels each")
  save(figure, path)


def spectra(folder: Path) -> None:
  """Energy by channel of all results in a folder."""
  figure, axes = pyplot.subplots(figsize=(7, 4))
  for path in sorted(folder.glob("*.json")):
    energy = json.loads(path.read_text())["channels"]["energy"]
    # Of a channel that paints nothing there is no logarithm.
    shown = [value / sum(energy) if value > 0 else np.nan for value in energy]
    axes.semilogy(range(1, len(shown) + 1), shown, label=path.stem)
  axes.set(xlabel="channel, by falling energy", ylabel="share of the energy")
  axes.legend()
  save(figure, folder / "spectra")


def save(figure: pyplot.Figure, path: Path) -> None:
  """As PNG and as SVG."""
  figure.tight_layout()
  figure.savefig(path.with_suffix(".png"), dpi=100)
  figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
  pyplot.close(figure)
