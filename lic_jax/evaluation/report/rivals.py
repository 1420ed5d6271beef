"""The classical codecs of a report: their curves, and files of matched size."""

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from lic_jax.data import images
from lic_jax.evaluation import classical, runner
from lic_jax.evaluation.runner import Row
from lic_jax.types import LicError, UInt8

# Qualities of each curve: from below 0.2 to about 2 bpp on photographs.
LADDER: dict[str, Sequence[int]] = {
  "jpeg": (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95),
  "webp": (0, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95),
  "jpeg2000": (24, 26, 28, 30, 32, 34, 36, 38, 40),
  "avif": (10, 20, 30, 40, 50, 60, 70, 80),
}
# Media types of the files that browsers show; the others become WebP.
_SHOWN = {"jpeg": "image/jpeg", "webp": "image/webp", "avif": "image/avif"}


def curves(
  paths: Iterable[Path], *, report: Callable[[str], None]
) -> tuple[dict[str, list[Row]], list[str]]:
  """Points of every classical codec that Pillow writes, on these images.

  Args:
    paths: of the images.
    report: takes one line of progress per image.

  Returns:
    Codec -> means over the images at each quality of `LADDER`, as
    `runner.points` gives them; and one line for each codec that is missing.
  """
  rows: dict[str, list[Row]] = {name: [] for name in classical.available()}
  missing = [
    f"{name}: this build of Pillow cannot write it"
    for name in classical.CODECS
    if name not in rows
  ]
  for path in paths:
    report(f"report: {path.name} through {', '.join(rows)}")
    rgb = images.read_rgb(path)
    for name in list(rows):
      try:
        rows[name] += [_row(rgb, name, quality) for quality in LADDER[name]]
      except LicError as error:  # an image of a size it does not know
        del rows[name]
        missing.append(f"{name}: {path.name}: {error}")
  return {name: runner.points(of) for name, of in rows.items()}, missing


def matched(
  rgb: UInt8[np.ndarray, "h w 3"], codecs: Iterable[str], target_bytes: int
) -> list[Row]:
  """Each codec's file of the nearest size, as the viewer shows it."""
  pictures = []
  for name in codecs:
    nearest = classical.nearest(rgb, name, target_bytes)
    decoded = classical.decode(nearest.data)
    pictures.append(
      {
        "codec": name,
        "quality": nearest.quality,
        **_figures(rgb, nearest.data, decoded),
        "uri": uri(nearest.data, _SHOWN[name])
        if name in _SHOWN
        else lossless(decoded),
      }
    )
  return pictures


def lossless(rgb: UInt8[np.ndarray, "h w 3"]) -> str:
  """A data URI of exactly these pixels."""
  buffer = io.BytesIO()
  # WebP, a fifth smaller than PNG, up to the largest side that it has.
  webp = max(rgb.shape) <= 16383
  file_format, options = ("WEBP", {"lossless": True}) if webp else ("PNG", {})
  Image.fromarray(rgb).save(buffer, file_format, **options)
  return uri(buffer.getvalue(), "image/webp" if webp else "image/png")


def uri(data: bytes, media_type: str) -> str:
  """A file as a data URI."""
  return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def _row(rgb: UInt8[np.ndarray, "h w 3"], codec: str, quality: int) -> Row:
  data = classical.encode(rgb, codec, quality)
  figures = _figures(rgb, data, classical.decode(data))
  return {"quality": quality, **figures}


def _figures(
  rgb: UInt8[np.ndarray, "h w 3"],
  data: bytes,
  decoded: UInt8[np.ndarray, "h w 3"],
) -> Row:
  """bytes, bpp, psnr and ms_ssim of a file."""
  return {
    "bytes": len(data),
    "bpp": len(data) * 8 / (rgb.shape[0] * rgb.shape[1]),
    **runner.fidelity(rgb, decoded),
  }
