"""Measures a codec on a folder of images, by real files, into one JSON.

  python -m lic_jax.evaluate --codec=NAME_OR_DIR --images=DIR --output=FILE.json
    [--quality=Q,...] [--rdoq=N] [--sga_steps=N] [--no_filter]
    [--report=DIR [--report_images=N] [--published=FILE.json]]

Prints a line per image and the means. What each key means: `evaluation.runner`.
With --report, DIR/index.html shows them beside other codecs.
"""

import argparse
import datetime
import json
import shlex
import sys
from pathlib import Path
from typing import Any

from lic_jax.codec import bundle as bundles
from lic_jax.codec import storage
from lic_jax.evaluation import runner
from lic_jax.sga import rdoq, wiener
from lic_jax.types import LicError


def main(argv: list[str] | None = None) -> int:
  """Entry point; returns the exit status."""
  argv = sys.argv[1:] if argv is None else argv
  parser = _parser()
  args = parser.parse_args(argv)
  if args.published and not args.report:
    parser.error("--published needs --report")
  try:
    points = run(args, argv)
  except LicError as error:
    print(f"evaluate: {error}", file=sys.stderr)
    return 1
  for point in points:
    means = [f"{name} {point[name]}" for name in runner.MEANS]
    print(f"quality {point['quality']:g}: {', '.join(means)}")
  return 0


def run(args: argparse.Namespace, argv: list[str]) -> list[runner.Row]:
  """Measures, writes the file, and returns its points."""
  folder = Path(args.output).resolve().parent
  if not folder.is_dir():  # better said now than after the last image
    raise LicError(f"cannot write {args.output}: no folder {folder}")
  paths = runner.find_images(args.images)
  bundle = bundles.find(args.codec)
  report = _report(args, bundle) if args.report else None
  sweeps = rdoq.usual(bundle) if args.rdoq is None else args.rdoq
  postfilter = wiener.is_possible(bundle) and not args.no_filter
  result = {
    "codec": bundle.folder.resolve().name,
    "fingerprint": bundle.card["fingerprint"],
    "dataset": Path(args.images).resolve().name,
    "rdoq_sweeps": sweeps,
    "sga_steps": args.sga_steps,
    "postfilter": postfilter,
    "machine": runner.machine(),
    "commit": runner.commit(Path(__file__).parent),
    "command": shlex.join(["python", "-m", "lic_jax.evaluate", *argv]),
    "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
  }
  result |= runner.evaluate(
    bundle,
    paths,
    qualities=args.quality,
    sweeps=sweeps,
    sga_steps=args.sga_steps,
    postfilter=postfilter,
    seen=report and report.see,
  )
  text = json.dumps(result, indent=1, allow_nan=False) + "\n"
  storage.write_bytes(args.output, text.encode())
  if report:
    print(f"report: {report.write(result, bundle, paths)}")
  return result["points"]


def _report(args: argparse.Namespace, bundle: bundles.Bundle) -> Any:
  """The `page.Report`, whose imports are for those who want one."""
  from lic_jax.evaluation.report import page

  return page.Report(
    args.report,
    images=args.report_images,
    qualities=len(args.quality or bundle.rungs),
    published=args.published,
  )


def _qualities(text: str) -> list[float]:
  return [float(quality) for quality in text.split(",")]


def _count(text: str) -> int:
  count = int(text)
  if count < 0:
    raise ValueError
  return count


def _parser() -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser(
    "python -m lic_jax.evaluate",
    description="rate and distortion of a codec on a folder of images",
  )
  parser.add_argument(
    "--codec", required=True, help="installed name, or folder"
  )
  parser.add_argument("--images", required=True, help="folder of images")
  parser.add_argument("--output", required=True, help="JSON file to write")
  parser.add_argument(
    "--quality",
    type=_qualities,
    metavar="Q,...",
    help="qualities, separated by commas; the whole ones by default",
  )
  parser.add_argument(
    "--rdoq",
    type=_count,
    metavar="N",
    help="sweeps of rate-distortion optimised quantisation; by default as many "
    "as `lic encode` makes",
  )
  parser.add_argument(
    "--sga_steps",
    type=_count,
    default=0,
    metavar="N",
    help="steps of stochastic Gumbel annealing; 0, the default, for none",
  )
  parser.add_argument(
    "--no_filter",
    action="store_true",
    help="no post-filter, which `lic encode` fits where it can",
  )
  parser.add_argument(
    "--report", metavar="DIR", help="folder for a page, DIR/index.html"
  )
  parser.add_argument(
    "--report_images",
    type=_count,
    default=4,
    metavar="N",
    help="most images to embed in the page (4)",
  )
  parser.add_argument(
    "--published",
    metavar="FILE.json",
    help="published curves for the page, drawn where the images are Kodak's",
  )
  return parser


if __name__ == "__main__":
  sys.exit(main())
