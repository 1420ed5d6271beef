"""Laws of the BD-rate, and the figures of specification section 5."""

import dataclasses
import math

import pytest

from lic_jax.evaluation.bd_rate import (
  METHODS,
  all_rates,
  bd_quality,
  bd_rate,
)
from lic_jax.evaluation.rd_curve import curve, from_reference
from lic_jax.types import LicError

SMOOTH = curve(
  "smooth",
  bpp=[0.1, 0.2, 0.35, 0.6, 1.0, 1.5],
  psnr=[27.0, 29.1, 31.2, 33.5, 36.0, 38.2],
  ms_ssim=[0.90, 0.93, 0.955, 0.97, 0.982, 0.99],
)
OTHER = curve(
  "other",
  bpp=[0.12, 0.3, 0.5, 0.9, 1.4],
  psnr=[27.5, 30.9, 33.0, 35.8, 38.1],
)

# Means over Kodak of an earlier SGA run (arXiv v1, specification section 6).
SGA_APRIL_2023 = curve(
  "2-layer + SGA, April 2023",
  bpp=[0.117395, 0.197045, 0.307564, 0.470703, 0.681324, 0.946427, 1.310922],
  psnr=[27.8399, 29.5037, 31.2028, 33.1339, 35.1317, 37.1196, 39.2811],
)

# Savings in per cent against BPG 4:4:4, Kodak PSNR: curve -> (paper's Table 1,
# spec's recipe, cubic, pchip).
TABLE = {
  "shallow-ntc/2-layer_syn+SGA": (None, 4.81, 5.12, 4.92),
  "shallow-ntc/2-layer_syn": (-5.19, -5.20, -5.70, -5.92),
  "shallow-ntc/JPEG-like_syn": (-20.95, -20.88, -21.40, -21.55),
  "mbt2018-mean": (3.30, 3.31, 3.44, 3.28),
  "factorized": (-32.93, -32.94, -32.37, -32.55),
  "minnen-2020-icip (tfc)": (20.02, 20.02, 16.82, 16.81),
  "charm_paper": (None, None, 20.56, 20.53),
  "elic": (None, None, 26.71, 26.58),
}


def scaled(c: float):
  rates = tuple(c * rate for rate in SMOOTH.bpp)
  return dataclasses.replace(SMOOTH, bpp=rates, name="scaled")


@pytest.mark.parametrize("method", METHODS)
def test_a_curve_saves_nothing_against_itself(method):
  rate = bd_rate(SMOOTH, anchor=SMOOTH, method=method)
  assert rate.change == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("c", [0.5, 0.97, 1.3])
def test_rate_scaled_by_c_changes_the_rate_by_exactly_c_minus_1(method, c):
  rate = bd_rate(scaled(c), anchor=SMOOTH, method=method)
  assert rate.change == pytest.approx(100 * (c - 1), abs=1e-8)
  assert rate.saving == -rate.change


@pytest.mark.parametrize("method", ["pchip", "cubic"])
def test_swapping_curve_and_anchor_inverts_the_ratio_of_rates(method):
  there = bd_rate(SMOOTH, anchor=OTHER, method=method).change / 100
  back = bd_rate(OTHER, anchor=SMOOTH, method=method).change / 100
  assert (1 + there) * (1 + back) == pytest.approx(1, abs=1e-12)


def test_the_record_states_anchor_method_and_range():
  rate = bd_rate(SMOOTH, anchor=OTHER, method="table1")
  assert (rate.curve, rate.anchor) == ("smooth", "other")
  assert (rate.method, rate.metric) == ("table1", "psnr")
  assert (rate.low, rate.high) == (28.62, 38.0)
  full = bd_rate(SMOOTH, anchor=OTHER)
  assert (full.low, full.high) == (27.5, 38.1)


def test_ms_ssim_is_compared_in_decibels():
  rate = bd_rate(scaled(0.8), anchor=SMOOTH, metric="ms_ssim")
  assert rate.change == pytest.approx(-20, abs=1e-8)
  assert rate.low == pytest.approx(10)
  assert rate.high == pytest.approx(-10 * math.log10(0.01))


@pytest.mark.parametrize(
  ("points", "message"),
  [
    ({"bpp": [1, 2, 3], "psnr": [30, 31, 32]}, "needs 4"),
    ({"bpp": [1, 2, 3, 4], "psnr": [30, 32, 31, 33]}, "does not rise"),
    ({"bpp": [1, 2, 3, 4], "psnr": [50, 51, 52, 53]}, "share no range"),
    ({"bpp": [1, 2, 3, 4], "psnr": None}, "has no psnr"),
  ],
)
def test_curves_that_cannot_be_compared_are_refused(points, message):
  with pytest.raises(LicError, match=message):
    bd_rate(curve("bad", **points), anchor=SMOOTH, method="cubic")


def test_an_unknown_method_is_refused():
  with pytest.raises(LicError, match="linear"):
    bd_rate(SMOOTH, anchor=OTHER, method="linear")


@pytest.mark.parametrize("name", TABLE)
def test_the_published_savings_are_reproduced_to_a_tenth(
  published_points, name
):
  paper, recipe, cubic, pchip = TABLE[name]
  anchor = from_reference(published_points, dataset="kodak", name="bpg_444")
  mine = from_reference(published_points, dataset="kodak", name=name)
  savings = {r.method: r.saving for r in all_rates(mine, anchor=anchor)}
  assert savings["cubic"] == pytest.approx(cubic, abs=0.1)
  assert savings["pchip"] == pytest.approx(pchip, abs=0.1)
  for expected in (recipe, paper):
    if expected is not None:
      assert savings["table1"] == pytest.approx(expected, abs=0.1)


def test_table_1_used_the_sga_points_of_april_2023(published_points):
  anchor = from_reference(published_points, dataset="kodak", name="bpg_444")
  rate = bd_rate(SGA_APRIL_2023, anchor=anchor, method="table1")
  assert rate.saving == pytest.approx(4.67, abs=0.1)  # as printed
  assert rate.saving == pytest.approx(4.69, abs=0.006)  # as the spec found


@pytest.mark.parametrize(
  ("name", "anchor", "metric", "saving"),
  [
    ("shallow-ntc/2-layer_syn+SGA", "mbt2018-mean", "psnr", 1.9),
    ("shallow-ntc/2-layer_syn+SGA", "mbt2018-mean", "ms_ssim", -12.5),
    ("shallow-ntc/2-layer_syn", "mbt2018-mean", "psnr", -8.6),
    ("shallow-ntc/JPEG-like_syn", "mbt2018-mean", "psnr", -24.2),
    ("shallow-ntc/2-layer_syn+SGA", "bpg_444", "ms_ssim", 4.7),
    ("shallow-ntc/2-layer_syn", "bpg_444", "ms_ssim", -2.7),
    ("shallow-ntc/JPEG-like_syn", "bpg_444", "ms_ssim", -20.9),
    ("mbt2018-mean", "bpg_444", "ms_ssim", 16.2),
  ],
)
def test_other_savings_of_the_specification_are_reproduced(
  published_points, name, anchor, metric, saving
):
  read = {
    key: from_reference(published_points, dataset="kodak", name=key)
    for key in (name, anchor)
  }
  rate = bd_rate(read[name], anchor=read[anchor], method="cubic", metric=metric)
  assert rate.saving == pytest.approx(saving, abs=0.1)


@pytest.mark.parametrize("gain", [-0.7, 0, 1.5])
def test_quality_raised_by_so_many_decibels_gains_exactly_those(gain):
  raised = dataclasses.replace(
    SMOOTH, psnr=tuple(value + gain for value in SMOOTH.psnr)
  )
  assert bd_quality(raised, anchor=SMOOTH) == pytest.approx(gain, abs=1e-12)


def test_swapping_curve_and_anchor_turns_the_sign_of_the_gain():
  there, back = (
    bd_quality(SMOOTH, anchor=OTHER),
    bd_quality(OTHER, anchor=SMOOTH),
  )
  assert there == pytest.approx(-back, abs=1e-12)
  # OTHER needs less rate, so it gains quality.
  assert bd_rate(OTHER, anchor=SMOOTH).change < 0 < back


def test_ms_ssim_gains_in_its_own_units_or_in_decibels():
  halved = dataclasses.replace(
    SMOOTH, ms_ssim=tuple(1 - (1 - value) / 2 for value in SMOOTH.ms_ssim)
  )
  decibels = bd_quality(halved, anchor=SMOOTH, metric="ms_ssim")
  assert decibels == pytest.approx(10 * math.log10(2), abs=1e-9)
  raised = dataclasses.replace(
    SMOOTH, ms_ssim=tuple(value + 0.005 for value in SMOOTH.ms_ssim)
  )
  gain = bd_quality(raised, anchor=SMOOTH, metric="raw_ms_ssim")
  assert gain == pytest.approx(0.005, abs=1e-12)


@pytest.mark.parametrize(
  ("points", "metric", "message"),
  [
    ({"bpp": [4, 5], "psnr": [40, 41]}, "psnr", "no range of rate"),
    ({"bpp": [1, 1], "psnr": [30, 31]}, "psnr", "rise"),
    ({"bpp": [1, 2], "psnr": [30, 31]}, "raw_ms_ssim", "has no raw_ms_ssim"),
  ],
)
def test_curves_without_a_common_scale_have_no_gain(points, metric, message):
  with pytest.raises(LicError, match=message):
    bd_quality(curve("bad", **points), anchor=SMOOTH, metric=metric)


@pytest.mark.parametrize(("name", "gain"), [("MLIC++", 0.86), ("elic", 0.48)])
def test_gains_over_cheng_2020_are_those_of_the_loc_lic_specification(
  published_points, name, gain
):
  read = {
    key: from_reference(published_points, dataset="kodak", name=key)
    for key in (name, "cheng2020-anchor")
  }
  found = bd_quality(read[name], anchor=read["cheng2020-anchor"])
  assert found == pytest.approx(gain, abs=0.02)
