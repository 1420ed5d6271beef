r"""Rate-distortion on Kodak: ours, classical codecs and published curves.

  python experiments/rd_kodak/run.py --ours=\
  experiments/zoo/results/kodak.json,experiments/zoo/results/kodak_sga.json

`--ours` takes reports of `lic_jax.evaluate` on Kodak. What `measure.py` found
of the classical codecs is read from results/classical.json, published curves
from experiments/published. Writes results/rd.json, with every curve and its
BD-rates, and the figures. `table.py` puts its table into the README.
"""

import argparse
import datetime
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import figures

from lic_jax.evaluation import runner
from lic_jax.evaluation.rd_curve import RDCurve, from_evaluation
from lic_jax.evaluation.report import curves
from lic_jax.evaluation.runner import Row
from lic_jax.types import LicError

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PUBLISHED = HERE.parent / "published" / "rd_points.json"
DATASET = "kodak"
# BPG 4:4:4, published, is the papers' anchor; JPEG is measured here.
ANCHORS = (curves.ANCHOR, "JPEG")
LABELS = {**curves.LABELS, "jpeg_xl": "JPEG XL", "heic": "HEIC"}


def main() -> int:
  """Gathers, compares, writes and draws; returns the exit status."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument(
    "--ours",
    default="",
    metavar="FILE.json,...",
    help="reports of lic_jax.evaluate on Kodak",
  )
  paths = [Path(path) for path in parser.parse_args().ours.split(",") if path]
  try:
    result = gather(paths)
  except LicError as error:
    print(f"rd_kodak: {error}", file=sys.stderr)
    return 1
  RESULTS.mkdir(exist_ok=True)
  text = json.dumps(result, indent=1, allow_nan=False)
  (RESULTS / "rd.json").write_text(text + "\n")
  figures.draw(result["curves"], RESULTS)
  return 0


def gather(paths: Sequence[Path]) -> dict[str, Any]:
  """The result: provenance, every curve, BD-rates against the anchors.

  Raises:
    LicError: a file that is missing, or not of Kodak's 24 images.
  """
  kinds = {
    "ours": ours(paths),
    "classical": measured(read(RESULTS / "classical.json")),
    "published": curves.published(curves.read_published(PUBLISHED), DATASET),
  }
  drawn = {
    rd.name: content(rd, kind) for kind, of in kinds.items() for rd in of
  }
  compared = {rd.name: rd for of in kinds.values() for rd in of}
  return {
    "dataset": DATASET,
    "machine": runner.machine(),
    "commit": runner.commit(HERE),
    "command": shlex.join(["python", *sys.argv]),
    "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    "curves": drawn,
    "recipes": [list(recipe) for recipe in curves.RECIPES],
    "bd_rates": curves.rates(compared, ANCHORS),
  }


def ours(paths: Sequence[Path]) -> list[RDCurve]:
  """The curves of reports of `evaluate`.

  Raises:
    LicError: a report of other images than Kodak's 24, or two of one name.
  """
  found: dict[str, RDCurve] = {}
  for path in paths:
    report = read(path)
    if curves.data_set(report.get("images", ())) != DATASET:
      raise LicError(f"{path} is not a report on the 24 images of Kodak")
    steps = report["sga_steps"]
    name = report["codec"] + (f" + SGA ({steps} steps)" if steps else "")
    if name in found:
      raise LicError(f"{path}: a second report of {name}")
    found[name] = from_evaluation({**report, "codec": name})
  return list(found.values())


def measured(result: Mapping[str, Any]) -> list[RDCurve]:
  """The curves that `measure.py` wrote."""
  return [
    curves.from_points(
      LABELS[name],
      points,
      f"{result['libraries'][name]}, measured at {result['commit']}",
    )
    for name, points in result["curves"].items()
  ]


def content(rd: RDCurve, kind: str) -> Row:
  """A curve as the result has it: MS-SSIM raw and in dB."""
  return {
    "kind": kind,
    "source": rd.source,
    "bpp": rd.bpp,
    "psnr": rd.psnr,
    "ms_ssim": rd.ms_ssim,
    "ms_ssim_db": rd.ms_ssim and rd.quality("ms_ssim"),
  }


def read(path: Path) -> dict[str, Any]:
  """A JSON file.

  Raises:
    LicError: it is missing or no JSON object.
  """
  try:
    found = json.loads(path.read_text())
  except (OSError, ValueError) as error:
    raise LicError(f"cannot read {path}: {error}") from error
  if not isinstance(found, dict):
    raise LicError(f"{path} is not a JSON object")
  return found


if __name__ == "__main__":
  sys.exit(main())
