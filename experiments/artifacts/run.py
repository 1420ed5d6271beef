r"""Crops at matched rate: what each codec does to a photograph.

  python experiments/artifacts/run.py --codec=NAME_OR_FOLDER --images=KODAK
    [--bpp=0.7] [--sga=100]

Writes results/NAME.png for each crop, original and every codec in a row, at
twice its size, and results/artifacts.json: bytes, bpp and PSNR of the whole
files that the crops are from.
"""

import argparse
import datetime
import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lic_jax.codec import bundle as bundles
from lic_jax.codec import decode, encode, target
from lic_jax.codec.bundle import Bundle
from lic_jax.data import images
from lic_jax.evaluation import classical, picture, runner
from lic_jax.sga import encode as iterative
from lic_jax.types import LicError, UInt8

HERE = Path(__file__).parent
RESULTS = HERE / "results"
RIVALS = ("jpeg", "webp", "avif")
SIDE, ZOOM = 160, 2


class Crop(NamedTuple):
  """A square of an image, pixels."""

  name: str
  image: str
  top: int
  left: int


CROPS = (
  Crop("edges", "kodim19.png", 330, 150),  # a fence and a lighthouse's wall
  Crop("texture", "kodim13.png", 250, 300),  # water and stones
  Crop("smooth", "kodim23.png", 60, 130),  # a parrot before a soft background
)


def main() -> int:
  """Runs all of it; returns the exit status."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--codec", required=True, help="name or folder")
  parser.add_argument("--images", required=True, type=Path)
  parser.add_argument("--bpp", type=float, default=0.7, help="of each file")
  parser.add_argument("--sga", type=int, default=100, help="steps")
  args = parser.parse_args()
  RESULTS.mkdir(exist_ok=True)
  try:
    bundle = bundles.find(args.codec)
    rows = {crop.name: compare(crop, bundle, args) for crop in CROPS}
  except LicError as error:
    print(f"artifacts: {error}", file=sys.stderr)
    return 1
  content = {
    "fingerprint": bundle.card["fingerprint"],
    "machine": runner.machine(),
    "commit": runner.commit(HERE),
    "command": shlex.join(["python", *sys.argv]),
    "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    "crops": rows,
  }
  text = json.dumps(content, indent=1) + "\n"
  (RESULTS / "artifacts.json").write_text(text)
  return 0


def compare(crop: Crop, bundle: Bundle, args: argparse.Namespace) -> dict:
  """Writes the row of pictures of a crop; figures of the files."""
  rgb = images.read_rgb(args.images / crop.image)
  files = {
    name: (len(data), decoded)
    for name, data, decoded in coded(rgb, bundle, args)
  }
  pixels = rgb.shape[0] * rgb.shape[1]
  figures = {
    name: {
      "bytes": size,
      "bpp": round(8 * size / pixels, 4),
      "psnr": round(classical.psnr(rgb, decoded), 3),
    }
    for name, (size, decoded) in files.items()
  }
  captions = {f"original {Path(crop.image).stem}": enlarged(rgb, crop)}
  for name, (_, decoded) in files.items():
    row = figures[name]
    text = f"{name}: {row['bpp']:.3f} bpp, {row['psnr']:.2f} dB"
    captions[text] = enlarged(decoded, crop)
  sheet = picture.side_by_side(captions)
  images.write_png(RESULTS / f"{crop.name}.png", sheet)
  print(crop.name, json.dumps(figures), flush=True)
  return {"crop": crop._asdict(), "files": figures}


def coded(
  rgb: UInt8[np.ndarray, "h w 3"], bundle: Bundle, args: argparse.Namespace
) -> list[tuple[str, bytes, UInt8[np.ndarray, "h w 3"]]]:
  """Name, file and decoded image of every codec, all near one size."""
  wanted = args.bpp * rgb.shape[0] * rgb.shape[1] / 8
  latents = encode.analyse(rgb, bundle)

  def at(number: int) -> bytes:
    quality = number / bundles.STEPS_PER_QUALITY
    return encode.encode(rgb, bundle, quality=quality, latents=latents).data

  def better(number: int) -> bytes:
    quality = number / bundles.STEPS_PER_QUALITY
    return iterative.encode(rgb, bundle, quality=quality, steps=args.sga).data

  def ours(at_quality: Callable[[int], bytes], step: int) -> bytes:
    return target.within(
      at_quality, bundle.qualities[::step], most_bytes=wanted
    )

  # Iterative files cost more time: quarters of a quality are near enough.
  files = {"lic": ours(at, 1), "lic, SGA": ours(better, 16)}
  rows = [
    (name, data, decode.decode(data, bundle)) for name, data in files.items()
  ]
  for name in RIVALS:
    rival = classical.nearest(rgb, name, len(files["lic"]))
    rows.append((name, rival.data, classical.decode(rival.data)))
  return rows


def enlarged(
  rgb: UInt8[np.ndarray, "h w 3"], crop: Crop
) -> UInt8[np.ndarray, "s s 3"]:
  """The crop, each pixel as a square of them."""
  part = rgb[crop.top :, crop.left :][:SIDE, :SIDE]
  return np.repeat(np.repeat(part, ZOOM, axis=0), ZOOM, axis=1)


if __name__ == "__main__":
  sys.exit(main())
