r"""Crops at matched rate: what each codec does to a photograph.

  python experiments/artifacts/run.py --codec=NAME_OR_FOLDER --images=KODAK
    [--bpp=0.3,0.6] [--sga=100]

Writes results/NAME_RATE.png for each crop, the original and every codec, and
results/artifacts.json: bytes, bpp and PSNR of the whole files that the crops
are from, how visible borders of blocks are in them, and PSNR of the crops.
Annealing (SGA) comes first, at the quality whose file has the wanted rate
without it; all others are made as large as its file. Besides,
docs/images/comparison.png, by what `lic encode` does by default.
"""

import argparse
import bisect
import datetime
import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lic_jax.codec import bundle as bundles
from lic_jax.codec import decode, encode
from lic_jax.codec.bundle import Bundle
from lic_jax.data import images
from lic_jax.evaluation import classical, picture, runner
from lic_jax.sga import encode as iterative
from lic_jax.types import LicError, UInt8

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RESULTS = HERE / "results"
BLOCK = 16  # pixels per latent sample


class Crop(NamedTuple):
  """A square of an image, in pixels, and how much larger it is shown."""

  name: str
  image: str
  top: int
  left: int
  side: int = 128
  zoom: int = 3

  def of(self, rgb: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "s s 3"]:
    return rgb[self.top :, self.left :][: self.side, : self.side]

  def enlarged(
    self, rgb: UInt8[np.ndarray, "h w 3"]
  ) -> UInt8[np.ndarray, "s s 3"]:
    """Each pixel as a square of them."""
    return self.of(rgb).repeat(self.zoom, axis=0).repeat(self.zoom, axis=1)


class File(NamedTuple):
  """A file and what it decodes to."""

  data: bytes
  decoded: UInt8[np.ndarray, "h w 3"]


CROPS = (
  Crop("lines", "kodim19.png", 476, 80),  # a picket fence above grass
  Crop("edge", "kodim21.png", 120, 312),  # a white tower before the sky
  Crop("text", "kodim20.png", 250, 230),  # a name on a smooth fuselage
  Crop("texture", "kodim06.png", 320, 256),  # water
)
COMPARISON = Crop("comparison", "kodim22.png", 150, 200, side=192, zoom=2)
COMPARISON_BPP = 0.27


def main() -> int:
  """Runs all of it; returns the exit status."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--codec", required=True, help="name or folder")
  parser.add_argument("--images", required=True, type=Path)
  parser.add_argument("--bpp", default="0.3,0.6", help="of files, with commas")
  parser.add_argument("--sga", type=int, default=100, help="steps")
  args = parser.parse_args()
  commit = runner.commit(HERE)
  RESULTS.mkdir(exist_ok=True)
  try:
    bundle = bundles.find(args.codec)
    rows = [compare(args.images, bundle)]
    rows += [
      show(crop, args.images, bundle, bpp=float(bpp), steps=args.sga)
      for bpp in args.bpp.split(",")
      for crop in CROPS
    ]
  except LicError as error:
    print(f"artifacts: {error}", file=sys.stderr)
    return 1
  content = {
    "fingerprint": bundle.card["fingerprint"],
    "sga_steps": args.sga,
    "machine": runner.machine(),
    "commit": commit,
    "command": shlex.join(["python", *sys.argv]),
    "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    "crops": rows,
  }
  text = json.dumps(content, indent=1) + "\n"
  (RESULTS / "artifacts.json").write_text(text)
  return 0


def compare(folder: Path, bundle: Bundle) -> dict:
  """Writes docs/images/comparison.png; figures of its files."""
  rgb = images.read_rgb(folder / COMPARISON.image)
  wanted = COMPARISON_BPP * rgb.shape[0] * rgb.shape[1] / 8
  files = {"lic": ours(rgb, bundle, wanted)}
  files |= rivals(rgb, len(files["lic"].data), ("jpeg", "webp"))
  figures = measure(COMPARISON, rgb, files)
  captions = {f"original {Path(COMPARISON.image).stem}": rgb}
  for name, file in files.items():
    row = figures[name]
    captions[f"{name}: {row['bpp']:.3f} bpp, {row['psnr']:.2f} dB"] = (
      file.decoded
    )
  crops = {text: COMPARISON.enlarged(image) for text, image in captions.items()}
  target = ROOT / "docs" / "images" / "comparison.png"
  images.write_png(target, picture.side_by_side(crops))
  return {**COMPARISON._asdict(), "files": figures}


def show(
  crop: Crop, folder: Path, bundle: Bundle, *, bpp: float, steps: int
) -> dict:
  """Writes the sheet of a crop at a rate, two rows; figures of the files."""
  rgb = images.read_rgb(folder / crop.image)
  wanted = bpp * rgb.shape[0] * rgb.shape[1] / 8
  better = iterative.encode(
    rgb, bundle, quality=quality_within(rgb, bundle, wanted), steps=steps
  ).data
  files = {
    "lic": ours(rgb, bundle, len(better)),
    "lic, SGA": File(better, decode.decode(better, bundle)),
    **rivals(rgb, len(better), ("jpeg", "webp", "avif")),
  }
  figures = measure(crop, rgb, files)
  captions = {f"original {Path(crop.image).stem}": crop.enlarged(rgb)}
  for name, file in files.items():
    row = figures[name]
    text = f"{name}: {row['bpp']:.3f} bpp, {row['psnr']:.2f} dB"
    captions[f"{text}; here {row['psnr_crop']:.2f}"] = crop.enlarged(
      file.decoded
    )
  cells = list(captions.items())
  sheet = np.concatenate(
    [picture.side_by_side(dict(row)) for row in (cells[:3], cells[3:])]
  )
  images.write_png(RESULTS / f"{crop.name}_{bpp:g}.png", sheet)
  print(crop.name, bpp, json.dumps(figures), flush=True)
  return {**crop._asdict(), "files": figures}


def quality_within(
  rgb: UInt8[np.ndarray, "h w 3"], bundle: Bundle, wanted: float
) -> float:
  """The highest quality whose file has at most so many bytes, or the lowest."""
  latents = encode.analyse(rgb, bundle)

  def size(number: int) -> int:
    quality = number / bundles.STEPS_PER_QUALITY
    coded = iterative.encode(rgb, bundle, quality=quality, latents=latents)
    return len(coded.data)

  place = bisect.bisect_right(bundle.qualities, wanted, key=size)
  return bundle.qualities[max(place - 1, 0)] / bundles.STEPS_PER_QUALITY


def ours(
  rgb: UInt8[np.ndarray, "h w 3"], bundle: Bundle, wanted: float
) -> File:
  """As `lic encode` does by default, near so many bytes."""
  quality = quality_within(rgb, bundle, wanted)
  data = iterative.encode(rgb, bundle, quality=quality).data
  return File(data, decode.decode(data, bundle))


def rivals(
  rgb: UInt8[np.ndarray, "h w 3"], wanted: int, names: tuple[str, ...]
) -> Mapping[str, File]:
  """By others, near so many bytes; JPEG with the chroma that suits it."""
  files = {}
  for name in names:
    if name == "jpeg":
      data = classical.nearest_jpeg(rgb, wanted).data
    else:
      data = classical.nearest(rgb, name, wanted).data
    shown = {"jpeg": "JPEG", "webp": "WebP", "avif": "AVIF"}[name]
    files[shown] = File(data, classical.decode(data))
  return files


def measure(
  crop: Crop, rgb: UInt8[np.ndarray, "h w 3"], files: Mapping[str, File]
) -> dict[str, dict[str, float]]:
  """bytes, bpp, PSNR in dB and borders of images; PSNR of the crop."""
  pixels = rgb.shape[0] * rgb.shape[1]
  return {
    name: {
      "bytes": len(file.data),
      "bpp": round(8 * len(file.data) / pixels, 4),
      "psnr": round(classical.psnr(rgb, file.decoded), 3),
      "borders": round(borders(rgb, file.decoded), 3),
      "psnr_crop": round(
        classical.psnr(crop.of(rgb), crop.of(file.decoded)), 3
      ),
    }
    for name, file in files.items()
  }


def borders(
  rgb: UInt8[np.ndarray, "h w 3"], decoded: UInt8[np.ndarray, "h w 3"]
) -> float:
  """Steps of the error across borders of 16 x 16 blocks over those elsewhere.

  1 where blocks cannot be told. JPEG's are of 8 x 8, so that half of its
  borders count as elsewhere.
  """
  error = decoded.astype(np.float64) - rgb
  ratios = []
  for axis in (0, 1):
    steps = np.abs(np.diff(error, axis=axis)).mean(axis=(1 - axis, 2))
    across = np.arange(1, len(steps) + 1) % BLOCK == 0
    ratios.append(steps[across].mean() / steps[~across].mean())
  return float(np.mean(ratios))


if __name__ == "__main__":
  sys.exit(main())
