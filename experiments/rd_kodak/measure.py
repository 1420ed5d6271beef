"""Rate and distortion of classical codecs on Kodak, by real files.

  python experiments/rd_kodak/measure.py --images=../shared/data/kodak

JPEG, WebP, JPEG 2000 and AVIF by Pillow as `lic_jax.evaluation.classical` sets
them, JPEG XL and HEIC (4:4:4) by the plugins of the extra [bench]; one that is
absent is skipped, with a line that says so. Writes results/classical.json:
means over the images, per codec and quality.
"""

import argparse
import datetime
import functools
import importlib
import importlib.metadata
import io
import json
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, features

from lic_jax.data import images
from lic_jax.evaluation import classical, runner
from lic_jax.evaluation.runner import Row
from lic_jax.types import LicError, UInt8

HERE = Path(__file__).parent
RESULT = HERE / "results" / "classical.json"
# On each codec's own scale; of JPEG 2000, the PSNR in dB that it aims at.
QUALITIES: dict[str, Sequence[int]] = {
  "jpeg": (5, 10, 20, 30, 50, 70, 80, 90, 95),
  "webp": (0, 10, 30, 50, 70, 80, 90),
  "jpeg2000": (25, 28, 31, 34, 37, 40),
  "avif": (10, 20, 30, 40, 50, 60, 75),
  "jpeg_xl": (5, 20, 40, 60, 80, 90),
  "heic": (10, 20, 30, 40, 50),
}
LABELS = {
  "jpeg": "JPEG",
  "webp": "WebP",
  "jpeg2000": "JPEG 2000",
  "avif": "AVIF",
  "jpeg_xl": "JPEG XL",
  "heic": "HEIC",
}
# Pillow's feature whose version names the library.
LIBRARIES = {
  "jpeg": "jpg",
  "webp": "webp",
  "jpeg2000": "jpg_2000",
  "avif": "avif",
}
Encode = Callable[[UInt8[np.ndarray, "h w 3"], int], bytes]


def main() -> int:
  """Measures all that is there; returns the exit status."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--images", required=True, type=Path)
  folder = parser.parse_args().images
  try:
    paths = runner.find_images(folder)
    codecs = encoders(print)
    curves = measure(paths, codecs)
  except LicError as error:
    print(f"rd_kodak: {error}", file=sys.stderr)
    return 1
  result = {
    "dataset": folder.resolve().name,
    "count": len(paths),
    "machine": runner.machine(),
    "libraries": {name: version(name) for name in curves},
    "commit": runner.commit(HERE),
    "command": shlex.join(["python", *sys.argv]),
    "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    "curves": curves,
  }
  RESULT.parent.mkdir(exist_ok=True)
  RESULT.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
  return 0


def encoders(report: Callable[[str], None]) -> dict[str, Encode]:
  """Codec -> a function of image and quality, of those that are installed.

  Args:
    report: takes a line for each that is not.
  """
  found: dict[str, Encode] = {
    name: functools.partial(_pillow, codec=name)
    for name in classical.available()
  }
  plugins = {
    "jpeg_xl": ("pillow_jxl", "JXL", {"effort": 7}),
    "heic": ("pillow_heif", "HEIF", {"chroma": "444"}),
  }
  for name, (module, file_format, options) in plugins.items():
    try:
      plugin = importlib.import_module(module)
    except ImportError:
      continue
    if hasattr(plugin, "register_heif_opener"):
      plugin.register_heif_opener()
    found[name] = functools.partial(
      _plugin, file_format=file_format, options=options
    )
  for name in QUALITIES:
    if name not in found:
      report(f"{LABELS[name]}: skipped, not installed (see the extra [bench])")
  return found


def measure(
  paths: Sequence[Path], codecs: dict[str, Encode]
) -> dict[str, list[Row]]:
  """Codec -> means over the images at each of `QUALITIES`."""
  rows: dict[str, list[Row]] = {name: [] for name in codecs}
  for number, path in enumerate(paths, 1):
    print(f"{number}/{len(paths)} {path.name}", flush=True)
    rgb = images.read_rgb(path)
    for name, encode in codecs.items():
      rows[name] += [row(rgb, encode, quality) for quality in QUALITIES[name]]
  return {name: runner.points(of) for name, of in rows.items()}


def row(rgb: UInt8[np.ndarray, "h w 3"], encode: Encode, quality: int) -> Row:
  """One image through one file: quality, bpp, psnr, ms_ssim."""
  data = encode(rgb, quality)
  bpp = 8 * len(data) / (rgb.shape[0] * rgb.shape[1])
  fidelity = runner.fidelity(rgb, classical.decode(data))
  return {"quality": quality, "bpp": bpp, **fidelity}


def version(name: str) -> str:
  """The library behind a codec."""
  if name in LIBRARIES:
    return f"{LIBRARIES[name]} {features.version(LIBRARIES[name])}"
  package = {"jpeg_xl": "pillow-jxl-plugin", "heic": "pillow-heif"}[name]
  return f"{package} {importlib.metadata.version(package)}"


def _pillow(
  rgb: UInt8[np.ndarray, "h w 3"], quality: int, *, codec: str
) -> bytes:
  return classical.encode(rgb, codec, quality)


def _plugin(
  rgb: UInt8[np.ndarray, "h w 3"],
  quality: int,
  *,
  file_format: str,
  options: dict,
) -> bytes:
  buffer = io.BytesIO()
  Image.fromarray(rgb).save(buffer, file_format, quality=quality, **options)
  return buffer.getvalue()


if __name__ == "__main__":
  sys.exit(main())
