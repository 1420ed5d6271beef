r"""Seconds of encoding and decoding, part by part, of two codecs in turn.

  python experiments/context/timing.py --codecs=BUNDLE,BUNDLE \
    --image=kodim23.png [--rounds=9] [--results=DIR]

In one process, after one round that compiles. Parts are functions of the codec
with a clock around them; what is inside none of them is "rest". Beside them the
MACs that `evaluation.model_report` counts, and so the arithmetic per second.
Writes timing.json.
"""

import argparse
import collections
import contextlib
import datetime
import functools
import json
import os
import shlex
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from lic_jax.codec import bundle as bundles
from lic_jax.codec import coder, decode, encode
from lic_jax.data import images
from lic_jax.entropy.fixed_point import contexts
from lic_jax.evaluation import runner
from lic_jax.evaluation.model_report import model_report
from lic_jax.models import build

HERE = Path(__file__).parent
# Part: where its function is, and the names of it in the report.
PARTS = {
  "analyses": (encode, "analyse", ("analysis", "hyper_analysis")),
  "hyper-synthesis": (contexts, "hyper_synthesis", ("hyper_synthesis",)),
  "hyper-synthesis ": (decode, "prior", ("hyper_synthesis",)),
  "inter-slice": (contexts, "inter_slice", ("inter",)),
  "channel": (contexts, "channel_context", ("channel",)),
  "local": (contexts, "local_context", ("local",)),
  "intra-slice": (contexts, "intra_slice", ("intra",)),
  "entropy parameters": (
    contexts,
    "entropy_parameters",
    ("anchor_parameters", "nonanchor_parameters"),
  ),
  "residual": (
    contexts,
    "latent_residual",
    ("anchor_residual", "residual"),
  ),
  "entropy coder, writing": (coder, "encode_passes", ()),
  "entropy coder, reading": (coder.Reader, "read", ()),
  "synthesis": (decode, "reconstruct", ("synthesis",)),
}


def main() -> None:
  """Runs all of it."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--codecs", required=True, help="two, by a comma")
  parser.add_argument("--image", required=True, type=Path)
  parser.add_argument("--rounds", type=int, default=9)
  parser.add_argument("--results", type=Path, default=HERE / "results")
  args = parser.parse_args()
  codecs = [bundles.find(name) for name in args.codecs.split(",")]
  rgb = images.read_rgb(args.image)
  runs = {bundle.folder.name: {"encode": [], "decode": []} for bundle in codecs}
  for number in range(args.rounds + 1):
    for bundle in codecs:
      with clocks() as spent:
        encoded = encode.encode(rgb, bundle)
      with clocks() as spent_decoding:
        decode.decode(encoded.data, bundle)
      if number:  # the first round compiles
        runs[bundle.folder.name]["encode"].append(spent)
        runs[bundle.folder.name]["decode"].append(spent_decoding)
  result = {
    "image": args.image.name,
    "rounds": args.rounds,
    "codecs": {
      bundle.folder.name: {
        direction: summary(measured, bundle, rgb.shape[:2])
        for direction, measured in runs[bundle.folder.name].items()
      }
      for bundle in codecs
    },
    "machine": runner.machine(),
    "load": os.getloadavg(),
    "commit": runner.commit(HERE),
    "command": shlex.join(["python", *sys.argv]),
    "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
  }
  text = json.dumps(result, indent=1)
  (args.results / "timing.json").write_text(text + "\n")
  print(text)


@contextlib.contextmanager
def clocks() -> Iterator[dict[str, float]]:
  """Seconds of every part in the block, and of all of it as "total"."""
  spent: dict[str, float] = collections.defaultdict(float)
  before = {}

  def timed(part: str, function, *args, **kwargs):
    start = time.perf_counter()
    try:
      return function(*args, **kwargs)
    finally:
      spent[part.strip()] += time.perf_counter() - start

  for part, (owner, name, _) in PARTS.items():
    before[part] = getattr(owner, name)
    wrapped = functools.partial(timed, part, before[part])
    if isinstance(owner, type):  # a method needs its object
      wrapped = _method(part, before[part], timed)
    setattr(owner, name, wrapped)
  start = time.perf_counter()
  try:
    yield spent
  finally:
    spent["total"] = time.perf_counter() - start
    for part, (owner, name, _) in PARTS.items():
      setattr(owner, name, before[part])


def _method(part: str, function, timed):
  def call(self, *args, **kwargs):
    return timed(part, function, self, *args, **kwargs)

  return call


def summary(
  runs: list[dict[str, float]], bundle: bundles.Bundle, size: tuple[int, int]
) -> dict[str, dict[str, float]]:
  """Median and least seconds of every part, MACs, and GFLOP/s at the median."""
  report = model_report(build.build(bundle.card["model"]), *size)
  macs = {part.name: float(part.macs) for part in report}
  rows = {}
  for part in runs[0]:
    seconds = [run[part] for run in runs]
    row = {"median_s": statistics.median(seconds), "least_s": min(seconds)}
    names = [n for p in PARTS if p.strip() == part for n in PARTS[p][2]]
    millions = sum(macs.get(name, 0) for name in dict.fromkeys(names)) / 1e6
    if millions:
      row["megamacs"] = millions
      row["gflops"] = 2e-3 * millions / row["median_s"]
    rows[part] = {name: round(value, 4) for name, value in row.items()}
  inside = sum(row["median_s"] for part, row in rows.items() if part != "total")
  rows["rest"] = {"median_s": round(rows["total"]["median_s"] - inside, 4)}
  return rows


if __name__ == "__main__":
  main()
