"""Figure 5 (a, b) of Yang and Mandt and of LOC-LIC, with what was measured."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams["svg.hashsalt"] = "lic_jax"
matplotlib.rcParams["svg.fonttype"] = "none"
from matplotlib import pyplot  # noqa: E402

YANG_MANDT = {
  "elic": "ELIC",
  "minnen-2020-icip (tfc)": "CHARM",
  "evc/EncL_DecL": "EVC",
  "mbt2018-mean": "mean-scale hyperprior",
  "factorized": "factorized prior",
  "shallow-ntc/2-layer_syn+SGA": "two-layer + SGA",
  "shallow-ntc/2-layer_syn": "two-layer",
  "shallow-ntc/JPEG-like_syn": "JPEG-like",
  "bpg_444": "BPG 4:4:4",
  "vtm": "VTM",
}
# Published by their authors, then as LOC-LIC's figure has them.
LOC_LIC = {
  "MLIC++": "MLIC++",
  "elic": "ELIC",
  "LIC-TCM-large": "LIC-TCM",
  "cheng2020-anchor": "Cheng 2020",
  "mbt2018-mean": "mean-scale hyperprior",
  "factorized": "factorized prior",
  "bpg_444": "BPG 4:4:4",
}
LOC_LIC_DRAWN = {
  "LoC-LIC (figure)": "LoC-LIC",
  "MLIC++ (LoC-LIC figure, PSNR)": "MLIC++",
  "MLIC++ (LoC-LIC figure, MS-SSIM)": "MLIC++",
  "ELIC (LoC-LIC figure)": "ELIC",
  "Minnen2018-mean (LoC-LIC figure)": "mean-scale hyperprior",
  "Balle2018-factorized (LoC-LIC figure)": "factorized prior",
}
# One colour per system in all figures; none is told by colour alone.
COLOURS = {
  "ELIC": "C0",
  "CHARM": "C9",
  "EVC": "C4",
  "mean-scale hyperprior": "C2",
  "factorized prior": "C5",
  "two-layer + SGA": "C1",
  "two-layer": "#e8a33d",
  "JPEG-like": "#b8860b",
  "BPG 4:4:4": "0.35",
  "VTM": "0.6",
  "MLIC++": "C4",
  "LIC-TCM": "C9",
  "Cheng 2020": "C8",
  "LoC-LIC": "C3",
}
OURS = ("k", "C3")  # by one pass, and by iterative encoding
CLASSICAL = {
  "JPEG": "s",
  "WebP": "D",
  "JPEG 2000": "v",
  "AVIF": "^",
  "JPEG XL": "+",
  "HEIC": "x",
}
ORDINATES = {
  "psnr": "PSNR, dB",
  "ms_ssim_db": "MS-SSIM, dB (-10 log10(1 - MS-SSIM))",
  "ms_ssim": "MS-SSIM",
}
Curves = Mapping[str, Mapping[str, Any]]
Range = tuple[float, float]


def draw(curves: Curves, folder: Path) -> None:
  """Writes every figure as PNG and SVG."""
  systems = ((YANG_MANDT, {}), (LOC_LIC, LOC_LIC_DRAWN))
  drawings = {
    "yang_mandt_5a": (*systems[0], "psnr", (0, 1.6), (25, 42)),
    "yang_mandt_5b": (*systems[0], "ms_ssim_db", (0, 1.6), (8, 22)),
    "loc_lic_5a": (*systems[1], "psnr", (0, 1.0), (26, 38)),
    "loc_lic_5b": (*systems[1], "ms_ssim", (0, 1.0), (0.88, 0.995)),
  }
  for name, arguments in drawings.items():
    figure = against(curves, *arguments)
    figure.savefig(folder / f"{name}.png", dpi=110)
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    pyplot.close(figure)


def against(
  curves: Curves,
  published: Mapping[str, str],
  traced: Mapping[str, str],
  metric: str,
  rates: Range,
  qualities: Range,
) -> pyplot.Figure:
  """Quality over rate.

  Args:
    curves: of the result, by name.
    published: name -> label of what is drawn with a line.
    traced: the same of what was read off a figure, with rings.
    metric: of `ORDINATES`.
    rates: shown, bits per pixel.
    qualities: shown.
  """
  figure, axes = pyplot.subplots(figsize=(9, 6), layout="constrained")
  for name, label in published.items():
    line(axes, curves[name], metric, label, "-", COLOURS[label])
  for name, label in traced.items():
    text = f"{label}, LOC-LIC's figure"
    line(axes, curves[name], metric, text, "o:", COLOURS[label], mfc="none")
  for name, marker in CLASSICAL.items():
    if name in curves:
      style = {"ms": 5, "lw": 0.9, "zorder": 1.5}
      text = f"{name}, measured"
      line(axes, curves[name], metric, text, f"{marker}--", "0.5", **style)
  own = [name for name, curve in curves.items() if curve["kind"] == "ours"]
  for name, colour in zip(own, cycled(OURS, len(own))):
    style = {"lw": 2.5, "ms": 10, "zorder": 3}
    line(axes, curves[name], metric, f"{name}, ours", "*-", colour, **style)
  axes.set(xlim=rates, ylim=qualities)
  axes.set(xlabel="bits per pixel", ylabel=f"{ORDINATES[metric]}, Kodak")
  axes.grid(alpha=0.3)
  figure.legend(loc="outside right upper", fontsize=8)
  return figure


def line(
  axes: pyplot.Axes,
  curve: Mapping[str, Any],
  metric: str,
  label: str,
  form: str,
  colour: str,
  **style: Any,
) -> None:
  """One curve, where it has the metric."""
  if curve[metric] is not None:
    axes.plot(
      curve["bpp"], curve[metric], form, color=colour, label=label, **style
    )


def cycled(colours: Sequence[str], count: int) -> list[str]:
  """As many colours as there are curves."""
  return [colours[i % len(colours)] for i in range(count)]
