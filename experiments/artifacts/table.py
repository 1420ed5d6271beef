"""Prints the table of README.md from results/artifacts.json."""

import json
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
CODECS = ("lic", "lic, SGA", "JPEG", "WebP", "AVIF")


def table() -> str:
  """A line per crop and rate: PSNR of image and crop, by codec."""
  lines = [f"| crop | bpp | {' | '.join(CODECS)} |"]
  lines.append("|---|---:|" + "---:|" * len(CODECS))
  content = json.loads((RESULTS / "artifacts.json").read_text())
  lines += [line(row) for row in content["crops"] if CODECS[1] in row["files"]]
  return "\n".join(lines)


def line(row: dict) -> str:
  """The rate is that of iterative encoding."""
  files = [row["files"][name] for name in CODECS]
  cells = [f"{f['psnr']:.2f}, {f['psnr_crop']:.2f}" for f in files]
  image = row["image"].removesuffix(".png")
  cells = [f"{row['name']}, {image}", f"{files[1]['bpp']:.3f}", *cells]
  return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
  print(table())
