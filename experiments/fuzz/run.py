r"""Damaged files: a right picture or one clear line, in bounded time and space.

  python experiments/fuzz/run.py --codec=BUNDLE [--count=100000] \
    [--processes=1000] [--output=FILE.json]

Encodes small and odd-sized crops of photographs, damages the files in the ways
of mutations.py, and decodes them: `count` in this process, `processes` of them
by `lic decode`. Exit status 1 if any gave a wrong picture, anything but a
clear error, or took more than 1 GiB or 10 s.
"""

import argparse
import collections
import datetime
import json
import os
import re
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import mutations
import numpy as np
from PIL import Image

from lic_jax.codec import bundle as bundles
from lic_jax.codec import decode, encode
from lic_jax.data import images
from lic_jax.evaluation import runner
from lic_jax.types import LicError

ROOT = Path(__file__).parents[2]
# Height, width, channels.
SHAPES = (
  *((1, 1, 3), (1, 9, 3), (7, 1, 1), (33, 17, 3), (64, 64, 3), (65, 63, 1)),
  *((40, 130, 3), (128, 96, 3)),
)
MOST_SECONDS, MOST_BYTES = 10, 1 << 30
NUMBER = re.compile(r"\b[0-9a-fx]*\d[0-9a-fx]*\b")  # sizes and hexadecimal too
BAD = ("wrong picture", "traceback", "slow", "large")


def main() -> int:
  """Runs all of it; returns the exit status."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--codec", required=True)
  parser.add_argument("--count", type=int, default=100_000)
  parser.add_argument("--processes", type=int, default=1000)
  parser.add_argument("--seed", type=int, default=0)
  parser.add_argument(
    "--output", type=Path, default=Path(__file__).parent / "results/fuzz.json"
  )
  args = parser.parse_args()
  commit = runner.commit(ROOT)
  bundle = bundles.find(args.codec)
  files = sources(bundle)
  rng = np.random.default_rng(args.seed)
  here, reasons, slowest = in_process(bundle, files, args.count, rng)
  here_bytes = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  there, there_slowest, there_bytes = as_processes(
    bundle, files, args.processes, rng
  )
  result = {
    "codec": bundle.folder.name,
    "fingerprint": bundle.card["fingerprint"],
    "machine": runner.machine(),
    "commit": commit,
    "command": shlex.join(["python", *sys.argv]),
    "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    "in_process": {
      "files": args.count,
      "outcomes": here,
      "reasons": dict(reasons.most_common()),
      "slowest_seconds": slowest,
      # Of the encoder that made the files and its compiler, too.
      "largest_bytes": here_bytes,
    },
    "processes": {
      "files": args.processes,
      "outcomes": there,
      "slowest_seconds": there_slowest,
      "largest_bytes": there_bytes,
    },
  }
  args.output.write_text(json.dumps(result, indent=1) + "\n")
  print(json.dumps({"in process": here, "processes": there}, indent=1))
  both = (*here.values(), *there.values())
  return int(any(tally.get(bad) for tally in both for bad in BAD))


def sources(bundle: bundles.Bundle) -> list[tuple[bytes, np.ndarray]]:
  """Files, and the pictures that they decode to."""
  photographs = list(images.bundled_photographs().values())
  files = []
  for number, (height, width, channels) in enumerate(SHAPES):
    rgb = photographs[number % len(photographs)][90:, 120:][:height, :width]
    pixels = rgb if channels == 3 else rgb[..., 1]
    data = encode.encode(pixels, bundle).data
    files.append((data, decode.decode(data, bundle)))
  return files


def damaged(
  files: list[tuple[bytes, np.ndarray]], rng: np.random.Generator
) -> tuple[str, bytes, np.ndarray]:
  """How a file was damaged, its bytes, and the picture that it had."""
  data, picture = files[rng.integers(len(files))]
  mutation = mutations.ALL[rng.integers(len(mutations.ALL))]
  result = mutation(data, [file for file, _ in files], rng)
  if rng.integers(4) == 0:
    result = mutations.flip(result or b"\0", [], rng)
  return mutation.__name__, result, picture


def in_process(
  bundle: bundles.Bundle,
  files: list[tuple[bytes, np.ndarray]],
  count: int,
  rng: np.random.Generator,
) -> tuple[dict, collections.Counter, float]:
  """Outcomes by mutation, the reasons of refusal, and the longest time."""
  outcomes = collections.defaultdict(collections.Counter)
  reasons = collections.Counter()
  slowest = 0.0
  for number in range(count):
    name, data, picture = damaged(files, rng)
    start = time.perf_counter()
    try:
      decoded = decode.decode(data, bundle)
    except LicError as error:
      outcome = "refused"
      text = str(error)
      reasons[NUMBER.sub("#", text)] += 1
      if not text or "\n" in text:
        outcome = "traceback"
    except BaseException as error:
      outcome = "traceback"
      print(f"{name}: {type(error).__name__}: {error}: {data.hex()}")
      if isinstance(error, KeyboardInterrupt):
        raise
    else:
      outcome = _compare(decoded, picture)
    seconds = time.perf_counter() - start
    slowest = max(slowest, seconds)
    outcomes[name]["slow" if seconds > MOST_SECONDS else outcome] += 1
    if number % 10_000 == 9999:
      print(f"{number + 1} files", file=sys.stderr, flush=True)
  return {k: dict(v) for k, v in sorted(outcomes.items())}, reasons, slowest


def as_processes(
  bundle: bundles.Bundle,
  files: list[tuple[bytes, np.ndarray]],
  count: int,
  rng: np.random.Generator,
) -> tuple[dict, float, int]:
  """Outcomes by mutation, the longest time and the largest memory."""
  outcomes = collections.defaultdict(collections.Counter)
  slowest, largest = 0.0, 0
  with tempfile.TemporaryDirectory() as folder:
    source, target = Path(folder, "damaged.lic"), Path(folder, "out.png")
    command = [sys.executable, "-m", "lic_jax.compress", "decode"]
    command += [str(source), str(target), f"--codec={bundle.folder}"]
    for _ in range(count):
      name, data, picture = damaged(files, rng)
      source.write_bytes(data)
      start = time.perf_counter()
      with tempfile.TemporaryFile("w+") as stderr:
        process = subprocess.Popen(command, stderr=stderr)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        stderr.seek(0)
        said = stderr.read()
      seconds = time.perf_counter() - start
      slowest = max(slowest, seconds)
      largest = max(largest, 1024 * usage.ru_maxrss)
      left = sorted(path.name for path in Path(folder).iterdir())
      clear = said.startswith("lic: ") and said.count("\n") == 1
      if process.returncode == 0 and not said:
        outcome = _compare(np.asarray(Image.open(target)), picture)
        target.unlink()
      elif process.returncode == 1 and clear and left == ["damaged.lic"]:
        outcome = "refused"
      else:
        outcome = "traceback"
        print(f"{name}: {process.returncode} {said!r} {left}: {data.hex()}")
      if seconds > MOST_SECONDS:
        outcome = "slow"
      if 1024 * usage.ru_maxrss > MOST_BYTES:
        outcome = "large"
      outcomes[name][outcome] += 1
  return {k: dict(v) for k, v in sorted(outcomes.items())}, slowest, largest


def _compare(decoded: np.ndarray, picture: np.ndarray) -> str:
  """Whether a file that decodes shows what it showed before it was damaged."""
  same = decoded.shape == picture.shape and np.array_equal(decoded, picture)
  return "right picture" if same else "wrong picture"


if __name__ == "__main__":
  sys.exit(main())
