"""Rate and distortion of a codec by the files it really writes.

Specification section 5: every image on its own; bpp is the whole file's, over
the pixels of the original; PSNR and MS-SSIM compare 8-bit RGB; a point of the
R-D curve is the arithmetic mean of the images' figures. The estimate of the
rate stands beside the real one.
"""

import math
import os
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from lic_jax.codec import decode, encode
from lic_jax.codec.bundle import Bundle
from lic_jax.data import images
from lic_jax.metrics import distortion
from lic_jax.sga import encode as iterative
from lic_jax.types import LicError, UInt8

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".ppm")
MEANS = ("bpp", "psnr", "ms_ssim")

Row = dict[str, Any]
# Takes the image, its row and what was decoded, (h, w, 3) each.
Seen = Callable[[np.ndarray, Row, np.ndarray], None]


def find_images(folder: Path | str) -> list[Path]:
  """The images directly in a folder, by name.

  Raises:
    LicError: there is no such folder, or no image in it.
  """
  folder = Path(folder)
  if not folder.is_dir():
    raise LicError(f"{folder} is not a folder")
  paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
  if not paths:
    raise LicError(f"{folder} holds no images")
  return paths


def evaluate(
  bundle: Bundle,
  paths: Sequence[Path],
  *,
  qualities: Sequence[float | int] | None = None,
  sweeps: int | None = None,
  sga_steps: int = 0,
  postfilter: bool | None = None,
  report: Callable[[str], None] = print,
  seen: Seen | None = None,
) -> dict[str, list[Row]]:
  """Encodes and decodes images; the "images" and "points" of the JSON file.

  Args:
    bundle: the codec.
    paths: of the images.
    qualities: None for the whole ones that the codec has.
    sweeps: of `sga.rdoq`; None for as many as `lic encode` makes.
    sga_steps: steps of stochastic Gumbel annealing; 0 for none.
    postfilter: whether one is fitted to each image; None for as `lic encode`.
    report: takes one line of progress per image and quality.
    seen: takes what was measured, per image and quality.

  Raises:
    LicError: an image that cannot be read, or a quality the codec lacks.
  """
  qualities = bundle.rungs if qualities is None else qualities
  compiled: set[tuple[int, int]] = set()
  rows = []
  for number, path in enumerate(paths, 1):
    rgb = images.read_rgb(path)
    if _padded(rgb, bundle) not in compiled:
      # Compiles, so that times are those of work.
      measure(
        rgb,
        bundle,
        quality=qualities[0],
        sweeps=sweeps,
        sga_steps=min(1, sga_steps),
        postfilter=postfilter,
      )
      compiled.add(_padded(rgb, bundle))
    for quality in qualities:
      row, decoded = measure_decoded(
        rgb,
        bundle,
        quality=quality,
        sweeps=sweeps,
        sga_steps=sga_steps,
        postfilter=postfilter,
      )
      row = {"name": path.name, **row}
      rows.append(row)
      if seen is not None:
        seen(rgb, row, decoded)
      report(
        f"{number}/{len(paths)} {path.name} quality {quality:g}: "
        f"{row['bytes']} bytes, {row['bpp']:.4f} bpp "
        f"(estimated {row['estimated_bpp']:.4f}), {_decibel(row['psnr'])}, "
        f"MS-SSIM {row['ms_ssim']:.5f}"
      )
  return {"images": rows, "points": points(rows)}


def measure(
  rgb: UInt8[np.ndarray, "h w 3"],
  bundle: Bundle,
  *,
  quality: float | int,
  sweeps: int | None = None,
  sga_steps: int = 0,
  postfilter: bool | None = None,
) -> Row:
  """One image through a real file.

  Returns:
    height, width, quality, bytes, bpp, estimated_bpp, psnr (dB, None where
    nothing was lost), ms_ssim, encode_s and decode_s.
  """
  options = dict(quality=quality, sweeps=sweeps, sga_steps=sga_steps)
  return measure_decoded(rgb, bundle, postfilter=postfilter, **options)[0]


def measure_decoded(
  rgb: UInt8[np.ndarray, "h w 3"],
  bundle: Bundle,
  *,
  quality: float | int,
  sweeps: int | None = None,
  sga_steps: int = 0,
  postfilter: bool | None = None,
) -> tuple[Row, UInt8[np.ndarray, "h w 3"]]:
  """The row of `measure`, and the decoded image."""
  height, width = rgb.shape[:2]
  start = time.perf_counter()
  encoded = iterative.encode(
    rgb,
    bundle,
    quality=quality,
    sweeps=sweeps,
    steps=sga_steps or None,
    postfilter=postfilter,
  )
  encode_s = time.perf_counter() - start
  start = time.perf_counter()
  decoded = decode.decode(encoded.data, bundle)
  decode_s = time.perf_counter() - start
  row = {
    "height": height,
    "width": width,
    "quality": quality,
    "bytes": len(encoded.data),
    "bpp": len(encoded.data) * 8 / (height * width),
    "estimated_bpp": encode.estimated_bits(encoded, bundle) / (height * width),
    **fidelity(rgb, decoded),
    "encode_s": round(encode_s, 4),
    "decode_s": round(decode_s, 4),
  }
  return row, decoded


def fidelity(
  rgb: UInt8[np.ndarray, "h w 3"], decoded: UInt8[np.ndarray, "h w 3"]
) -> Row:
  """psnr in dB, None where nothing was lost, and ms_ssim."""
  x, x_hat = rgb[None], decoded[None]
  psnr = float(distortion.psnr(x, x_hat)[0])
  return {
    "psnr": psnr if math.isfinite(psnr) else None,
    "ms_ssim": float(distortion.ms_ssim(x, x_hat)[0]),
  }


def points(rows: Sequence[Row]) -> list[Row]:
  """Arithmetic means over the images of each quality, by quality."""
  result = []
  for quality in sorted({row["quality"] for row in rows}):
    chosen = [row for row in rows if row["quality"] == quality]
    point: Row = {"quality": quality}
    for name in MEANS:
      values = [row[name] for row in chosen]
      # One image without loss leaves the mean PSNR without a finite value.
      point[name] = None if None in values else sum(values) / len(values)
    result.append(point)
  return result


def machine() -> dict[str, Any]:
  """What the figures were measured on."""
  return {
    "system": platform.platform(),
    "cpu": _cpu(),
    "cores": os.cpu_count(),
    "device": jax.devices()[0].device_kind,
    "python": platform.python_version(),
    "jax": jax.__version__,
    "numpy": np.__version__,
  }


def commit(folder: Path) -> str | None:
  """The git commit of a source folder, "-dirty" with changes; None without."""
  command = ["git", "-C", str(folder), "describe", "--always"]
  command += ["--abbrev=40", "--dirty", "--exclude=*"]
  try:
    described = subprocess.run(
      command, capture_output=True, text=True, check=True
    )
  except (OSError, subprocess.CalledProcessError):
    return None
  return described.stdout.strip()


def _padded(rgb: UInt8[np.ndarray, "h w 3"], bundle: Bundle) -> tuple[int, int]:
  """Strides that an image covers: what the analysis is compiled for."""
  stride = bundle.decoder.stride
  return -(-rgb.shape[0] // stride), -(-rgb.shape[1] // stride)


def _decibel(psnr: float | None) -> str:
  return "lossless" if psnr is None else f"{psnr:.3f} dB"


def _cpu() -> str:
  """The processor's name, where the system tells it."""
  try:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
      if line.startswith("model name"):
        return line.partition(":")[2].strip()
  except OSError:
    pass
  return platform.processor() or platform.machine()
