"""The `lic` command: images to `.lic` files and back.

  lic encode IN OUT.lic     IN may be a folder, and OUT then is one
    [--codec NAME_OR_DIR] [--quality Q | --target-bpp B] [--coder ans|range]
    [--background COLOUR] [--convert]
    [--rdoq SWEEPS] [--sga STEPS] [--budget-seconds S] [--no-filter] [--seed N]
    [--window PIXELS]
  lic decode IN.lic OUT     the suffix of OUT tells the format
    [--codec NAME_OR_DIR] [--format FORMAT, for a folder]
  lic info IN.lic
  lic models

  for both: [--max-pixels N]; for folders: [--recursive] [--workers N]

A file names its codec by fingerprint; `decode` looks for it among the installed
codecs (the package's zoo and the folders in LIC_CODECS), unless --codec says
where it is. Only `encode` imports JAX. Exit status: 0; 1 with one line on
stderr where something is wrong with a file or a codec; 2 for wrong usage.
Output files are complete or absent; those of the same name are replaced.
"""

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from PIL import ImageColor

from lic_jax.codec import bundle as bundles
from lic_jax.codec import container
from lic_jax.codec.coder import CODERS
from lic_jax.commands import describe
from lic_jax.commands.decode import Decode
from lic_jax.commands.encode import Encode
from lic_jax.commands.job import Job, Report
from lic_jax.data import reading, writing
from lic_jax.types import LicError


def main(argv: list[str] | None = None) -> int:
  """Entry point; returns the exit status."""
  with contextlib.suppress(ValueError):  # in a thread other than the first
    signal.signal(signal.SIGTERM, _end)
  args = _parser().parse_args(argv)
  try:
    return args.run(args) or 0
  except LicError as error:
    print(f"lic: {error}", file=sys.stderr)
    return 1
  except OSError as error:
    print(f"lic: {error}", file=sys.stderr)
    return 1
  except MemoryError:
    print("lic: there is not enough memory", file=sys.stderr)
    return 1
  except KeyboardInterrupt:
    print("lic: interrupted; only whole files were written", file=sys.stderr)
    return 130


def _end(number: int, frame: object) -> None:
  """Ends by a signal like by an error: what is half-written is removed."""
  del frame
  raise SystemExit(128 + number)


def encode_files(args: argparse.Namespace) -> int:
  """lic encode: also prints what was written."""
  job = Encode(
    bundle=bundles.find(args.codec),
    quality=args.quality,
    target_bpp=args.target_bpp,
    entropy_coder=args.coder,
    sweeps=args.rdoq,
    steps=args.sga,
    seconds=args.budget_seconds,
    postfilter=args.postfilter,
    seed=args.seed,
    window=args.window,
    background=args.background,
    convert=args.convert,
    max_pixels=args.max_pixels,
  )
  if args.input.is_dir():
    return _folder(args, job, suffixes=reading.SUFFIXES, suffix=".lic")
  _check_apart(args)
  with _telling() as report:
    done = job(args.input, args.output, report)
  for warning in done.warnings:
    print(f"lic: warning: {warning}", file=sys.stderr)
  print(
    f"{args.output}: {done.width}x{done.height}, {done.bytes_coded} bytes, "
    f"{done.bytes_coded * 8 / (done.height * done.width):.4f} bpp"
  )
  return 0


def decode_files(args: argparse.Namespace) -> int:
  """lic decode."""
  # Before a codec is looked for.
  if not args.input.is_dir():
    writing.check(args.output)
  bundle = bundles.find(args.codec) if args.codec else None
  job = Decode(bundle, max_pixels=args.max_pixels)
  if args.input.is_dir():
    suffix = f".{args.format}"
    writing.check(args.output / f"*{suffix}")
    return _folder(args, job, suffixes=[".lic"], suffix=suffix)
  _check_apart(args)
  job(args.input, args.output)
  return 0


def _folder(
  args: argparse.Namespace, job: Job, *, suffixes: Collection[str], suffix: str
) -> int:
  """Runs a job over a folder; returns the exit status."""
  # Imported here because it brings multiprocessing, for which one file would
  # have to wait.
  from lic_jax.commands import folders

  output = args.output
  files = {".lic", *writing.FORMATS}
  named_like_one = not output.exists() and output.suffix.lower() in files
  if named_like_one or (output.exists() and not output.is_dir()):
    raise LicError(
      f"{args.input} is a folder, so the output must be one: {output}"
    )
  work = folders.pairs(
    args.input,
    output,
    suffixes=suffixes,
    suffix=suffix,
    recursive=args.recursive,
  )
  return 1 if folders.run(job, work, workers=args.workers) else 0


def _check_apart(args: argparse.Namespace) -> None:
  """Refuses to write over the input."""
  source, target = args.input, args.output
  if source.is_file() and target.exists() and target.samefile(source):
    raise LicError(f"{source}: input and output are the same file")


@contextlib.contextmanager
def _telling() -> Iterator[Report | None]:
  """What a long run may say at a terminal.

  Yields:
    Rewrites the terminal's last line; None where there is no terminal.
  """
  told = False

  def show(progress: object) -> None:
    nonlocal told
    told = True
    print(f"\r{progress!s:<72}", end="", file=sys.stderr, flush=True)

  try:
    yield show if sys.stderr.isatty() else None
  finally:
    if told:
      print(file=sys.stderr)


def _count(text: str) -> int:
  """A whole number, at least one."""
  count = _whole(text)
  if not count:
    raise ValueError
  return count


def _whole(text: str) -> int:
  """A whole number, at least zero."""
  count = int(text)
  if count < 0:
    raise ValueError
  return count


def _positive(text: str) -> float:
  """A number above zero."""
  number = float(text)
  if not 0 < number < float("inf"):
    raise ValueError
  return number


def _colour(text: str) -> str:
  """A colour that Pillow knows."""
  ImageColor.getrgb(text)
  return text


def _parser() -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser("lic", description="Learned image codec.")
  commands = parser.add_subparsers(required=True, metavar="COMMAND")

  command = commands.add_parser("encode", help="image to .lic")
  _add_files(command, "IN", "OUT.lic", workers=1)
  _add_pixels(command)
  _add_iterations(command)
  command.set_defaults(run=encode_files)

  command = commands.add_parser("decode", help=".lic to image")
  _add_files(command, "IN.lic", "OUT", workers=os.cpu_count() or 1)
  command.add_argument(
    "--format",
    choices=[suffix[1:] for suffix in writing.FORMATS],
    default="png",
    help="of the images of a folder, png by default",
  )
  command.set_defaults(run=decode_files)

  command = commands.add_parser("info", help="what a .lic file says of itself")
  command.add_argument("input", metavar="IN.lic")
  command.set_defaults(run=lambda args: describe.print_file(args.input))

  command = commands.add_parser("models", help="the installed codecs")
  command.set_defaults(run=lambda _: describe.print_models())
  return parser


def _add_files(
  command: argparse.ArgumentParser, source: str, target: str, *, workers: int
) -> None:
  """What encode and decode share."""
  command.add_argument(
    "input", type=Path, metavar=source, help="file, or folder of files"
  )
  command.add_argument(
    "output", type=Path, metavar=target, help="replaced if it is there"
  )
  command.add_argument(
    "--codec",
    metavar="NAME_OR_DIR",
    help="name of an installed codec, or folder of a codec bundle",
  )
  command.add_argument(
    "--max-pixels",
    type=_count,
    default=container.MAX_PIXELS,
    metavar="N",
    help=f"refuse larger images, {container.MAX_PIXELS} by default",
  )
  command.add_argument(
    "--recursive", action="store_true", help="take folders inside a folder too"
  )
  command.add_argument(
    "--workers",
    type=_count,
    default=workers,
    metavar="N",
    help=f"processes that share the files of a folder, {workers} by default",
  )


def _add_pixels(command: argparse.ArgumentParser) -> None:
  """What is made of a picture, also if it cannot be coded as it is."""
  size = command.add_mutually_exclusive_group()
  size.add_argument(
    "--quality",
    type=float,
    metavar="Q",
    help="of those that the codec has (`lic models`), in steps of 1/64",
  )
  size.add_argument(
    "--target-bpp",
    type=_positive,
    metavar="B",
    help="the best quality whose file has at most B bits per pixel",
  )
  command.add_argument(
    "--coder",
    choices=sorted(CODERS),
    default="ans",
    help="entropy coder; range is tensorflow-compression's, which decoding "
    "then needs too",
  )
  command.add_argument(
    "--background",
    type=_colour,
    metavar="COLOUR",
    help="what shows through transparency, such as white or #ff8000",
  )
  command.add_argument(
    "--convert",
    action="store_true",
    help="accept 16 bits, CMYK and other pixels that are not 8-bit RGB or grey",
  )


def _add_iterations(command: argparse.ArgumentParser) -> None:
  """Iterative encoding."""
  command.add_argument(
    "--rdoq",
    type=_whole,
    metavar="SWEEPS",
    help="of rate-distortion optimised quantisation, 6 by default where the "
    "codec allows any; 0 is quicker, and makes larger files",
  )
  command.add_argument(
    "--sga",
    type=_count,
    metavar="STEPS",
    help="steps of stochastic Gumbel annealing: slower, and a better file",
  )
  command.add_argument(
    "--budget-seconds",
    "--budget_seconds",
    type=_positive,
    metavar="S",
    help="end annealing after this time, with or without --sga",
  )
  command.add_argument(
    "--no-filter",
    "--no_filter",
    dest="postfilter",
    action="store_const",
    const=False,
    help="no post-filter, which is otherwise fitted to the image, if the codec "
    "has a restoration, and sent along in some 60 bytes",
  )
  command.add_argument(
    "--seed", type=int, default=0, metavar="N", help="of iterative encoding"
  )
  command.add_argument(
    "--window",
    type=_count,
    default=1024,
    metavar="PIXELS",
    help="side of what iterative encoding works on at once, which bounds its "
    "memory; a multiple of 64, 1024 by default",
  )


if __name__ == "__main__":
  sys.exit(main())
