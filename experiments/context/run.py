r"""What a context model saves against the hyperprior, by real files.

  python experiments/context/run.py --codecs=HYPERPRIOR,CONTEXT \
    --images=KODAK --results=DIR

The two were trained on the same photographs, with the same transforms, batches
and number of steps (`hyperprior.py` and `multi_reference.py` beside this file,
or those of `../context_gain`).
Writes hyperprior.json and multi_reference.json, by lic_jax.evaluate, and
comparison.json, which also says where the bits are: in z, and in y by the
channels of each slice and by the two passes.

Equal PSNR: both minimise bpp + lambda * MSE, so near its optimum a codec pays
lambda bits per pixel for each unit of MSE. The second codec's rate is moved by
that much times the difference in MSE, image by image.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lic_jax import evaluate
from lic_jax.codec import bundle as bundles
from lic_jax.codec import coder, container, encode
from lic_jax.codec.tables import PRECISION
from lic_jax.data import images
from lic_jax.entropy.checkerboard import Pass, positions
from lic_jax.evaluation import runner

NAMES = ("hyperprior", "multi_reference")


def main() -> None:
  """Runs all of it."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--codecs", required=True, help="two, by a comma")
  parser.add_argument("--images", required=True)
  parser.add_argument("--results", required=True, type=Path)
  args = parser.parse_args()
  codecs = args.codecs.split(",")
  args.results.mkdir(exist_ok=True, parents=True)
  reports = []
  for name, codec in zip(NAMES, codecs, strict=True):
    output = args.results / f"{name}.json"
    status = evaluate.main(
      [
        f"--codec={codec}",
        f"--images={args.images}",
        f"--output={output}",
        "--rdoq=0",  # which a context model does not have
      ]
    )
    if status:
      sys.exit(status)
    reports.append(json.loads(output.read_text()))
  found = [bundles.find(codec) for codec in codecs]
  lmbdas = {bundle.card["lambda"] for bundle in found}
  (lmbda,) = lmbdas  # one trade-off, or there is nothing to compare
  slices = found[1].card["model"]["context"]["slices"]
  result = compare(*(report["images"] for report in reports), lmbda)
  result["kilobytes"] = {
    name: where(bundle, runner.find_images(args.images), slices)
    for name, bundle in zip(NAMES, found)
  }
  text = json.dumps(result, indent=1)
  (args.results / "comparison.json").write_text(text + "\n")
  print(json.dumps({k: v for k, v in result.items() if k != "images"}))


def compare(ours: list[dict], theirs: list[dict], lmbda: float) -> dict:
  """Savings of the second codec, per image and of the mean rates."""
  rows = []
  for a, b in zip(ours, theirs, strict=True):
    moved = b["bpp"] + lmbda * (mse(b) - mse(a))
    rows.append(
      {
        "name": a["name"],
        "bpp": [a["bpp"], b["bpp"]],
        "psnr": [a["psnr"], b["psnr"]],
        "saving_at_equal_psnr": 1 - moved / a["bpp"],
        "file_over_estimate": [
          row["bpp"] / row["estimated_bpp"] - 1 for row in (a, b)
        ],
      }
    )

  def mean(key: str, which: int) -> float:
    return statistics.fmean(row[key][which] for row in rows)

  saved = statistics.fmean(
    row["saving_at_equal_psnr"] * row["bpp"][0] for row in rows
  )
  return {
    "lambda": lmbda,
    "bpp": [mean("bpp", 0), mean("bpp", 1)],
    "psnr": [mean("psnr", 0), mean("psnr", 1)],
    "saving": 1 - mean("bpp", 1) / mean("bpp", 0),
    "saving_at_equal_psnr": saved / mean("bpp", 0),
    "least_and_largest_saving": [
      extreme(row["saving_at_equal_psnr"] for row in rows)
      for extreme in (min, max)
    ],
    "largest_file_over_estimate": [
      max(abs(row["file_over_estimate"][i]) for row in rows) for i in (0, 1)
    ],
    "images": rows,
  }


def where(bundle: bundles.Bundle, paths: Sequence[Path], slices: int) -> dict:
  """Kilobytes of all images in z, and in y by slices and passes."""
  tables = bundle.decoder.scale_tables
  logs = -np.log2(tables.frequencies / 2.0**PRECISION)
  z, of_slices, of_anchors, of_rest = 0, np.zeros(slices), 0.0, 0.0
  for path in paths:
    encoded = encode.encode(images.read_rgb(path), bundle)
    y, index = encoded.symbols.y[0], encoded.index[0]
    entry = y.astype(np.int64) - tables.minima[index]
    outside = coder.is_outside(y, index, tables)
    entry = np.where(outside, tables.lengths[index] - 1, entry)
    bits = logs[tables.starts[index] + entry]
    bits[outside] += 16  # about what an escape's value takes
    anchors = positions(*bits.shape[:2], Pass.ANCHOR)
    of_slices += np.add.reduce(np.split(bits, slices, axis=-1), axis=(1, 2, 3))
    of_anchors += bits[anchors[..., 0]].sum()
    of_rest += bits[~anchors[..., 0]].sum()
    z += len(container.unpack(encoded.data).hyper_latent)
  kilobytes = {"slices": of_slices, "anchors": of_anchors, "others": of_rest}
  found = {name: np.round(b / 8e3, 1) for name, b in kilobytes.items()}
  return {"z": z / 1e3, **{name: k.tolist() for name, k in found.items()}}


def mse(row: dict) -> float:
  """On the 0..255 scale."""
  return 255**2 / 10 ** (row["psnr"] / 10)


if __name__ == "__main__":
  main()
