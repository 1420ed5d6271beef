r"""Time and memory of a picture of 100 megapixels, as whole processes.

  python experiments/large/run.py --codec=BUNDLE --images=KODAK \
    [--width=12500 --height=8000] [--name=large]

Makes a mosaic of the photographs, encodes and decodes it with `lic`. Writes
results/NAME.json.
"""

# No more than the standard library: what a process that is started inherits
# counts as its memory.
import argparse
import datetime
import json
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
  """Runs all of it."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--codec", required=True)
  parser.add_argument("--images", required=True)
  parser.add_argument("--width", type=int, default=12_500)
  parser.add_argument("--height", type=int, default=8000)
  parser.add_argument("--name", default="large")
  args = parser.parse_args()
  described = describe()
  lic = [sys.executable, "-m", "lic_jax.compress"]
  codec = f"--codec={args.codec}"
  with tempfile.TemporaryDirectory() as folder:
    picture, coded, out = (
      f"{folder}/{name}" for name in ("p.png", "p.lic", "out.png")
    )
    size = [str(args.width), str(args.height)]
    mosaic = [sys.executable, str(HERE / "mosaic.py"), args.images, *size]
    subprocess.run([*mosaic, picture], check=True)
    result = {
      "width": args.width,
      "height": args.height,
      "encode": measure([*lic, "encode", picture, coded, codec]),
      "decode": measure([*lic, "decode", coded, out, codec]),
      "bytes": Path(coded).stat().st_size,
    }
  result |= {
    "codec": Path(args.codec).name,
    **described,
    "command": shlex.join(["python", *sys.argv]),
    "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
  }
  text = json.dumps(result, indent=1)
  (HERE / "results" / f"{args.name}.json").write_text(text + "\n")
  print(text)


def measure(command: list[str]) -> dict[str, float]:
  """Seconds, and the most memory that the process held."""
  watch = (
    "import resource, subprocess, sys;"
    "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
  )
  start = time.perf_counter()
  text = subprocess.check_output([sys.executable, "-c", watch, *command])
  seconds = time.perf_counter() - start
  return {"seconds": round(seconds, 1), "gibibytes": int(text) / 2**20}


def describe() -> dict:
  """Machine and commit, from a process that may be large."""
  code = (
    "import json, pathlib; from lic_jax.evaluation import runner;"
    f"root = pathlib.Path({str(HERE.parents[1])!r});"
    "found = dict(machine=runner.machine(), commit=runner.commit(root));"
    "print(json.dumps(found))"
  )
  return json.loads(subprocess.check_output([sys.executable, "-c", code]))


if __name__ == "__main__":
  main()
