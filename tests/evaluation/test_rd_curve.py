"""Rate-distortion curves are read, ordered and checked."""

import json

import pytest

from lic_jax.evaluation.rd_curve import (
  curve,
  from_evaluation,
  from_reference,
  read_evaluation,
)
from lic_jax.types import LicError

REPORT = {
  "codec": "tiny",
  "commit": "abc123",
  "points": [
    {"quality": 3, "bpp": 1.0, "psnr": 36.0, "ms_ssim": 0.98},
    {"quality": 1, "bpp": 0.2, "psnr": 29.0, "ms_ssim": 0.93},
  ],
}


def test_points_of_an_evaluation_are_ordered_by_rate():
  read = from_evaluation(REPORT)
  assert read.name == "tiny"
  assert read.bpp == (0.2, 1.0)
  assert read.psnr == (29.0, 36.0)
  assert read.ms_ssim == (0.93, 0.98)
  assert "abc123" in read.source


def test_a_report_without_ms_ssim_has_none():
  points = [{"bpp": 0.2, "psnr": 29.0}, {"bpp": 0.3, "psnr": 30.0}]
  assert from_evaluation({"codec": "a", "points": points}).ms_ssim is None


def test_a_file_gives_the_curve_of_its_report(tmp_path):
  path = tmp_path / "report.json"
  path.write_text(json.dumps(REPORT))
  assert read_evaluation(path) == from_evaluation(REPORT)


@pytest.mark.parametrize("text", [None, "{", "[]", '{"points": []}'])
def test_a_bad_file_is_refused_in_one_sentence(tmp_path, text):
  path = tmp_path / "report.json"
  if text is not None:
    path.write_text(text)
  with pytest.raises(LicError):
    read_evaluation(path)


def test_a_published_curve_keeps_its_source():
  table = {"kodak": {"bpg": {"bpp": [2, 1], "psnr": [31, 30], "source": "s"}}}
  read = from_reference(table, dataset="kodak", name="bpg")
  assert (read.bpp, read.psnr, read.source) == ((1.0, 2.0), (30.0, 31.0), "s")
  with pytest.raises(LicError, match="jpeg"):
    from_reference(table, dataset="kodak", name="jpeg")


@pytest.mark.parametrize(
  "points",
  [
    {"bpp": [1.0, 2.0], "psnr": [30.0]},
    {"bpp": [], "psnr": []},
    {"bpp": [0.0, 1.0], "psnr": [30.0, 31.0]},
    {"bpp": [0.5, 1.0], "psnr": [30.0, float("inf")]},
    {"bpp": [0.5, float("nan")], "psnr": [30.0, 31.0]},
  ],
)
def test_columns_that_are_no_curve_are_refused(points):
  with pytest.raises(LicError):
    curve("bad", **points)


def test_an_ms_ssim_of_one_has_no_decibels():
  perfect = curve("p", bpp=[1, 2], psnr=[30, 31], ms_ssim=[0.9, 1.0])
  with pytest.raises(LicError, match="dB"):
    perfect.quality("ms_ssim")
  with pytest.raises(LicError, match="lpips"):
    perfect.quality("lpips")
