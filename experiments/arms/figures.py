"""What figures of several arms have in common."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")
matplotlib.rcParams["svg.hashsalt"] = "lic_jax"
matplotlib.rcParams["svg.fonttype"] = "none"
from matplotlib import pyplot  # noqa: E402

BLUE, RED = "#0072b2", "#d55e00"


def figure(width: float, height: float, panels: int = 1) -> tuple:
  """A figure and its panels, side by side."""
  return pyplot.subplots(1, panels, figsize=(width, height))


def seeds_of(arm: Mapping[str, Any], key: str) -> list[float]:
  """A mean over Kodak after training, of each seed."""
  return [run[key] for run in arm["runs"].values()]


def changes(result: Mapping[str, Any], axes: Any) -> None:
  """Every arm's change of rate: a dot per seed, a line through their range."""
  arms = result["arms"]
  for i, arm in enumerate(arms.values()):
    values = list(arm["rate_change_percent"]["seeds"].values())
    axes.plot([min(values), max(values)], [i, i], color=BLUE, lw=2)
    axes.plot(values, [i] * len(values), "o", color=BLUE, ms=4)
    axes.plot(np.mean(values), i, "|", color=RED, ms=14, mew=2)
  axes.axvline(0, color="k", lw=0.8, ls=":")
  axes.set_yticks(range(len(arms)), arms)
  axes.invert_yaxis()
  axes.set_xlabel(
    f"rate at equal MSE against {next(iter(arms))}, %\nred: mean of the seeds"
  )
  axes.grid(axis="x", alpha=0.3)


def save(drawn: pyplot.Figure, path: Path) -> None:
  """As PNG and as SVG."""
  drawn.tight_layout()
  drawn.savefig(path.with_suffix(".png"), dpi=110)
  drawn.savefig(path.with_suffix(".svg"), metadata={"Date": None})
  pyplot.close(drawn)
