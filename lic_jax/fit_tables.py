"""Fits a codec's scale tables to the symbols that photographs have.

  python -m lic_jax.fit_tables --codec=NAME_OR_DIR --images=DATA --output=DIR
    [--photographs=N] [--half]

Training supposes a Gaussian. What is coded is not quite one, least of all after
rate-distortion optimised quantisation (`sga.rdoq`), which leaves more zeros.
Tables are part of a bundle, so their probabilities may be those that were
counted, and files need fewer bits at no cost. The fingerprint changes with
them: files name the codec that they were made with.

Symbols are chosen by the tables that they are counted for: so twice, the second
time with the tables of the first.
"""

import argparse
import dataclasses
import sys
from typing import Any

import numpy as np

from lic_jax.codec import bundle as bundles
from lic_jax.codec import coder, tables
from lic_jax.codec import encode as codec
from lic_jax.codec.bundle import Bundle
from lic_jax.data import sources
from lic_jax.data.sources import Source
from lic_jax.sga import encode
from lic_jax.types import Int, LicError, UInt8

# Pixels: of a photograph, no more than its middle is looked at.
SIDE = 512
ROUNDS = 2
# Symbols that the Gaussian counts for, in each table.
WEIGHT = 300.0


def fit(
  bundle: Bundle,
  source: Source,
  folder: str,
  *,
  photographs: int,
  half: bool = False,
) -> Bundle:
  """Writes a bundle like another, with scale tables fitted to photographs.

  Args:
    bundle: the codec, of a hyperprior.
    source: photographs.
    folder: of the new bundle; new, empty or an older bundle.
    photographs: how many to look at, evenly spread over the source.
    half: whether the encoder is stored in float16.

  Raises:
    LicError: the codec has no scale tables, no photograph can be read, or the
      folder cannot be used.
  """
  decoder, encoder = bundle.decoder, bundles.read_encoder(bundle)
  before = decoder.scale_tables
  if before is None:
    raise LicError(f"{bundle.folder} has no scale tables")
  card: dict[str, Any] = {**bundle.card}
  count = min(photographs, len(source))
  chosen = [source[i * len(source) // count] for i in range(count)]
  middles = [_middle(rgb) for rgb in chosen if rgb is not None]
  if not middles:
    raise LicError("none of the photographs can be read")
  card["scale_tables"] = {"fitted_to_photographs": len(middles)}
  for _ in range(ROUNDS):
    counts = counted(bundle, middles)
    fitted = tables.fitted(before, counts, weight=WEIGHT)
    decoder = dataclasses.replace(decoder, scale_tables=fitted)
    bundle = bundles.write(folder, decoder, encoder, card, half=half)
  return bundle


def counted(
  bundle: Bundle, pictures: list[UInt8[np.ndarray, "_ _ 3"]]
) -> Int[np.ndarray, "n"]:
  """How often each entry of each scale table is coded, at all qualities."""
  scale_tables = bundle.decoder.scale_tables
  counts = np.zeros(len(scale_tables.frequencies), np.int64)
  for rgb in pictures:
    latents = codec.analyse(rgb, bundle)
    for quality in bundle.rungs:
      encoded = encode.encode(rgb, bundle, quality=quality, latents=latents)
      y, table = encoded.symbols.y, encoded.index
      outside = coder.is_outside(y, table, scale_tables)
      entry = np.where(
        outside,
        scale_tables.lengths[table] - 1,
        y - scale_tables.minima[table],
      )
      entry += scale_tables.starts[table]
      counts += np.bincount(entry.reshape(-1), minlength=len(counts))
  return counts


def _middle(rgb: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h2 w2 3"]:
  top, left = ((max(0, size - SIDE)) // 2 for size in rgb.shape[:2])
  return rgb[top:, left:][:SIDE, :SIDE]


def main(argv: list[str] | None = None) -> int:
  """Entry point; returns the exit status."""
  parser = argparse.ArgumentParser(
    "python -m lic_jax.fit_tables",
    description="scale tables from the symbols of photographs",
  )
  parser.add_argument(
    "--codec", required=True, help="installed name, or folder"
  )
  parser.add_argument(
    "--images",
    required=True,
    help="photographs, named like those of a training",
  )
  parser.add_argument("--output", required=True, help="folder of the bundle")
  parser.add_argument(
    "--photographs",
    type=int,
    default=100,
    metavar="N",
    help="to look at, 100 by default",
  )
  parser.add_argument(
    "--half", action="store_true", help="the encoder in float16"
  )
  args = parser.parse_args(argv)
  try:
    bundle = fit(
      bundles.find(args.codec),
      sources.open_source(args.images),
      args.output,
      photographs=max(1, args.photographs),
      half=args.half,
    )
  except LicError as error:
    print(f"fit_tables: {error}", file=sys.stderr)
    return 1
  print(f"{args.output}: codec {bundle.fingerprint.hex()}")
  return 0


if __name__ == "__main__":
  sys.exit(main())
