r"""Copies the published figures that plots here use out of a larger collection.

  python experiments/published/run.py --reference=../shared/reference

Writes rd_points.json and complexity.json beside this file, value by value as
they stand in the collection, so that every figure can be drawn without it. The
collection is developers' own; a user needs the two files only.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SHALLOW = ("JPEG-like_syn", "2-layer_syn", "2-layer_syn+SGA")
# Curves by data set.
CURVES = {
  "kodak": (
    "bpg_444",
    "jpeg",
    "jpeg2000",
    "webp",
    "av1",
    "vtm",
    "factorized",
    "hyperprior",
    "mbt2018-mean",
    "mbt2018",
    "cheng2020-anchor",
    "cheng2020-attn",
    "elic",
    "charm_paper",
    "mbt2018-mean_paper",
    "minnen-2020-icip (tfc)",
    "bpg444 (tfc)",
    *(f"shallow-ntc/{name}" for name in SHALLOW),
    "evc/EncL_DecL",
    "evc/EncM_DecM",
    "evc/EncS_DecS",
    "NeurIPS2020 mbt2018",
    "NeurIPS2020 sga",
    "NeurIPS2020 bb_sga",
    "MLIC++",
    "LIC-TCM-large",
    "LoC-LIC (figure)",
    "MLIC++ (LoC-LIC figure, PSNR)",
    "MLIC++ (LoC-LIC figure, MS-SSIM)",
    "ELIC (LoC-LIC figure)",
    "Balle2018-factorized (LoC-LIC figure)",
    "Minnen2018-mean (LoC-LIC figure)",
    "Minnen2018-joint (LoC-LIC figure)",
  ),
  "tecnick": (
    *(f"shallow-ntc/{name}" for name in SHALLOW),
    "bpg444 (tfc)",
    "minnen-2018-neurips-no-context (tfc)",
    "minnen-2020-icip (tfc)",
    "MLIC++",
    "LIC-TCM-large",
  ),
  "clic2020-professional-valid": (
    *(f"shallow-ntc/{name}" for name in SHALLOW),
    "VTM-12.1 (LIC-TCM authors)",
    "Cheng2020-attn (user-measured, estimated bpp)",
    "MLIC++",
    "LIC-TCM-large",
    "LoC-LIC (figure)",
    "MLIC++ (LoC-LIC figure)",
    "Balle2018-factorized (LoC-LIC figure)",
  ),
}
PARTS = {
  "f": "analysis",
  "f_h": "hyper_analysis",
  "g": "synthesis",
  "g_h": "hyper_synthesis",
}
FAMILY = (
  "complexity_kmac_per_px",
  "bd_psnr_dB_over_Cheng2020(paper fig1, digitised)",
  "bd_msssim_over_Cheng2020(paper fig3, digitised)",
)


def main() -> None:
  """Reads, selects and writes."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--reference", type=Path, required=True)
  reference = parser.parse_args().reference
  for name, select in (("rd_points", points), ("complexity", complexity)):
    collection = json.loads((reference / f"{name}.json").read_text())
    text = json.dumps(select(collection), indent=1)
    (HERE / f"{name}.json").write_text(text + "\n")


def points(collection: Mapping[str, Any]) -> dict[str, Any]:
  """The curves of `CURVES`, each with its source."""
  return {
    "_about": collection["_about"],
    **{
      dataset: {name: collection[dataset][name] for name in names}
      for dataset, names in CURVES.items()
    },
  }


def complexity(collection: Mapping[str, Any]) -> dict[str, Any]:
  """Costs by system; an empty entry of the collection is left out."""
  family = collection["loc_lic_family"]
  return {
    "_about": collection["_about"],
    **{
      kind: {row[""]: by_part(row) for row in collection[kind]}
      for kind in ("flops_per_pixel", "params")
    },
    "loc_lic_family": {name: family[name] for name in FAMILY},
  }


def by_part(row: Mapping[str, str]) -> dict[str, float]:
  """A row with the names of this package for the papers' letters."""
  return {
    name: float(row[letter]) for letter, name in PARTS.items() if row[letter]
  }


if __name__ == "__main__":
  main()
