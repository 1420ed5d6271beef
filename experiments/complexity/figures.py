"""The papers' figures of rate-distortion against complexity, from a result."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams["svg.hashsalt"] = "lic_jax"
matplotlib.rcParams["svg.fonttype"] = "none"
from matplotlib import pyplot  # noqa: E402

BLUE, GREY = "tab:blue", "0.55"
# Labels that would lie on another: offset in points, and alignment.
ELSEWHERE = {
  "Wang 2023 EVC": ((-12, -12), "right"),
  "LoC-LIC": ((0, 8), "center"),
}


def draw(result: Mapping[str, Any], folder: Path) -> None:
  """Writes every figure as PNG and SVG."""
  drawings = {
    "figure_1": figure_1(result["table_1"]),
    "loc_lic_1": against(
      result["loc_lic"], "psnr", "BD-PSNR over Cheng 2020, dB"
    ),
    "loc_lic_3": against(
      result["loc_lic"], "ms_ssim", "BD-MS-SSIM over Cheng 2020"
    ),
    "loc_lic_4": bars(result["loc_lic"]),
  }
  for name, figure in drawings.items():
    figure.tight_layout()
    figure.savefig(folder / f"{name}.png", dpi=110)
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    pyplot.close(figure)


def figure_1(table: Mapping[str, Any]) -> pyplot.Figure:
  """Yang and Mandt's figure 1: saving against the cost of decoding."""
  figure, axes = pyplot.subplots(figsize=(7.5, 5))
  for system, row in table.items():
    printed = row["printed"]
    saving = row["bd_rate"]["table1"]["saving"]
    axes.plot(printed["decode"], printed["saving"], "x", color=GREY, ms=7)
    x = printed["decode"]
    if row["counted"]:
      x = row["counted"]["decode"]["paper"]
    area = 120 * printed["synthesis_parameters"]  # of a circle, points^2
    face = BLUE if row["counted"] else "none"
    axes.scatter(x, saving, area, edgecolors=BLUE, facecolors=face, alpha=0.6)
    label(axes, system, (x, saving), (9, -12))
  axes.axhline(0, color="k", lw=0.8, ls=":")
  axes.set(
    xscale="log",
    xlim=(10, 1500),
    ylim=(-40, 35),
    xlabel="decoding, kMAC/px (Yang and Mandt's convention)",
    ylabel="BD-rate saving against BPG 4:4:4, %, Kodak",
    title="filled: counted here; ring: published; cross: as printed",
  )
  return figure


def against(
  systems: Mapping[str, Any], metric: str, ordinate: str
) -> pyplot.Figure:
  """LOC-LIC's figures 1 and 3: its points, and arrows to the true ones."""
  figure, axes = pyplot.subplots(figsize=(7.5, 5))
  for system, row in systems.items():
    bar, y = row["paper"]["bar"], row["paper"][f"bd_{metric}"]
    true = row["recomputed_layers"]
    gain = row["bd"].get(metric)
    if y is not None:
      axes.plot(bar, y, "x", color=GREY, ms=7)
    if gain is None or true is None:
      continue
    face = BLUE if row["counted"] else "none"
    axes.plot(true, gain, "o", color=BLUE, mfc=face, ms=8)
    label(axes, system, (true, gain), (8, -4))
    if y is not None:
      arrow = {"arrowstyle": "->", "color": GREY, "lw": 0.8}
      axes.annotate("", (true, gain), (bar, y), arrowprops=arrow)
  axes.axhline(0, color="k", lw=0.8, ls=":")
  axes.set(
    xscale="log",
    xlim=(80, 2000),
    xlabel="forward pass, kMAC/px in convolutions and linear layers",
    ylabel=ordinate,
    title="cross: LOC-LIC's figure; dot: true cost, published curves",
  )
  return figure


def label(
  axes: pyplot.Axes,
  system: str,
  point: tuple[float, float],
  offset: tuple[float, float],
) -> None:
  """A system's name beside its point."""
  offset, side = ELSEWHERE.get(system, (offset, "left"))
  axes.annotate(
    system.removesuffix(" (proposed)"),
    point,
    offset,
    textcoords="offset points",
    ha=side,
    fontsize=8,
  )


def bars(systems: Mapping[str, Any]) -> pyplot.Figure:
  """LOC-LIC's figure 4, with what the bars should be."""
  rows = {k: v for k, v in systems.items() if v["paper"]["bar"]}
  names = sorted(rows, key=lambda name: -rows[name]["paper"]["bar"])
  figure, axes = pyplot.subplots(figsize=(7.5, 5))
  kinds = (
    ("LOC-LIC's bar", "0.8", lambda row: row["paper"]["bar"]),
    ("true, in layers", BLUE, lambda row: row["recomputed_layers"]),
    ("counted here, all products", "tab:orange", lambda row: row["counted"]),
    ("of it to decode", "tab:red", lambda row: row["counted_decode"]),
  )
  height = 0.2
  for i, (label, colour, value) in enumerate(kinds):
    places = [j + (i - 1.5) * height for j in range(len(names))]
    values = [value(rows[name]) or 0 for name in names]
    drawn = axes.barh(places, values, height, color=colour, label=label)
    texts = [f"{v:.0f}" if v else "" for v in values]
    axes.bar_label(drawn, texts, fontsize=7, padding=2)
  axes.set_yticks(range(len(names)), names)
  axes.invert_yaxis()
  axes.set_xlabel("kMAC/px")
  axes.legend(loc="lower right")
  return figure
