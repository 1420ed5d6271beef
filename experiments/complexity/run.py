r"""What every system of both papers costs, and what it buys on Kodak.

  python experiments/complexity/run.py

Writes results/complexity.json, and the figures from it. Costs are counted on
the traces of this package's own modules at 512x768 where it has the system;
the authors' figures, and those of LOC-LIC's bars, stand beside them, from
experiments/published. BD figures are computed from the published curves there.
`table.py` prints the README's tables.
"""

import datetime
import json
import runpy
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import figures
import flax.linen as nn
import jax
import jax.numpy as jnp

from lic_jax.evaluation import runner
from lic_jax.evaluation.bd_rate import all_rates, bd_quality, bd_rate
from lic_jax.evaluation.complexity import count
from lic_jax.evaluation.model_report import model_report
from lic_jax.evaluation.rd_curve import RDCurve, from_reference
from lic_jax.models.build import build

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PUBLISHED = HERE.parent / "published"
HEIGHT, WIDTH = 512, 768
SGA_STEPS = 3000  # of Yang and Mandt


def cnn(width: int, latent: int, activation: str = "gdn") -> dict[str, Any]:
  """CNN pair under a factorized prior: four 5x5 layers each way."""
  layers = {"activation": activation, "aligned": "keras"}
  channels = (width, width, width)
  return {
    "name": "factorized_prior",
    "analysis": {
      "name": "conv_gdn.Analysis",
      "channels": (*channels, latent),
      **layers,
    },
    "synthesis": {
      "name": "conv_gdn.Synthesis",
      "channels": (*channels, 3),
      **layers,
    },
    "latent_channels": latent,
    "quantisation": "unoise",
    "dtype": "float32",
  }


def minnen_mean(width: int, latent: int) -> dict[str, Any]:
  """CompressAI's mean-scale hyperprior: a hyper-latent of the inner width."""
  hyper = {"name": "hyper.HyperSynthesis", "channels": latent}
  return {
    **cnn(width, latent),
    "name": "mean_scale_hyperprior",
    "hyper_analysis": {"name": "hyper.HyperAnalysis", "channels": width},
    "hyper_synthesis": {**hyper, "latent_channels": latent},
    "hyper_channels": width,
  }


# Table 1 of Yang and Mandt: the system as printed -> model, curve on Kodak.
TABLE_1 = {
  "He 2022 ELIC": ("elic", "elic"),
  "Minnen 2020 CHARM": (None, "minnen-2020-icip (tfc)"),
  "Wang 2023 EVC": (None, "evc/EncL_DecL"),
  "Minnen 2018 Hyperprior": ("mbt2018", "mbt2018-mean"),
  "Ballé 2017 Factorized Prior": (
    # As the paper counts it; its rates are of a model with GDN.
    cnn(192, 320, "leaky_relu"),
    "factorized",
  ),
  "2-layer syn. + SGA (proposed)": (
    "two_layer",
    "shallow-ntc/2-layer_syn+SGA",
  ),
  "2-layer syn. (proposed)": ("two_layer", "shallow-ntc/2-layer_syn"),
  "JPEG-like syn. (proposed)": ("jpeg_like", "shallow-ntc/JPEG-like_syn"),
}

# LOC-LIC's figures 1, 3 and 4: system -> {size: (model, weight in the mean)},
# curves for PSNR and for MS-SSIM. CompressAI's models have one width at low
# rates and another at high ones; the weights are the numbers of its rates.
RECOMPUTED = "recomputed_hook(conv+linear modules)"
SIZES = ("128/192", "192/320")
LOC_LIC = {
  "LoC-LIC": (
    {"LoC-LIC N=[32,64,128] M=320": ("loc_lic", 1)},
    ("LoC-LIC (figure)", "LoC-LIC (figure)"),
  ),
  "MLIC++": (
    {"MLIC++ 2024 fixed": ("mlicpp", 1)},
    ("MLIC++", "MLIC++ (LoC-LIC figure, MS-SSIM)"),
  ),
  "ELIC": (
    {"ELIC CompressAI official": ("elic", 1)},
    ("elic", "ELIC (LoC-LIC figure)"),
  ),
  "LIC-TCM": ({}, ("LIC-TCM-large", None)),
  "Cheng2020": (
    {
      "Cheng2020-anchor N=128": (None, 3),
      "Cheng2020-anchor N=192": (None, 3),
    },
    ("cheng2020-anchor", "cheng2020-anchor"),
  ),
  "Minnen2018-joint": (
    {
      "Minnen2018-joint 192/192": (None, 4),
      "Minnen2018-joint 192/320": (None, 4),
    },
    ("mbt2018", "mbt2018"),
  ),
  "Minnen2018-mean": (
    {
      "Minnen2018-mean 128/192": (minnen_mean(128, 192), 4),
      "Minnen2018-mean 192/320": (minnen_mean(192, 320), 4),
    },
    ("mbt2018-mean", "mbt2018-mean"),
  ),
  "Balle2018-hyperprior": (
    {
      "Balle2018-hyperprior 128/192": (None, 5),
      "Balle2018-hyperprior 192/320": (None, 3),
    },
    ("hyperprior", "hyperprior"),
  ),
  "Balle2018-factorized": (
    {
      "Balle2018-factorized 128/192": (cnn(128, 192), 5),
      "Balle2018-factorized 192/320": (cnn(192, 320), 3),
    },
    ("factorized", "factorized"),
  ),
}
# Names of the bars of figure 4, where they differ.
BARS = {
  "Minnen2018-joint": "Minnen2018",
  "Minnen2018-mean": "Minnen2018-mean(fig1)",
  "Balle2018-hyperprior": "Balle2018",
  "Balle2018-factorized": "Balle2018-factorized(fig1)",
}
# Models of this package that neither paper has.
OWN = (
  "hierarchical_two_layer",
  "two_layer_v2",
  "loc_lic_small",
  "loc_lic_lite",
  "bls2017",
)


def main() -> None:
  """Counts, compares, writes and draws."""
  points, costs, printed = (
    json.loads((PUBLISHED / f"{name}.json").read_text())
    for name in ("rd_points", "complexity", "printed")
  )
  commit = runner.commit(ROOT)
  result = {
    "machine": runner.machine(),
    "commit": commit,
    "command": shlex.join(["python", *sys.argv]),
    "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    "height": HEIGHT,
    "width": WIDTH,
    "table_1": {
      system: table_1_row(system, points, printed["table_1"])
      for system in TABLE_1
    },
    "sga": sga("two_layer"),
    "loc_lic": {
      system: loc_lic_row(system, points, costs["loc_lic_family"])
      for system in LOC_LIC
    },
    "own": {name: counted(name) for name in OWN},
  }
  (HERE / "results").mkdir(exist_ok=True)
  text = json.dumps(result, indent=1)
  (HERE / "results" / "complexity.json").write_text(text + "\n")
  figures.draw(result, HERE / "results")


def model_of(source: str | Mapping[str, Any]) -> nn.Module:
  """A model from a name in configs/, or from a `model` block."""
  if isinstance(source, str):
    path = ROOT / "configs" / f"{source}.py"
    source = runpy.run_path(str(path))["get_config"]().model.to_dict()
  return build(source)


def counted(source: str | Mapping[str, Any] | None) -> dict | None:
  """kMAC/px of a model's parts in three conventions; None without a model."""
  if source is None:
    return None
  return {
    part.name: {
      "kmac": part.kmac_per_pixel,
      "layers": part.layer_kmac_per_pixel,
      "paper": part.paper_kmac_per_pixel,
      "parameters": part.parameters,
    }
    for part in model_report(model_of(source), HEIGHT, WIDTH)
  }


def table_1_row(
  system: str, points: Mapping[str, Any], printed: Mapping[str, Any]
) -> dict[str, Any]:
  """One system of Table 1: counted, as printed, and its BD-rates."""
  source, name = TABLE_1[system]
  rates = all_rates(kodak(points, name), anchor=kodak(points, "bpg_444"))
  return {
    "config": source if isinstance(source, str) else None,
    "counted": counted(source),
    "printed": printed[system],
    "curve": name,
    "anchor": "bpg_444",
    "bd_rate": {
      rate.method: {"saving": rate.saving, "low": rate.low, "high": rate.high}
      for rate in rates
    },
  }


def loc_lic_row(
  system: str, points: Mapping[str, Any], family: Mapping[str, Any]
) -> dict[str, Any]:
  """One system of LOC-LIC's figures: bars, counts, and gains over Cheng."""
  sizes, (psnr_curve, ssim_curve) = LOC_LIC[system]
  weights = [weight for _, weight in sizes.values()]
  costs = family["complexity_kmac_per_px"]

  def mean(values: list[float]) -> float | None:
    if not values or None in values:
      return None
    return sum(w * v for w, v in zip(weights, values)) / sum(weights)

  counts = [counted(source) for source, _ in sizes.values()]
  totals = {
    kind: mean([one and one[part][column] for one in counts])
    for kind, part, column in (
      ("counted_layers", "total", "layers"),
      ("counted", "total", "kmac"),
      ("counted_decode", "decode", "kmac"),
      ("counted_parameters", "total", "parameters"),
    )
  }
  anchor = kodak(points, "cheng2020-anchor")
  psnr = kodak(points, psnr_curve)
  rate = bd_rate(psnr, anchor=anchor)
  bd = {"rate": rate.change, "low": rate.low, "high": rate.high}
  bd["psnr"] = bd_quality(psnr, anchor=anchor)
  if ssim_curve and kodak(points, ssim_curve).ms_ssim:
    bd["ms_ssim"] = bd_quality(
      kodak(points, ssim_curve), anchor=anchor, metric="raw_ms_ssim"
    )
  paper = {"text": costs["paper_text"].get(system)}
  paper["bar"] = costs["paper_fig4_digitised"].get(BARS.get(system, system))
  for key, figure in (("bd_psnr", "psnr_dB"), ("bd_ms_ssim", "msssim")):
    (name,) = (k for k in family if k.startswith(f"bd_{figure}_"))
    # Cheng 2020 is the zero of both figures.
    paper[key] = 0.0 if system == "Cheng2020" else family[name].get(system)
  return {
    "paper": paper,
    "recomputed_layers": mean([costs[RECOMPUTED][size] for size in sizes]),
    **totals,
    "anchor": "cheng2020-anchor",
    "curves": [psnr_curve, ssim_curve],
    "bd": bd,
  }


def sga(name: str) -> dict[str, float]:
  """Cost of iterative encoding: value and gradient of what decoding runs."""
  model = model_of(name)
  y, z = (
    jax.ShapeDtypeStruct((1, HEIGHT // s, WIDTH // s, channels), jnp.float32)
    for s, channels in (
      (16, model.hyper_synthesis.latent_channels),
      (64, model.prior.channels),
    )
  )
  boxes = ((model.synthesis, y), (model.hyper_synthesis, z))
  params = [
    jax.eval_shape(lambda u, box=box: box.init(jax.random.key(0), u), shape)
    for box, shape in boxes
  ]

  def decoded(latents: tuple, params: list) -> jax.Array:
    return sum(
      jnp.sum(box.apply(p, u) ** 2)
      for (box, _), p, u in zip(boxes, params, latents)
    )

  macs = count(jax.value_and_grad(decoded), (y, z), params).macs
  step = macs / (HEIGHT * WIDTH) / 1000
  return {"steps": SGA_STEPS, "kmac_of_a_step": step, "kmac": SGA_STEPS * step}


def kodak(points: Mapping[str, Any], name: str) -> RDCurve:
  return from_reference(points, dataset="kodak", name=name)


if __name__ == "__main__":
  main()
