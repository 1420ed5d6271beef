r"""What each channel of a latent paints, beside the DCT and the KLT.

  python experiments/basis_images/run.py [--codec=BUNDLE[,BUNDLE...]]
    [--images=FOLDER] [--count=12] [--size=256] [--quality=3]

A latent of zeros but for one sample of one channel is decoded, less what zeros
decode to: shallow-decoder specification 7B. Its value is the channel's standard
deviation on the centres of some photographs, so that sizes compare as they do
in images. Which channels are used is counted with the quantiser step
of a quality. Writes results/NAME.json, with channels by falling energy, and the
pictures; without a codec, only those of DCT and KLT. Images: a folder, or the
photographs that come with scikit-image.
"""

import argparse
import datetime
import json
import shlex
import sys
from pathlib import Path

import figures
import numpy as np
from scipy import fft

from lic_jax.codec import bundle as bundles
from lic_jax.codec import decode, encode
from lic_jax.codec.bundle import Bundle
from lic_jax.data import images
from lic_jax.evaluation import runner
from lic_jax.ops import synthesis
from lic_jax.training import start
from lic_jax.types import Float, LicError, UInt8

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RESULTS = HERE / "results"
BLOCK = 16  # pixels per latent sample
CANVAS = 5  # latent samples; the one in the middle is set
TOGETHER = 32  # latents decoded at once


def main() -> int:
  """Runs all of it; returns the exit status."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--codec", default="", help="bundles, with commas")
  parser.add_argument("--images", help="folder; default: bundled photographs")
  parser.add_argument("--count", type=int, default=12, help="of the images")
  parser.add_argument("--size", type=int, default=256, help="of their centres")
  parser.add_argument("--quality", type=float, help="default: in the middle")
  args = parser.parse_args()
  commit = runner.commit(ROOT)
  RESULTS.mkdir(exist_ok=True)
  try:
    pictures = centres(args.images, args.count, args.size)
    codecs = [bundles.find(name) for name in args.codec.split(",") if name]
    for bundle in codecs:
      painted, channels = measure(bundle, pictures, args.quality)
      result = {
        "name": bundle.folder.name,
        "fingerprint": bundle.card["fingerprint"],
        "lambda": bundle.card["lambda"],
        "steps": bundle.card["training"]["steps"],
        "quality": args.quality,
        "function": bundle.decoder.functions["synthesis"],
        "images": Path(args.images).name if args.images else "scikit-image",
        "machine": runner.machine(),
        "commit": commit,
        "command": shlex.join(["python", *sys.argv]),
        "date": datetime.datetime.now(datetime.UTC).isoformat(
          timespec="seconds"
        ),
        "summary": summary(channels),
        "channels": channels,
      }
      name = result["name"]
      text = json.dumps(result, indent=1)
      (RESULTS / f"{name}.json").write_text(text + "\n")
      figures.sheet(painted, RESULTS / name)
      print(name, json.dumps(result["summary"]), flush=True)
  except LicError as error:
    print(f"basis_images: {error}", file=sys.stderr)
    return 1
  figures.sheet(dct_atoms(), RESULTS / "dct", "by rising frequency")
  figures.sheet(klt_images(pictures), RESULTS / "klt", "by falling variance")
  figures.spectra(RESULTS)
  return 0


def centres(
  folder: str | None, count: int, size: int
) -> UInt8[np.ndarray, "n s s 3"]:
  """Centres of the first images that are large enough.

  Raises:
    LicError: there is none.
  """
  paths = runner.find_images(folder) if folder else images.bundled_paths()
  pictures = []
  for rgb in map(images.read_rgb, paths[:count]):
    top, left = ((side - size) // 2 for side in rgb.shape[:2])
    if min(top, left) >= 0:
      pictures.append(rgb[top : top + size, left : left + size])
  if not pictures:
    raise LicError(f"no image has {size} x {size} pixels")
  return np.stack(pictures)


def measure(
  bundle: Bundle,
  pictures: UInt8[np.ndarray, "n s s 3"],
  quality: float | None,
) -> tuple[Float[np.ndarray, "c h w 3"], dict[str, list[float]]]:
  """What every channel paints, by falling energy, and figures of each."""
  y = np.concatenate([encode.analyse(rgb, bundle).y for rgb in pictures])
  deviation = y.std(axis=(0, 1, 2))
  painted = impulses(bundle, deviation)
  energy = np.sum(painted**2, axis=(1, 2, 3))
  order = np.argsort(-energy)
  # What a linear synthesis would paint is twice as much.
  doubled = impulses(bundle, 2 * deviation) - 2 * painted
  bent = np.sqrt(np.sum(doubled**2, axis=(1, 2, 3)))
  bent /= np.maximum(2 * np.sqrt(energy), np.finfo(np.float32).tiny)
  far = np.abs(y - np.median(y, axis=(0, 1, 2))) > 0.5 * step(bundle, quality)
  columns = {
    "channel": np.arange(len(order)),
    "deviation": deviation,
    "energy": energy,
    "bent": bent,
    "used": np.mean(far, axis=(0, 1, 2)),
    "best_dct": best_dct(painted, energy),
  }
  listed = {name: column[order].tolist() for name, column in columns.items()}
  return painted[order], listed


def step(bundle: Bundle, quality: float | None) -> Float[np.ndarray, "#c"]:
  """Of the quantiser, per channel."""
  if bundle.decoder.gains is None:
    return np.ones(1)
  return np.exp(-decode.log_gains(bundle.decoder, bundle.number(quality)))


def impulses(
  bundle: Bundle, values: Float[np.ndarray, "c"]
) -> Float[np.ndarray, "c h w 3"]:
  """What each channel paints where it alone has this value, by NumPy."""
  arguments = dict(bundle.decoder.functions["synthesis"])
  paint = getattr(synthesis, arguments.pop("function"))
  weights = bundle.decoder.weights["synthesis"]
  channels = len(values)
  # The last latent is of zeros alone.
  latents = np.zeros((channels + 1, CANVAS, CANVAS, channels), np.float32)
  middle = CANVAS // 2
  latents[range(channels), middle, middle, range(channels)] = values
  parts = np.array_split(latents, 1 + channels // TOGETHER)
  images = np.concatenate([paint(weights, y, **arguments) for y in parts])
  return images[:-1] - images[-1]


def best_dct(
  painted: Float[np.ndarray, "c h w 3"], energy: Float[np.ndarray, "c"]
) -> Float[np.ndarray, "c"]:
  """Share of the energy that one 16x16 DCT basis image of one colour explains.

  The block is the one under the sample; the colour is whichever suits.
  """
  first = BLOCK * (CANVAS // 2)
  inside = slice(first, first + BLOCK)
  block = painted[:, inside, inside]
  coefficients = fft.dctn(block, axes=(1, 2), norm="ortho")
  # Energy of a basis image with the best colour: over the three coefficients.
  shares = np.sum(coefficients**2, axis=-1).max(axis=(1, 2))
  return shares / np.maximum(energy, np.finfo(np.float32).tiny)


def summary(channels: dict[str, list[float]]) -> dict[str, float | int]:
  """Counts, and means weighted by energy."""
  energy = np.array(channels["energy"])
  shares = np.cumsum(energy) / energy.sum()

  def mean(name: str) -> float:
    return float(np.sum(energy * channels[name]) / energy.sum())

  return {
    "channels": len(energy),
    "channels_of_99_percent": int(np.searchsorted(shares, 0.99)) + 1,
    "channels_hardly_used": int(np.sum(np.array(channels["used"]) < 1e-3)),
    "bent": mean("bent"),
    "best_dct": mean("best_dct"),
  }


def dct_atoms() -> Float[np.ndarray, "n h w 3"]:
  """Grey 16x16 DCT basis images by rising frequency, as JPEG's zigzag."""
  order = sorted(
    ((i, j) for i in range(BLOCK) for j in range(BLOCK)),
    key=lambda k: (k[0] + k[1], k[0] if (k[0] + k[1]) % 2 else k[1]),
  )
  atoms = []
  for k in order[: figures.TILES]:
    coefficients = np.zeros((BLOCK, BLOCK))
    coefficients[k] = 1
    atoms.append(fft.idctn(coefficients, norm="ortho"))
  return on_canvas(np.repeat(np.stack(atoms)[..., None], 3, axis=-1))


def klt_images(
  pictures: UInt8[np.ndarray, "n h w 3"],
) -> Float[np.ndarray, "n h w 3"]:
  """The first eigenvectors of 16x16 blocks of these images."""
  vectors, _ = start.klt(pictures)
  shown = vectors[:, : figures.TILES].T
  return on_canvas(shown.reshape(-1, BLOCK, BLOCK, 3))


def on_canvas(
  blocks: Float[np.ndarray, "n 16 16 3"],
) -> Float[np.ndarray, "n h w 3"]:
  """Blocks where a codec's would lie."""
  margin = BLOCK * (CANVAS // 2)
  return np.pad(blocks, ((0, 0), (margin, margin), (margin, margin), (0, 0)))


if __name__ == "__main__":
  sys.exit(main())
