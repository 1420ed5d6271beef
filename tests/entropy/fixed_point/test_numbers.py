"""Whole numbers in float64: tables, bounds, and what is refused."""

import zlib

import numpy as np
import pytest
from scipy import special

from lic_jax.entropy.fixed_point import numbers
from lic_jax.entropy.fixed_point.numbers import ONE
from lic_jax.types import LicError

# CRC-32 of the rounded tables as int32: files depend on every entry.
PINNED = {
  "gelu": 3999437022,
  "half_tanh": 1537276784,
  "exponential": 1909949353,
}


@pytest.mark.parametrize("name", PINNED)
def test_tables_are_those_of_every_file(name):
  values = numbers.tables()[name]
  rounded = np.rint(values)
  assert zlib.crc32(rounded.astype("<i4")) == PINNED[name]
  # No entry is so near the middle of two units that the last bits of another
  # library, some 2^-52 of at most 2^18, could decide it.
  assert np.abs(np.abs(values - rounded) - 0.5).min() > 2.0**-30


@pytest.mark.parametrize(
  ("function", "expected"),
  [
    (numbers.gelu, lambda x: x * special.ndtr(x)),
    (numbers.half_tanh, lambda x: np.tanh(x) / 2),
  ],
)
def test_functions_are_right_to_half_a_unit_everywhere(function, expected):
  x = np.rint(ONE * np.linspace(-20, 20, 4001))
  np.testing.assert_allclose(function(x), ONE * expected(x / ONE), atol=0.51)


def test_the_exponential_ends_at_sixteen():
  x = np.array([0.0, -ONE, -15 * ONE, -17 * ONE])
  expected = np.rint(np.exp([0, -1, -15, -np.inf]) * 2**18)
  np.testing.assert_array_equal(numbers.exponential(x), expected)


@pytest.mark.parametrize("size", [1e-6, 0.02, 1.0, 300.0])
def test_a_layer_is_as_fine_as_its_bits(rng, size):
  kernel = rng.normal(scale=size, size=(3, 3, 40, 7))
  layer = numbers.layer(kernel, np.zeros(7))
  numbers.check(layer)
  unit = 2.0 ** -layer.exponent.item()
  assert np.abs(layer.kernel * unit - kernel).max() <= unit / 2
  assert unit <= max(np.abs(kernel).max() * 2**-14, 2.0**-24)


def test_the_sum_of_a_layers_weights_has_a_bound():
  # 25 x 640 equal weights of 15 bits would exceed it: they get fewer.
  layer = numbers.layer(np.ones((5, 5, 640, 2)), np.zeros(2))
  numbers.check(layer)
  sums = np.abs(layer.kernel.astype(np.int64)).sum((0, 1, 2))
  assert sums.max() * 4 * numbers.LIMIT <= 2**53


def test_what_might_reach_2_to_the_53_is_refused():
  layer = numbers.layer(np.ones((5, 5, 640, 2)), np.zeros(2))
  kernel = np.full_like(layer.kernel, numbers.WEIGHT_TOP)
  with pytest.raises(LicError, match="fixed-point"):
    numbers.check(layer._replace(kernel=kernel))


@pytest.mark.parametrize(
  "change",
  [
    {"kernel": np.ones((3, 3, 2, 2), np.float32)},
    {"bias": np.zeros(3, np.int32)},
    {"exponent": np.array([-1], np.int8)},
  ],
  ids=lambda change: next(iter(change)),
)
def test_arrays_that_are_no_layer_are_refused(change):
  layer = numbers.layer(np.ones((3, 3, 2, 2)), np.zeros(2))
  with pytest.raises(LicError, match="fixed-point"):
    numbers.check(layer._replace(**change))


@pytest.mark.parametrize(("kernel", "bias"), [(1e9, 0.0), (1.0, 1e6)])
def test_weights_beyond_fixed_point_are_refused(kernel, bias):
  with pytest.raises(LicError, match="too large"):
    numbers.layer(np.full((1, 1, 1, 1), kernel), np.full(1, bias))
