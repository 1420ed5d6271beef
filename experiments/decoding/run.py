r"""How long decoding a photograph takes, as a whole process.

  python experiments/decoding/run.py --codec=BUNDLE --image=kodim23.png \
    [--compressai=INTERPRETER] [--rounds=9]

Start-up, reading, decoding and writing a PNG: by `lic decode`, by the same
networks through JAX, by djxl and avifdec where they are installed, and by
CompressAI's mean-scale hyperprior with an interpreter that has it. The programs
run in turn, A B C A B C ..., so that all see the same machine. Writes
results/decoding.json.
"""

import argparse
import datetime
import json
import os
import resource
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from lic_jax.codec import bundle as bundles
from lic_jax.data import images
from lic_jax.evaluation import runner
from lic_jax.sga import encode

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def main() -> None:
  """Runs all of it."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--codec", required=True)
  parser.add_argument("--image", required=True, type=Path)
  parser.add_argument("--compressai", help="interpreter with CompressAI")
  parser.add_argument("--rounds", type=int, default=9)
  args = parser.parse_args()
  commit = runner.commit(ROOT)
  bundle = bundles.find(args.codec)
  with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    (folder / "p.lic").write_bytes(
      encode.encode(images.read_rgb(args.image), bundle).data
    )
    programs = commands(bundle.folder, folder, args.image, args.compressai)
    runs = {program: [] for program in programs}
    for number in range(args.rounds + 1):
      for program, command in programs.items():
        run = measure(command)
        if number:  # the first round fills the caches
          runs[program].append(run)
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
  rows = {program: summary(measured) for program, measured in runs.items()}
  result = {
    "image": args.image.name,
    "codec": bundle.folder.name,
    "fingerprint": bundle.card["fingerprint"],
    "rounds": args.rounds,
    "bytes": sizes,
    "programs": rows,
    "versions": versions(args.compressai),
    "machine": runner.machine(),
    "load": os.getloadavg(),
    "commit": commit,
    "command": shlex.join(["python", *sys.argv]),
    "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
  }
  output = HERE / "results" / "decoding.json"
  output.write_text(json.dumps(result, indent=1) + "\n")
  for program, row in rows.items():
    print(
      f"{program:<28}{row['median_wall_s']:8.3f} s  ({row['min_s']:.3f} best)"
    )


def commands(
  codec: Path, folder: Path, image: Path, compressai: str | None
) -> dict[str, list[str]]:
  """The programs, after making the file that each decodes."""
  size = (folder / "p.lic").stat().st_size
  source, out = str(folder / "p.lic"), str(folder / "out.png")
  lic = [sys.executable, "-m", "lic_jax.compress", "decode", source, out]
  jax = [sys.executable, str(HERE / "through_jax.py"), source, out]
  found = {
    "lic decode": [*lic, f"--codec={codec}"],
    "the same through JAX": [*jax, str(codec)],
  }
  rgb = Image.open(image).convert("RGB")
  for program, suffix, name in (
    ("djxl", "jxl", "JXL"),
    ("avifdec", "avif", "AVIF"),
  ):
    path = folder / f"p.{suffix}"
    if shutil.which(program) and nearest(rgb, path, name, size):
      found[program] = [program, str(path), out]
  if compressai:
    script, coded = str(HERE / "compressai_decode.py"), str(folder / "p.cai")
    subprocess.run([compressai, script, str(image), coded], check=True)
    found["CompressAI mbt2018-mean"] = [compressai, script, coded, out]
  return found


def nearest(rgb: Image.Image, path: Path, name: str, size: int) -> bool:
  """Writes the file of a classical codec that is nearest in size."""
  files = {}
  for quality in range(5, 96, 5):
    if name == "JXL":
      png = path.with_suffix(".source.png")
      rgb.save(png)
      command = ["cjxl", str(png), str(path), "-q", str(quality), "--quiet"]
      if subprocess.run(command, capture_output=True).returncode:
        return False
      png.unlink()
    else:
      rgb.save(path, format=name, quality=quality)
    data = path.read_bytes()
    files[abs(len(data) - size)] = data
  path.write_bytes(files[min(files)])
  return True


def measure(command: list[str]) -> dict[str, float]:
  """One run: wall and processor seconds, and those that a program tells."""
  before = resource.getrusage(resource.RUSAGE_CHILDREN)
  start = time.perf_counter()
  run = subprocess.run(command, capture_output=True, text=True, check=True)
  seconds = time.perf_counter() - start
  after = resource.getrusage(resource.RUSAGE_CHILDREN)
  used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
  told = {
    f"{name}_s": float(number)
    for name, _, number in [run.stdout.partition(" ")]
    if name == "decompress"
  }
  return {"wall_s": seconds, "processor_s": used, **told}


def summary(runs: list[dict[str, float]]) -> dict[str, float]:
  """Extremes of the wall time, and medians of all."""
  walls = [run["wall_s"] for run in runs]
  row = {"min_s": min(walls), "max_s": max(walls)}
  for name in runs[0]:
    row[f"median_{name}"] = statistics.median(run[name] for run in runs)
  return {name: round(value, 4) for name, value in row.items()}


def versions(compressai: str | None) -> dict[str, str]:
  """What the other programs call themselves."""
  asked = {
    "djxl": ["djxl", "--version"],
    "avifdec": ["avifdec", "--version"],
  }
  if compressai:
    code = "import compressai, torch; print(compressai.__version__, end=' ')"
    code += "; print('torch', torch.__version__)"
    asked["compressai"] = [compressai, "-W", "ignore", "-c", code]
  return {
    name: subprocess.run(
      command, capture_output=True, text=True
    ).stdout.splitlines()[0]
    for name, command in asked.items()
    if shutil.which(command[0])
  }


if __name__ == "__main__":
  main()
