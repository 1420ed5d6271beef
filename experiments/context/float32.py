r"""How many scale tables would differ if files depended on float32 networks.

  python experiments/context/float32.py --codec=BUNDLE --image=kodim23.png

Encodes the image, gives its symbols to the trained float32 model in processes
that compile it in different ways, and compares the tables that its scales pick
with those of the first. One that differs is enough to lose the rest of a file.
Files do not: their tables are computed in fixed point, by NumPy. Writes
results/float32.json.
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
from lic_jax.codec import encode, tables
from lic_jax.data import images
from lic_jax.evaluation import runner
from lic_jax.models import build

HERE = Path(__file__).parent
# XLA's own settings, and how many other images are in the batch before ours.
VARIANTS = {
  "as it comes": ({}, 0),
  "again": ({}, 0),
  "1 thread": ({"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"}, 0),
  "AVX2": ({"XLA_FLAGS": "--xla_cpu_max_isa=AVX2"}, 0),
  "SSE4.2": ({"XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2"}, 0),
  "batch of 2": ({}, 1),
}


def main() -> None:
  """Runs all of it, or one variant where it is started by itself."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--codec", required=True)
  parser.add_argument("--image", type=Path)
  parser.add_argument("--latents", type=Path, help="used by itself")
  parser.add_argument("--batch", type=int, default=0, help="used by itself")
  args = parser.parse_args()
  if args.latents:
    picked(args.codec, args.latents, args.batch)
    return
  encoded = encode.encode(images.read_rgb(args.image), bundles.find(args.codec))
  found = {}
  with tempfile.TemporaryDirectory() as folder:
    latents = Path(folder) / "latents.npz"
    np.savez(latents, z_hat=encoded.latents.z, symbols=encoded.symbols.y)
    for name, (environment, batch) in VARIANTS.items():
      command = [sys.executable, __file__, f"--codec={args.codec}"]
      command += [f"--latents={latents}", f"--batch={batch}"]
      subprocess.run(command, env={**os.environ, **environment}, check=True)
      found[name] = np.load(latents.with_suffix(".npy"))
  first = next(iter(found.values()))
  result = {
    "codec": Path(args.codec).name,
    "image": args.image.name,
    "symbols": int(first.size),
    "tables_that_differ": {
      name: int(np.sum(table != first)) for name, table in found.items()
    },
    "machine": runner.machine(),
    "commit": runner.commit(HERE),
    "command": shlex.join(["python", *sys.argv]),
    "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
  }
  text = json.dumps(result, indent=1)
  (HERE / "results" / "float32.json").write_text(text + "\n")
  print(text)


def picked(codec: str, latents: Path, others: int) -> None:
  """Writes the tables that the float32 model picks."""
  import jax

  bundle = bundles.find(codec)
  model = build.build(bundle.card["model"])
  params = bundles.read_encoder(bundle)
  with np.load(latents) as arrays:
    z_hat, symbols = arrays["z_hat"], arrays["symbols"].astype(np.float32)
  batch = [
    np.concatenate([*(np.flip(x, 2) for _ in range(others)), x])
    for x in (z_hat, symbols)
  ]

  @jax.jit
  def scales(params, z_hat, symbols):
    return model.apply({"params": params}, z_hat, symbols, method="scales")

  scale = np.asarray(scales(params, *batch))[-1:]
  table = np.searchsorted(tables.scale_borders(), scale, side="right")
  np.save(latents.with_suffix(".npy"), table)


if __name__ == "__main__":
  main()
