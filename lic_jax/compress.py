"""The `lic` command: images to `.lic` files and back.

  lic encode IN OUT.lic [--codec NAME_OR_DIR] [--quality Q]
    [--sga STEPS] [--budget-seconds S] [--seed N] [--window PIXELS]
  lic decode IN.lic OUT.png [--codec NAME_OR_DIR]
  lic info IN.lic
  lic models

A file names its codec by fingerprint; `decode` looks for it among the installed
codecs (the package's zoo and the folders in LIC_CODECS), unless --codec says
where it is. Only `encode` imports JAX. Exit status: 0; 1 with one line on
stderr where something is wrong with a file or a codec; 2 for wrong usage.
Output files are complete or absent.
"""

import argparse
import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from lic_jax.codec import bundle as bundles
from lic_jax.codec import container, decode, storage
from lic_jax.data import images
from lic_jax.types import LicError


def main(argv: list[str] | None = None) -> int:
  """Entry point; returns the exit status."""
  args = _parser().parse_args(argv)
  try:
    args.run(args)
  except LicError as error:
    print(f"lic: {error}", file=sys.stderr)
    return 1
  except OSError as error:
    print(f"lic: {error}", file=sys.stderr)
    return 1
  except KeyboardInterrupt:
    print("lic: interrupted; nothing was written", file=sys.stderr)
    return 130
  return 0


def encode_file(args: argparse.Namespace) -> None:
  """lic encode: also prints what was written."""
  bundle = bundles.find(args.codec)
  rgb = images.read_rgb(args.input)
  # Imported here because it brings JAX, which the other commands do without.
  if args.sga is None and args.budget_seconds is None:
    from lic_jax.codec import encode

    encoded = encode.encode(rgb, bundle, quality=args.quality)
  else:
    from lic_jax.sga import encode

    with _telling() as report:
      encoded = encode.encode(
        rgb,
        bundle,
        quality=args.quality,
        steps=args.sga,
        seconds=args.budget_seconds,
        seed=args.seed,
        core=args.window,
        report=report,
      )
  storage.write_bytes(args.output, encoded.data)
  height, width = rgb.shape[:2]
  print(
    f"{args.output}: {width}x{height}, {len(encoded.data)} bytes, "
    f"{_bpp(encoded.data, height, width):.4f} bpp"
  )


def decode_file(args: argparse.Namespace) -> None:
  """lic decode."""
  if Path(args.output).suffix.lower() != ".png":
    raise LicError(f"cannot write {args.output}: only .png can be written")
  data = storage.read_bytes(args.input)
  header = container.unpack(data).header
  if args.codec:
    bundle = bundles.find(args.codec)
  else:
    bundle = bundles.find_fingerprint(header.fingerprint)
  images.write_png(args.output, decode.decode(data, bundle))


def print_info(args: argparse.Namespace) -> None:
  """lic info: the header, and the codec's name where it is installed."""
  data = storage.read_bytes(args.input)
  file = container.unpack(data)
  header = file.header
  try:
    codec = bundles.find_fingerprint(header.fingerprint).folder.name
  except LicError:
    codec = "not installed"
  sections = len(file.hyper_latent) + len(file.latent)
  rows = {
    "version": container.VERSION,
    "codec": f"{header.fingerprint.hex()} ({codec})",
    "quality": header.quality,
    "width": header.width,
    "height": header.height,
    "flags": f"{header.flags:#04x}",
    "bytes": len(data),
    "header bytes": len(data) - sections,
    "hyper-latent bytes": len(file.hyper_latent),
    "latent bytes": len(file.latent),
    "bpp": f"{_bpp(data, header.height, header.width):.4f}",
    "symbols crc": f"{header.symbols_crc:08x}",
  }
  for key, value in rows.items():
    print(f"{key:<20}{value}")


def print_models(args: argparse.Namespace) -> None:
  """lic models: one line per installed codec."""
  del args
  folders = list(bundles.installed())
  if not folders:
    print("no codec is installed; LIC_CODECS may name folders of codecs")
  for folder in folders:
    card = bundles.read_card(folder)
    qualities = ",".join(str(quality) for quality in card["qualities"])
    print(
      f"{folder.name:<32}{card['fingerprint'][:16]}  "
      f"quality {qualities}  lambda {card.get('lambda', '?')}  {folder}"
    )


@contextlib.contextmanager
def _telling() -> Iterator[Callable[[object], None] | None]:
  """What a long run may say at a terminal: its progress, its warnings.

  Yields:
    Rewrites the terminal's last line; None where there is no terminal.
  """

  def show(progress: object) -> None:
    print(f"\r{progress!s:<72}", end="", file=sys.stderr, flush=True)

  terminal = sys.stderr.isatty()
  with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", RuntimeWarning)
    try:
      yield show if terminal else None
    finally:
      if terminal:
        print(file=sys.stderr)
  for warning in caught:
    print(f"lic: warning: {warning.message}", file=sys.stderr)


def _count(text: str) -> int:
  """A whole number, at least one."""
  count = int(text)
  if count < 1:
    raise ValueError
  return count


def _seconds(text: str) -> float:
  """A time above zero."""
  seconds = float(text)
  if not 0 < seconds < float("inf"):
    raise ValueError
  return seconds


def _bpp(data: bytes, height: int, width: int) -> float:
  return len(data) * 8 / (height * width)


def _parser() -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser("lic", description="Learned image codec.")
  commands = parser.add_subparsers(required=True, metavar="COMMAND")
  codec_help = "name of an installed codec, or folder of a codec bundle"

  command = commands.add_parser("encode", help="image to .lic")
  command.add_argument("input", metavar="IN", help="image, in most formats")
  command.add_argument("output", metavar="OUT.lic")
  command.add_argument("--codec", metavar="NAME_OR_DIR", help=codec_help)
  command.add_argument(
    "--quality", type=int, metavar="Q", help="one of the codec's qualities"
  )
  command.add_argument(
    "--sga",
    type=_count,
    metavar="STEPS",
    help="steps of iterative encoding: slower, and a better file",
  )
  command.add_argument(
    "--budget-seconds",
    "--budget_seconds",
    type=_seconds,
    metavar="S",
    help="end iterative encoding after this time, with or without --sga",
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
  command.set_defaults(run=encode_file)

  command = commands.add_parser("decode", help=".lic to image")
  command.add_argument("input", metavar="IN.lic")
  command.add_argument("output", metavar="OUT.png")
  command.add_argument("--codec", metavar="NAME_OR_DIR", help=codec_help)
  command.set_defaults(run=decode_file)

  command = commands.add_parser("info", help="what a .lic file says of itself")
  command.add_argument("input", metavar="IN.lic")
  command.set_defaults(run=print_info)

  command = commands.add_parser("models", help="the installed codecs")
  command.set_defaults(run=print_models)
  return parser


if __name__ == "__main__":
  sys.exit(main())
