"""Integer tables: sums, positivity, and what rounding costs."""

import dataclasses

import numpy as np
import pytest
from scipy import special

from lic_jax import types
from lic_jax.codec import tables
from lic_jax.entropy import gaussian


def _rows(laid: tables.Tables) -> list[np.ndarray]:
  return np.split(laid.frequencies.astype(np.int64), laid.starts[1:])


def _read_back(laid: tables.Tables) -> tables.Tables:
  return tables.from_arrays(dataclasses.asdict(laid))


def _logistic_edges(scales, minimum: int, maximum: int) -> np.ndarray:
  edges = np.arange(minimum, maximum + 2) - 0.5
  return special.expit(edges / np.asarray(scales)[:, None])


def test_every_scale_table_sums_to_2_to_the_24_and_gives_every_symbol_one():
  laid = _read_back(tables.scale_tables())
  assert laid.count == 253
  for row in _rows(laid):
    assert row.sum() == 1 << 24
    assert row.min() >= 1


def test_scale_tables_are_those_of_the_entropy_model():
  laid = tables.scale_tables()
  for index in (0.0, 10.0, 20.5, 40.0, 63.0):
    table = round(index * tables.STEPS_PER_SCALE)
    row = _rows(laid)[table]
    residual = np.arange(-1, 2)
    indices = np.full(3, index, np.float32)
    bits = np.asarray(gaussian.bits(residual.astype(np.float32), indices))
    coded = 24 - np.log2(row[residual - laid.minima[table]])
    np.testing.assert_allclose(coded, bits, atol=0.02, rtol=1e-3)


def test_scale_tables_lose_less_than_a_thousandth_of_a_bit_to_integers():
  laid = tables.scale_tables()
  scales = np.geomspace(0.11, 256, laid.count)
  for scale, row, low in zip(scales, _rows(laid), laid.minima):
    k = np.abs(low + np.arange(len(row) - 1))
    p = special.ndtr((0.5 - k) / scale) - special.ndtr((-0.5 - k) / scale)
    outside = max(0.0, 1 - p.sum())
    assert outside <= tables.TAIL
    p = np.append(p, outside)
    cost = p @ (24 - np.log2(row)) + np.sum(special.xlogy(p, p)) / np.log(2)
    assert -1e-6 < cost < 1e-3


def test_channel_tables_cover_all_but_the_tail():
  laid = tables.channel_tables(_logistic_edges([0.3, 2, 10], -300, 300), -300)
  _read_back(laid)
  rows = _rows(laid)
  assert len(rows[0]) < len(rows[1]) < len(rows[2])
  for scale, row, low in zip([0.3, 2, 10], rows, laid.minima):
    high = low + len(row) - 2
    outside = special.expit((low - 0.5) / scale)
    outside += special.expit(-(high + 0.5) / scale)
    assert outside <= tables.TAIL
    assert row[-1] <= 2 + outside * 2**24


def test_a_grid_too_short_for_a_prior_is_used_whole():
  laid = tables.channel_tables(_logistic_edges([1000.0], -5, 5), -5)
  assert laid.minima[0] == -5
  assert laid.lengths[0] == 12
  assert _rows(laid)[0][-1] > 0.98 * 2**24


def test_a_prior_beside_the_grid_still_gives_a_table():
  edges = np.concatenate([np.zeros(9), np.full(2, 1e-9)])[None]
  for case in (edges, 1 - edges[:, ::-1]):
    _read_back(tables.channel_tables(case, -5))


def test_a_distribution_function_that_falls_is_refused():
  with pytest.raises(types.LicError, match="falls"):
    tables.channel_tables(np.array([[0.0, 0.6, 0.5, 1.0]]), 0)
  with pytest.raises(types.LicError, match="falls"):
    tables.channel_tables(np.array([[0.0, np.nan, 0.5, 1.0]]), 0)


def test_frequencies_follow_the_masses():
  mass = np.array([0.5, 0.25, 0.125, 0.0])
  f = tables.frequencies(mass)
  assert f.sum() == 1 << 24
  np.testing.assert_allclose(f / 2**24, [0.5, 0.25, 0.125, 0, 0.125], atol=1e-6)


@pytest.mark.parametrize(
  "change",
  [
    {"frequencies": np.array([1, 2**24], np.uint32)},
    {"frequencies": np.array([0, 2**24], np.uint32)},
    {"frequencies": np.array([5, 2**24 - 6], np.uint32)},
    {"frequencies": np.array([5, 2**24 - 5], np.int64)},
    {"lengths": np.array([1], np.int32)},
    {"lengths": np.array([3], np.int32)},
    {"lengths": np.array([-2], np.int32)},
    {"lengths": np.array([], np.int32), "minima": np.array([], np.int32)},
    {"minima": np.array([0, 0], np.int32)},
    {"minima": np.array([-(2**31)], np.int32)},
  ],
)
def test_tables_that_break_the_format_are_refused(change):
  good = {
    "frequencies": np.array([5, 2**24 - 5], np.uint32),
    "lengths": np.array([2], np.int32),
    "minima": np.array([0], np.int32),
  }
  tables.from_arrays(good)
  with pytest.raises(types.LicError, match="tables"):
    tables.from_arrays(good | change)
