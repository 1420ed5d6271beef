r"""How straight the paths are that a synthesis decodes.

  python experiments/manifold/run.py --codec=BUNDLE[,BUNDLE...]
    [--untrained=CONFIG[,CONFIG...]] [--images=FOLDER] [--pairs=24] [--size=128]

Writes results/NAME.json for each codec, results/NAME_path.png and .svg (figure
3), and redraws the figures of all results there. `--untrained` measures a
config's model with the random parameters that training would begin with; its
name is the config's with "random" before it. Images: a folder, or the
photographs that come with scikit-image.
"""

import argparse
import dataclasses
import datetime
import functools
import json
import runpy
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import figures
import jax
import numpy as np
import paths

from lic_jax.codec import bundle as bundles
from lic_jax.codec import encode
from lic_jax.data import images
from lic_jax.evaluation import runner
from lic_jax.models.build import build
from lic_jax.sga import objective
from lic_jax.types import Float, LicError, UInt8

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RESULTS = HERE / "results"
NODES = 11  # times along a path, odd for Simpson's rule
SHOWN = 3  # the pair of figures 2 and 3


@dataclasses.dataclass(frozen=True)
class Codec:
  """What is measured.

  Attributes:
    name: of its result.
    analyse: an image to its latent, (h, w, c).
    function: name and arguments of the synthesis.
    weights: of the synthesis.
    about: what else its result should tell.
  """

  name: str
  analyse: Callable[[UInt8[np.ndarray, "h w 3"]], np.ndarray]
  function: Mapping[str, Any]
  weights: Mapping[str, Any]
  about: Mapping[str, Any]

  def synthesis(self) -> paths.Synthesis:
    """Of weights and one latent, (h, w, c)."""
    return lambda weights, y: objective.run(self.function, weights, y)


def main() -> int:
  """Runs all of it; returns the exit status."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--codec", default="", help="bundles, with commas")
  parser.add_argument("--untrained", default="", help="configs, with commas")
  parser.add_argument("--images", help="folder; default: bundled photographs")
  parser.add_argument("--pairs", type=int, default=24)
  parser.add_argument("--size", type=int, default=128, help="of the crops")
  args = parser.parse_args()
  commit = runner.commit(ROOT)
  try:
    codecs = [trained(name) for name in args.codec.split(",") if name]
    codecs += [untrained(name) for name in args.untrained.split(",") if name]
    pairs = random_pairs(photographs(args.images), args.pairs, args.size)
  except LicError as error:
    print(f"manifold: {error}", file=sys.stderr)
    return 1
  RESULTS.mkdir(exist_ok=True)
  for codec in codecs:
    rows, shown = measure(codec, pairs)
    result = {
      "name": codec.name,
      **codec.about,
      "function": codec.function,
      "images": Path(args.images).name if args.images else "scikit-image",
      "size": args.size,
      "times": np.linspace(0, 1, NODES).tolist(),
      "machine": runner.machine(),
      "commit": commit,
      "command": shlex.join(["python", *sys.argv]),
      "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
      "summary": summary(rows),
      "pairs": rows,
    }
    text = json.dumps(result, indent=1)
    (RESULTS / f"{codec.name}.json").write_text(text + "\n")
    figures.filmstrip(shown, RESULTS / f"{codec.name}_path")
    print(codec.name, json.dumps(result["summary"]), flush=True)
  figures.draw(RESULTS)
  return 0


def trained(name: str) -> Codec:
  """A codec bundle."""
  bundle = bundles.find(name)
  return Codec(
    bundle.folder.name,
    lambda rgb: encode.analyse(rgb, bundle).y[0],
    bundle.decoder.functions["synthesis"],
    bundle.decoder.weights["synthesis"],
    {
      "fingerprint": bundle.card["fingerprint"],
      "lambda": bundle.card["lambda"],
      "steps": bundle.card["training"]["steps"],
    },
  )


def untrained(config: str) -> Codec:
  """A config's model before any training.

  Args:
    config: its file, with an argument after a colon if it takes one.
  """
  path, _, argument = config.partition(":")
  get_config = runpy.run_path(path)["get_config"]
  block = (get_config(argument) if argument else get_config()).model.to_dict()
  model = build(block)
  side = np.zeros((1, model.stride, model.stride, 3), np.float32)
  variables = jax.jit(model.init)(jax.random.key(0), side)

  @jax.jit
  def analyse(x: Float[jax.Array, "1 h w 3"]) -> jax.Array:
    return model.apply(variables, x, method="analyse").y

  weights = model.apply(variables, method="decoder_weights")["synthesis"]
  return Codec(
    f"random_{argument or Path(path).stem}",
    lambda rgb: np.asarray(analyse(scaled(rgb)[None]))[0],
    model.decoder_functions()["synthesis"],
    weights,
    {"fingerprint": None, "lambda": None, "steps": 0},
  )


def photographs(folder: str | None) -> list[UInt8[np.ndarray, "h w 3"]]:
  """Those of a folder, or the bundled ones."""
  if folder is None:
    return list(images.bundled_photographs().values())
  return [images.read_rgb(path) for path in runner.find_images(folder)]


def random_pairs(
  pictures: list[UInt8[np.ndarray, "h w 3"]], count: int, size: int
) -> list[tuple[UInt8[np.ndarray, "s s 3"], UInt8[np.ndarray, "s s 3"]]]:
  """Crops of two different photographs, seeded; `size` a multiple of 64.

  Raises:
    LicError: too few photographs, or too small ones.
  """
  fits = [p for p in pictures if min(p.shape[:2]) >= size]
  if len(fits) < 2 or size % 64:
    raise LicError(f"no pairs of {size} x {size} in these images")
  rng = np.random.default_rng(0)

  def crop(picture: np.ndarray) -> np.ndarray:
    top, left = (rng.integers(side - size + 1) for side in picture.shape[:2])
    return picture[top : top + size, left : left + size]

  chosen = [rng.choice(len(fits), 2, replace=False) for _ in range(count)]
  return [(crop(fits[i]), crop(fits[j])) for i, j in chosen]


def measure(codec: Codec, pairs: list) -> tuple[list[dict], np.ndarray]:
  """Measures of every pair, and the decoded curve of the one that is shown."""
  synthesis, times = codec.synthesis(), np.linspace(0, 1, NODES)
  analyse = functools.cache(lambda i, j: codec.analyse(pairs[i][j]))
  rows, shown = [], None
  for i, (first, second) in enumerate(pairs):
    curve, speed = paths.decoded_curve(
      synthesis, codec.weights, analyse(i, 0), analyse(i, 1), times=times
    )
    x0, x1 = scaled(first), scaled(second)
    rows.append(paths.measure(curve, speed, x0, x1, times=times))
    if i == min(SHOWN, len(pairs) - 1):
      shown = curve
  return rows, shown


def summary(rows: list[dict]) -> dict[str, float]:
  """Means and extremes over the pairs.

  Ratios are of the curve's length to the distance of its ends; "aside" and
  "straight" are the largest along a path; "ends", "middle" and "line_middle"
  are errors to the mixture of the images, the last that of the straight line.
  """
  ratios = [row["length"] / row["distance"] for row in rows]
  middle = NODES // 2
  ends = [(row["mixup"][0] + row["mixup"][-1]) / 2 for row in rows]
  distances = np.array([row["distance"] for row in rows])
  return {
    "mean_ratio": float(np.mean(ratios)),
    "largest_ratio": float(np.max(ratios)),
    "least_ratio": float(np.min(ratios)),
    "aside": float(np.mean([max(row["aside"]) for row in rows])),
    "straight": float(np.mean([max(row["straight"]) for row in rows])),
    "ends": float(np.mean(ends)),
    "middle": float(np.mean([row["mixup"][middle] for row in rows])),
    "line_middle": float(np.mean([row["line_mixup"][middle] for row in rows])),
    "distance": float(np.sqrt(np.mean(distances**2))),
  }


def scaled(rgb: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w 3"]:
  """Pixels in [-0.5, 0.5]."""
  return rgb.astype(np.float32) / 255 - np.float32(0.5)


if __name__ == "__main__":
  sys.exit(main())
