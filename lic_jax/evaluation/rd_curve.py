"""Rate-distortion curves, as records read from the JSON files that hold them.

Two layouts: what `evaluate` writes ({"codec", "dataset", "points": [...]}) and
the published figures ({dataset: {name: {"bpp": [...], "psnr": [...]}}}).
"""

import dataclasses
import json
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from lic_jax.types import LicError


@dataclasses.dataclass(frozen=True)
class RDCurve:
  """Points of one codec on one set of images, by rising bpp.

  Each value is a mean over images of per-image values on 8-bit RGB
  (specification section 5 of the shallow decoders).

  Attributes:
    name: the codec.
    bpp: bits per pixel of the original image, rising.
    psnr: dB, or None where the source has none.
    ms_ssim: raw value in [0, 1], or None.
    source: where the figures come from.

  Raises:
    LicError: columns of unequal length, a rate that is not positive, a value
      that is not finite.
  """

  name: str
  bpp: tuple[float, ...]
  psnr: tuple[float, ...] | None
  ms_ssim: tuple[float, ...] | None = None
  source: str = ""

  def __post_init__(self) -> None:
    for column in (self.bpp, self.psnr, self.ms_ssim):
      if column is None:
        continue
      if len(column) != len(self.bpp) or not column:
        raise LicError(f"curve {self.name!r}: columns of unequal length")
      if not all(map(math.isfinite, column)):
        raise LicError(f"curve {self.name!r}: a value is not finite")
    if min(self.bpp) <= 0:
      raise LicError(f"curve {self.name!r}: a rate is not positive")

  def quality(self, metric: str) -> tuple[float, ...]:
    """The column of a metric, in dB.

    Args:
      metric: "psnr", or "ms_ssim", which is returned as -10 log10(1 - x).

    Raises:
      LicError: the curve has no such column, or an MS-SSIM of 1.
    """
    values = {"psnr": self.psnr, "ms_ssim": self.ms_ssim}.get(metric)
    if values is None:
      raise LicError(f"curve {self.name!r} has no {metric}")
    if metric == "psnr":
      return values
    if max(values) >= 1:
      raise LicError(f"curve {self.name!r}: MS-SSIM of 1 has no dB value")
    return tuple(-10 * math.log10(1 - value) for value in values)


def curve(
  name: str,
  *,
  bpp: Sequence[float | int],
  psnr: Sequence[float | int] | None,
  ms_ssim: Sequence[float | int] | None = None,
  source: str = "",
) -> RDCurve:
  """An `RDCurve` from columns in any order of rate."""
  columns = [bpp, psnr, ms_ssim]
  if any(c is not None and len(c) != len(bpp) for c in columns):
    raise LicError(f"curve {name!r}: columns of unequal length")
  order = sorted(range(len(bpp)), key=lambda i: bpp[i])
  ordered = [
    None if column is None else tuple(float(column[i]) for i in order)
    for column in columns
  ]
  return RDCurve(name, *ordered, source=source)


def from_evaluation(report: Mapping[str, Any], *, source: str = "") -> RDCurve:
  """The curve of a report of `evaluate`.

  Args:
    report: its JSON; "points" is a list of {"bpp", "psnr", "ms_ssim"}.
    source: overrides the report's commit as the stated source.

  Raises:
    LicError: no points, or a point without bpp or psnr.
  """
  points = report.get("points")
  if not points:
    raise LicError("evaluation report without points")
  try:
    columns = {key: [point[key] for point in points] for key in ("bpp", "psnr")}
  except KeyError as error:
    raise LicError(f"evaluation report: a point has no {error}") from error
  ms_ssim = [point.get("ms_ssim") for point in points]
  return curve(
    str(report.get("codec", "codec")),
    **columns,
    ms_ssim=None if None in ms_ssim else ms_ssim,
    source=source or f"evaluate at {report.get('commit', 'unknown commit')}",
  )


def from_reference(
  table: Mapping[str, Any], *, dataset: str, name: str
) -> RDCurve:
  """A published curve.

  Args:
    table: {dataset: {name: {"bpp", "psnr", "ms_ssim", "source"}}}.
    dataset: such as "kodak".
    name: such as "bpg_444".

  Raises:
    LicError: no such curve.
  """
  try:
    entry = table[dataset][name]
  except KeyError as error:
    raise LicError(f"no published curve {name!r} on {dataset!r}") from error
  return curve(
    name,
    bpp=entry["bpp"],
    psnr=entry.get("psnr"),
    ms_ssim=entry.get("ms_ssim"),
    source=entry.get("source", ""),
  )


def read_evaluation(path: str | pathlib.Path) -> RDCurve:
  """The curve of a JSON file that `evaluate` wrote.

  Raises:
    LicError: the file is missing or is not such a report.
  """
  try:
    report = json.loads(pathlib.Path(path).read_text())
  except (OSError, ValueError) as error:
    raise LicError(f"cannot read {path}: {error}") from error
  if not isinstance(report, dict):
    raise LicError(f"{path} is not an evaluation report")
  return from_evaluation(report)
