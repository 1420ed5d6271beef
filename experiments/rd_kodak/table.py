"""Puts the table of results/rd.json into README.md."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULT, README = HERE / "results" / "rd.json", HERE / "README.md"
# All rows of the table, from its head.
TABLE = re.compile(r"^\| curve (?:.*\n)(?:\|.*\n)*", re.MULTILINE)
# Published curves of the table; the result has all of them.
PUBLISHED = (
  "jpeg",
  "webp",
  "jpeg2000",
  "av1",
  "vtm",
  "factorized",
  "mbt2018-mean",
  "shallow-ntc/JPEG-like_syn",
  "shallow-ntc/2-layer_syn",
  "shallow-ntc/2-layer_syn+SGA",
  "elic",
  "MLIC++",
  "LoC-LIC (figure)",
)
# Anchor, recipe and metric, of those in the result.
COLUMNS = (
  ("bpg_444", "pchip", "psnr"),
  ("bpg_444", "cubic", "psnr"),
  ("bpg_444", "table1", "psnr"),
  ("bpg_444", "pchip", "ms_ssim"),
  ("JPEG", "pchip", "psnr"),
  ("JPEG", "pchip", "ms_ssim"),
)
SUFFIX = {"psnr": "", "ms_ssim": ", MS-SSIM"}


def main() -> None:
  """Replaces the one that is there."""
  rows = table(json.loads(RESULT.read_text())) + "\n"
  README.write_text(TABLE.sub(lambda _: rows, README.read_text(), count=1))


def table(result: Mapping[str, Any]) -> str:
  """BD-rates of every curve measured here, and of some published ones."""
  head = ["curve", ""]
  for anchor, method, metric in COLUMNS:
    head.append(f"{anchor}: {method}{SUFFIX[metric]}")
  lines = [head, ["---", "---", *["---:"] * len(COLUMNS)]]
  for name, curve in result["curves"].items():
    if curve["kind"] != "published" or name in PUBLISHED:
      cells = [number(cell(result, name, *column)) for column in COLUMNS]
      lines.append([f"`{name}`", curve["kind"], *cells])
  return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(
  result: Mapping[str, Any], name: str, anchor: str, method: str, metric: str
) -> Mapping[str, Any]:
  """What a curve has against an anchor; nothing for the anchor itself."""
  rows = {block["anchor"]: block["rows"] for block in result["bd_rates"]}
  cells = {row["curve"]: row["cells"] for row in rows[anchor]}
  place = result["recipes"].index([method, metric])
  return cells[name][place] if name in cells else {}


def number(cell: Mapping[str, Any]) -> str:
  """Change of rate in per cent, and the range in dB; "-" where none is."""
  if "change" not in cell:
    return "-"
  return f"{cell['change']:+.1f} ({cell['low']:.1f} to {cell['high']:.1f})"


if __name__ == "__main__":
  main()
