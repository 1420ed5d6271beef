r"""Whether a file means the same wherever it is decoded.

  python experiments/portability/run.py --codec=BUNDLE --images=KODAK \
    [--python=OTHER_INTERPRETER] [--name=kodak]

Encodes every image, decodes each file in processes whose libraries, threads,
batch and compiler flags differ, and compares symbols, prior and pixels with
those of plain NumPy. A context model's prior is computed by NumPy alone, and so
are its rows. Writes results/NAME.json.
"""

import argparse
import datetime
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from lic_jax.codec import bundle as bundles
from lic_jax.codec import encode
from lic_jax.data import images
from lic_jax.evaluation import runner

ROOT = Path(__file__).parents[2]
FAST_MATH = (
  "--xla_cpu_enable_fast_math=true --xla_cpu_fast_math_honor_nans=false "
  "--xla_cpu_fast_math_honor_infs=false "
  "--xla_cpu_fast_math_honor_division=false"
)
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
ONE_THREAD = dict.fromkeys(THREADS, "1")
ONE_XLA_THREAD = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"}

# name: prior and synthesis by, batch of the prior, environment
VARIANTS = {
  "NumPy": ("numpy", 1, {}),
  "NumPy, 1 thread": ("numpy", 1, ONE_THREAD),
  "NumPy, batch 4": ("numpy", 4, {}),
  "NumPy, AVX2": ("numpy", 1, {"OPENBLAS_CORETYPE": "HASWELL"}),
  "NumPy, AVX without FMA": ("numpy", 1, {"OPENBLAS_CORETYPE": "SANDYBRIDGE"}),
  "NumPy, SSE3": ("numpy", 1, {"OPENBLAS_CORETYPE": "PRESCOTT"}),
  "JAX, jit": ("jit", 1, {}),
  "JAX, no jit": ("eager", 1, {}),
  "JAX, jit, batch 4": ("jit", 4, {}),
  "JAX, jit, 1 thread": ("jit", 1, ONE_XLA_THREAD),
  "JAX, jit, fast-math": ("jit", 1, {"XLA_FLAGS": FAST_MATH}),
  "JAX, jit, SSE4.2": ("jit", 1, {"XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2"}),
}


def main() -> None:
  """Runs all of it."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--codec", required=True)
  parser.add_argument("--images", required=True, type=Path)
  parser.add_argument("--python", help="of an environment with another JAX")
  parser.add_argument("--name", default="kodak")
  args = parser.parse_args()
  commit = runner.commit(ROOT)
  bundle = bundles.find(args.codec)
  with tempfile.TemporaryDirectory() as folder:
    for path in runner.find_images(args.images):
      encoded = encode.encode(images.read_rgb(path), bundle)
      (Path(folder) / f"{path.stem}.lic").write_bytes(encoded.data)
    ways = ("numpy", "jit", "eager")
    if bundle.decoder.context is not None:
      ways = ("numpy",)
    found = {
      name: decoded(sys.executable, bundle, folder, *variant)
      for name, variant in VARIANTS.items()
      if variant[0] in ways
    }
    if args.python:
      for how in [way for way in ways if way != "eager"]:
        name = f"{version(args.python)}, {how}"
        found[name] = decoded(args.python, bundle, folder, how, 1, {})
  rows = {
    name: compare(result, found["NumPy"]) for name, result in found.items()
  }
  result = {
    "codec": bundle.folder.name,
    "fingerprint": bundle.card["fingerprint"],
    "machine": runner.machine(),
    "commit": commit,
    "command": shlex.join(["python", *sys.argv]),
    "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    "variants": rows,
  }
  output = Path(__file__).parent / "results" / f"{args.name}.json"
  output.write_text(json.dumps(result, indent=1) + "\n")


def decoded(
  python: str,
  bundle: bundles.Bundle,
  folder: str,
  how: str,
  batch: int,
  environment: dict[str, str],
) -> tuple[dict, dict]:
  """Digests and pixels of every file, by a process of its own."""
  output = f"{folder}/pixels.npz"
  program = Path(__file__).parent / "variant.py"
  command = [python, str(program), str(bundle.folder), folder, how]
  environment = {"PYTHONPATH": str(ROOT), **os.environ, **environment}
  text = subprocess.check_output(
    [*command, str(batch), output], env=environment, text=True
  )
  with np.load(output) as pixels:
    return json.loads(text.splitlines()[-1]), dict(pixels)


def compare(result: tuple[dict, dict], reference: tuple[dict, dict]) -> dict:
  """Files that agree, and the largest difference of a pixel."""
  digests, pixels = result
  row = {"files": len(digests)}
  for kind in ("symbols", "prior"):
    same = [digests[name][kind] == reference[0][name][kind] for name in digests]
    row[f"equal_{kind}"] = sum(same)
  differences = [
    np.abs(pixels[name].astype(int) - reference[1][name]) for name in pixels
  ]
  row["largest_pixel_difference"] = int(max(d.max() for d in differences))
  row["share_of_pixels_that_differ"] = float(
    np.mean([(d > 0).mean() for d in differences])
  )
  print(row, flush=True)
  return row


def version(python: str) -> str:
  code = "import jax; print('JAX', jax.__version__)"
  return subprocess.check_output([python, "-c", code], text=True).strip()


if __name__ == "__main__":
  main()
