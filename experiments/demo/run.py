"""What `make demo` runs: a photograph compressed, and a codec trained.

First the codec that comes with the package compresses a photograph,
decompresses it, and is set beside JPEG at the nearest size. Then
configs/smoke.py is trained on photographs that come with scikit-image,
exported, and does the same. Every step is the command that a user would type;
all files go to demo/. A codec that was trained before, of the same config, is
used again.
"""

import json
import runpy
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from lic_jax.codec import storage
from lic_jax.data import images, reading, sources
from lic_jax.evaluation import classical, picture
from lic_jax.types import LicError

ROOT = Path(__file__).parents[2]
CONFIG = Path("configs", "smoke.py")
FOLDER = Path("demo")  # this and the next are relative to ROOT
WORKDIR, CODEC = FOLDER / "run", FOLDER / "codec"
SHIPPED = "hierarchical_two_layer"


def main() -> int:
  """Entry point; returns the exit status."""
  try:
    config = runpy.run_path(str(ROOT / CONFIG))["get_config"]()
    photograph = held_out(config.data.train, config.data.holdout)
    compress(photograph, SHIPPED, FOLDER / "shipped")
    prepare_codec(json.loads(config.to_json()))
    compress(photograph, str(CODEC), FOLDER / "trained")
  except subprocess.CalledProcessError as error:
    return error.returncode  # the command has said why
  except LicError as error:
    print(f"demo: {error}", file=sys.stderr)
    return 1
  return 0


def prepare_codec(config: dict) -> None:
  """Trains and exports, unless there is a codec of this config."""
  if _trained(CODEC / "card.json") == config:
    print(f"\nusing {CODEC} again; remove {FOLDER}/ to train anew")
    return
  if _config_of(WORKDIR / "config.json") != config:
    shutil.rmtree(ROOT / WORKDIR, ignore_errors=True)
  train = ["python", "-m", "lic_jax.train"]
  call(*train, f"--config={CONFIG}", f"--workdir={WORKDIR}")
  export = ["python", "-m", "lic_jax.export"]
  call(*export, f"--workdir={WORKDIR}", f"--output={CODEC}")


def held_out(train: str, fraction: float) -> Path:
  """The first photograph that training held out."""
  _, validation = sources.split_holdout(sources.open_source(train), fraction)
  paths = {path.name: path for path in images.bundled_paths()}
  return paths[validation.name(0)]


def compress(path: Path, codec: str, folder: Path) -> None:
  """Image to file and back; prints the figures, writes the picture."""
  (ROOT / folder).mkdir(parents=True, exist_ok=True)
  coded = folder / f"{path.stem}.lic"
  decoded = folder / f"{path.stem}.png"
  call("lic", "encode", str(path), str(coded), f"--codec={codec}")
  call("lic", "decode", str(coded), str(decoded), f"--codec={codec}")
  # With its colour profile applied, as it was encoded; a grey one would not be
  # RGB, but none of the bundled photographs is.
  rgb = reading.read(path.read_bytes()).pixels
  ours = images.read_rgb(ROOT / decoded)
  size = (ROOT / coded).stat().st_size
  jpeg = classical.nearest_jpeg(rgb, size)
  storage.write_bytes(ROOT / folder / f"{path.stem}.jpg", jpeg.data)

  def figures(data_bytes: int, psnr: float) -> str:
    bpp = 8 * data_bytes / (rgb.shape[0] * rgb.shape[1])
    return f"{data_bytes:>7} bytes  {bpp:.4f} bpp  {psnr:.2f} dB"

  rows = {
    "lic": figures(size, classical.psnr(rgb, ours)),
    "JPEG": figures(len(jpeg.data), jpeg.psnr),
  }
  print(f"\n{path.stem}, {rgb.shape[1]}x{rgb.shape[0]}, not trained on:")
  for name, row in rows.items():
    print(f"  {name:<6}{row}")
  print(f"  (JPEG of quality {jpeg.quality}, {jpeg.subsampling})")
  pictures = {
    "original": rgb,
    f"lic: {rows['lic'].strip()}": ours,
    f"JPEG: {rows['JPEG'].strip()}": classical.decode(jpeg.data),
  }
  beside = folder / f"{path.stem}_side_by_side.png"
  images.write_png(ROOT / beside, picture.side_by_side(pictures))
  print(f"side by side: {beside}")


def call(program: str, *arguments: str) -> None:
  """Runs a command in the repository, after showing it.

  Raises:
    CalledProcessError: it failed.
  """
  print(f"\n$ {shlex.join([program, *arguments])}", flush=True)
  paths = {
    "python": sys.executable,
    "lic": str(Path(sysconfig.get_path("scripts"), "lic")),
  }
  subprocess.run([paths[program], *arguments], cwd=ROOT, check=True)


def _trained(card: Path) -> dict | None:
  """The config of a codec; None without a codec."""
  content = _config_of(card)
  return content and content.get("training", {}).get("config")


def _config_of(path: Path) -> dict | None:
  try:
    return json.loads((ROOT / path).read_text())
  except (OSError, ValueError):
    return None


if __name__ == "__main__":
  sys.exit(main())
