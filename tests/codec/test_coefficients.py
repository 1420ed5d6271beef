"""The section of a post-filter: exact bytes, its inverse, its length."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lic_jax.codec import coefficients
from lic_jax.types import LicError

MAGNITUDES = (0, 1, 2, 3, 4, 100, coefficients.MOST)


@pytest.fixture(params=[0.0, 0.1, 0.9])
def some(request, rng):
  """Coefficients, of which about so many are not zero."""
  values = rng.choice(MAGNITUDES, size=coefficients.SHAPE)
  values *= rng.choice([-1, 1], size=values.shape)
  return values * (rng.random(values.shape) < request.param)


def test_what_was_written_is_read(some):
  np.testing.assert_array_equal(
    coefficients.read(coefficients.write(some)), some
  )


def test_its_bits_are_those_of_its_bytes(some):
  bits = sum(coefficients.bits(of_colour) for of_colour in some)
  assert len(coefficients.write(some)) == -(-bits // 8)


def test_no_section_is_longer_than_the_longest():
  most = np.full(coefficients.SHAPE, coefficients.MOST)
  data = coefficients.write(most)
  assert len(data) == coefficients.LONGEST
  np.testing.assert_array_equal(coefficients.read(data), most)


def test_the_bytes_never_change():
  some = np.zeros(coefficients.SHAPE, np.int32)
  some[0, 0, 0] = -3  # folded, plus one: 6, 00110
  some[2, 2, 7:9] = 1, -1  # 3 and 2: 011, 010; four zeros: 1111
  bits = "1" + "00110" + "0" * 25 + "1" + "011" + "010" + "1111"
  bits += "0" * (-len(bits) % 8)
  assert coefficients.write(some) == int(bits, 2).to_bytes(
    len(bits) // 8, "big"
  )


@given(data=st.binary(max_size=80))
def test_other_bytes_are_refused(data):
  try:
    read = coefficients.read(data)
  except LicError as error:
    assert "filter is damaged" in str(error)
  else:
    assert coefficients.write(read) == data


def test_what_is_cut_or_goes_on_is_refused(some):
  data = coefficients.write(some)
  for damaged in (data[:-1], data + b"\0", b"", data + bytes(10_000)):
    with pytest.raises(LicError, match="filter is damaged"):
      coefficients.read(damaged)


@pytest.mark.parametrize("value", [coefficients.MOST + 1, -(2**31), 2**62])
def test_what_is_too_large_is_refused(some, value):
  large = some.copy()
  large[0, 0, 0] = value
  with pytest.raises(LicError, match="filter is damaged"):
    coefficients.read(coefficients.write(large))
