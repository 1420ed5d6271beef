"""The curves of a report, and the BD-rates between them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lic_jax.codec import storage
from lic_jax.evaluation.bd_rate import METHODS, bd_rate
from lic_jax.evaluation.rd_curve import RDCurve, curve, from_reference
from lic_jax.evaluation.runner import Row
from lic_jax.types import LicError

LABELS = {
  "jpeg": "JPEG",
  "webp": "WebP",
  "jpeg2000": "JPEG 2000",
  "avif": "AVIF",
}
# Published curves drawn at first; the others wait to be ticked.
FIRST = ("bpg_444", "vtm", "mbt2018-mean", "shallow-ntc/2-layer_syn")
# The anchor that the papers use, where it was published on these images.
ANCHOR = "bpg_444"
# Table 1's recipe is defined for PSNR only.
RECIPES = (
  *((method, "psnr") for method in METHODS),
  ("pchip", "ms_ssim"),
  ("cubic", "ms_ssim"),
)
_KODAK = {f"kodim{number:02d}" for number in range(1, 25)}


def data_set(rows: Iterable[Row]) -> str | None:
  """The published data set that was measured: "kodak" or None.

  Means over a part of it, or over images of another size, are not comparable.
  """
  sides = {(row["height"], row["width"]) for row in rows}
  names = {Path(row["name"]).stem for row in rows}
  kodak = names == _KODAK and sides <= {(512, 768), (768, 512)}
  return "kodak" if kodak else None


def read_published(path: Path | str) -> Mapping[str, Any]:
  """A file of published curves, checked.

  Args:
    path: of {data set: {name: {"bpp", "psnr", "ms_ssim", "source"}}}; names
      that begin with "_" are remarks.

  Raises:
    LicError: it cannot be read, or a curve in it is not one.
  """
  try:
    table = json.loads(storage.read_bytes(path))
    sets = {k: v for k, v in table.items() if not k.startswith("_")}
    for dataset, entries in sets.items():
      for name in entries:
        from_reference(sets, dataset=dataset, name=name)
  except (ValueError, TypeError, AttributeError, KeyError) as error:
    reason = f"{type(error).__name__}: {error}"
    raise LicError(f"{path} holds no published curves ({reason})") from error
  except LicError as error:
    raise LicError(f"{path}: {error}") from error
  return sets


def published(table: Mapping[str, Any], dataset: str) -> list[RDCurve]:
  """The published curves on a data set, those of `FIRST` first."""
  names = table.get(dataset, {})
  ordered = sorted(names, key=lambda name: name not in FIRST)
  return [from_reference(table, dataset=dataset, name=n) for n in ordered]


def from_points(name: str, points: Sequence[Row], source: str) -> RDCurve:
  """A measured curve; a metric with a lossless point is left out."""
  psnr = [point["psnr"] for point in points]
  return curve(
    name,
    bpp=[point["bpp"] for point in points],
    psnr=None if None in psnr else psnr,
    ms_ssim=[point["ms_ssim"] for point in points],
    source=source,
  )


def content(rd: RDCurve, *, kind: str, shown: bool) -> Row:
  """A curve as the page draws it; values in dB, None where there are none.

  Args:
    rd: the curve.
    kind: "ours", "classical" or "published".
    shown: whether it is drawn at first.
  """
  columns: dict[str, Sequence[float | None]] = {"bpp": rd.bpp}
  for metric in ("psnr", "ms_ssim"):
    try:
      columns[metric] = rd.quality(metric)
    except LicError:
      columns[metric] = [None] * len(rd.bpp)
  return {
    "name": rd.name,
    "label": LABELS.get(rd.name, rd.name) if kind == "classical" else rd.name,
    "kind": kind,
    "source": rd.source,
    "shown": shown,
    "points": [dict(zip(columns, values)) for values in zip(*columns.values())],
  }


def rates(curves: Mapping[str, RDCurve], anchors: Sequence[str]) -> list[Row]:
  """BD-rates of every curve against every anchor, by every recipe.

  Args:
    curves: label on the page -> curve.
    anchors: labels of those to measure against.

  Returns:
    Per anchor: {"anchor", "rows": [{"curve", "cells"}]}, a cell for each of
    `RECIPES`: change in per cent with its range in dB, or the reason for none.
  """
  return [
    {
      "anchor": anchor,
      "rows": [
        {
          "curve": label,
          "cells": [_cell(rd, curves[anchor], *recipe) for recipe in RECIPES],
        }
        for label, rd in curves.items()
        if label != anchor
      ],
    }
    for anchor in anchors
  ]


def _cell(rd: RDCurve, anchor: RDCurve, method: str, metric: str) -> Row:
  try:
    rate = bd_rate(rd, anchor=anchor, method=method, metric=metric)
  except LicError as error:
    return {"reason": str(error)}
  return {"change": rate.change, "low": rate.low, "high": rate.high}
