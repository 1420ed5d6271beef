"""Bjontegaard delta rate: how much rate a curve needs beside another.

Both curves are read as log rate over quality, interpolated, and compared over
the range of quality they share. Three recipes (specification section 5 of the
shallow decoders), to be stated with every figure:

  pchip   monotone piecewise cubic through the points, full overlap,
          exp(mean difference of log rate) - 1;
  cubic   one cubic polynomial fitted to the points (Bjontegaard, VCEG-M33),
          full overlap, the same mean;
  table1  not-a-knot cubic spline, mean of R / R_anchor - 1 over 28.62 to
          38 dB: what reproduces Table 1 of Yang and Mandt (2023) to 0.1
          point with BPG 4:4:4 of CompressAI as the anchor.

Sign: `BDRate.change` is the classical BD-rate, negative where the curve saves
rate. The papers print savings, positive where it saves: `BDRate.saving`.

The other way round, `bd_quality` is the mean difference of quality at equal
rate, over the range of log rate that both curves have: BD-PSNR, in dB, and what
LOC-LIC calls BD-SSIM, in units of MS-SSIM.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from numpy.polynomial import Polynomial
from scipy.integrate import trapezoid
from scipy.interpolate import CubicSpline, PchipInterpolator

from lic_jax.evaluation.rd_curve import RDCurve
from lic_jax.types import LicError

TABLE1_RANGE = (28.62, 38.0)  # dB; lowest CHARM point to a common ceiling
METHODS = ("pchip", "cubic", "table1")
_GRID = 20001  # nodes of the mean of R / R_anchor

# A log rate over an interval of quality.
LogRate = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class BDRate:
  """A difference of rate, with all that is needed to read it.

  Attributes:
    change: rate against the anchor in per cent; negative = a saving.
    curve: name of the curve.
    anchor: name of the curve it is measured against.
    method: "pchip", "cubic" or "table1".
    metric: "psnr" or "ms_ssim" (compared in dB, -10 log10(1 - x)).
    low: lower end of the range of quality compared, dB.
    high: upper end of it, dB.
  """

  change: float
  curve: str
  anchor: str
  method: str
  metric: str
  low: float
  high: float

  @property
  def saving(self) -> float:
    """Rate saved against the anchor in per cent, the papers' sign."""
    return -self.change

  def __str__(self) -> str:
    return (
      f"{self.curve}: {self.change:+.2f} % rate against {self.anchor} "
      f"({self.method}, {self.metric}, {self.low:.2f} to {self.high:.2f} dB)"
    )


def bd_rate(
  curve: RDCurve,
  *,
  anchor: RDCurve,
  method: str = "pchip",
  metric: str = "psnr",
) -> BDRate:
  """Rate of `curve` against `anchor` at equal quality.

  Args:
    curve: the curve in question.
    anchor: the curve that counts as 100 %.
    method: "pchip", "cubic" or "table1"; see the top of this file.
    metric: "psnr" or "ms_ssim"; "table1" knows "psnr" only.

  Raises:
    LicError: unknown method, too few points, a quality that does not rise
      with the rate, or no common range.
  """
  if method not in METHODS:
    raise LicError(f"BD-rate method {method!r} is none of {METHODS}")
  if method == "table1" and metric != "psnr":
    raise LicError("the Table 1 recipe is defined for PSNR only")
  rates = [_log_rate(c, method, metric) for c in (curve, anchor)]
  low, high = _overlap(curve, anchor, metric)
  if method == "table1":
    low, high = max(low, TABLE1_RANGE[0]), min(high, TABLE1_RANGE[1])
  if low >= high:
    raise LicError(
      f"curves {curve.name!r} and {anchor.name!r} share no range of {metric}"
    )
  mean = _mean_ratio if method == "table1" else _mean_log
  change = mean(*rates, low, high)
  return BDRate(
    100 * change, curve.name, anchor.name, method, metric, low, high
  )


def bd_quality(
  curve: RDCurve, *, anchor: RDCurve, metric: str = "psnr"
) -> float:
  """Mean gain of quality over `anchor` at equal rate, by pchip.

  Args:
    curve: the curve in question.
    anchor: the curve that counts as zero.
    metric: "psnr" (dB), "ms_ssim" (dB) or "raw_ms_ssim".

  Raises:
    LicError: a curve without this metric, two points of equal rate, or no
      common range.
  """
  fits = []
  for one in (curve, anchor):
    raw = metric == "raw_ms_ssim" and one.ms_ssim is not None
    values = one.ms_ssim if raw else one.quality(metric)
    rates = np.log(np.array(one.bpp))
    if len(rates) < 2 or np.any(np.diff(rates) <= 0):
      raise LicError(f"curve {one.name!r}: its rates are not two that rise")
    fits.append(PchipInterpolator(rates, values))
  low = max(fit.x[0] for fit in fits)
  high = min(fit.x[-1] for fit in fits)
  if low >= high:
    raise LicError(
      f"curves {curve.name!r} and {anchor.name!r} share no range of rate"
    )
  areas = [float(fit.integrate(low, high)) for fit in fits]
  return float((areas[0] - areas[1]) / (high - low))


def all_rates(curve: RDCurve, *, anchor: RDCurve) -> tuple[BDRate, ...]:
  """The PSNR figure by every method, as a results file should state them."""
  return tuple(
    bd_rate(curve, anchor=anchor, method=method) for method in METHODS
  )


def _overlap(
  curve: RDCurve, anchor: RDCurve, metric: str
) -> tuple[float, float]:
  """Range of quality that both curves cover, dB."""
  first, second = curve.quality(metric), anchor.quality(metric)
  return max(min(first), min(second)), min(max(first), max(second))


def _log_rate(curve: RDCurve, method: str, metric: str) -> LogRate:
  """log(bpp) as a function of quality."""
  quality = np.array(curve.quality(metric))
  rate = np.log(np.array(curve.bpp))
  least = 4 if method == "cubic" else 2
  if len(rate) < least:
    raise LicError(
      f"curve {curve.name!r} has {len(rate)} points; {method} needs {least}"
    )
  if np.any(np.diff(quality) <= 0):
    raise LicError(
      f"curve {curve.name!r}: {metric} does not rise with the rate"
    )
  if method == "pchip":
    return PchipInterpolator(quality, rate)
  if method == "table1":
    return CubicSpline(quality, rate)
  return Polynomial.fit(quality, rate, deg=3)


def _integral(log_rate: LogRate, low: float, high: float) -> float:
  if isinstance(log_rate, Polynomial):
    primitive = log_rate.integ()
    return float(primitive(high) - primitive(low))
  return float(log_rate.integrate(low, high))


def _mean_log(
  curve: LogRate, anchor: LogRate, low: float, high: float
) -> float:
  """exp(mean of the difference of log rate) - 1."""
  difference = _integral(curve, low, high) - _integral(anchor, low, high)
  return math.expm1(difference / (high - low))


def _mean_ratio(
  curve: LogRate, anchor: LogRate, low: float, high: float
) -> float:
  """Mean of the ratio of rates - 1."""
  quality = np.linspace(low, high, _GRID)
  change = np.expm1(curve(quality) - anchor(quality))
  return float(trapezoid(change, quality) / (high - low))
