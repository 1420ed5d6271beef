"""The checkerboard: two passes that cover the grid once, and their packing."""

import jax.numpy as jnp
import numpy as np
import pytest

from lic_jax.entropy.checkerboard import Pass, keep, pack, positions, unpack


@pytest.fixture
def x(rng):
  return jnp.asarray(rng.normal(size=(2, 4, 6, 3)), jnp.float32)


def test_anchors_stand_where_row_and_column_sum_to_an_odd_number():
  expected = [[False, True, False], [True, False, True]]
  np.testing.assert_array_equal(positions(2, 3, Pass.ANCHOR)[..., 0], expected)
  both = positions(5, 3, Pass.ANCHOR) ^ positions(5, 3, Pass.NON_ANCHOR)
  assert both.all()


@pytest.mark.parametrize("which", Pass)
def test_unpacking_what_was_packed_keeps_the_pass_and_zeroes_the_rest(x, which):
  packed = pack(x, which)
  assert packed.shape == (2, 4, 3, 3)
  np.testing.assert_array_equal(unpack(packed, which), keep(x, which))
  np.testing.assert_array_equal(pack(unpack(packed, which), which), packed)


def test_packing_keeps_the_row_and_the_order_of_columns():
  columns = jnp.broadcast_to(jnp.arange(6.0), (1, 2, 6))[..., None]
  packed = pack(columns, Pass.ANCHOR)[0, ..., 0]
  np.testing.assert_array_equal(packed, [[1, 3, 5], [0, 2, 4]])


@pytest.mark.parametrize("which", Pass)
def test_no_value_of_one_pass_reaches_the_other_not_even_nan(x, which):
  (other,) = set(Pass) - {which}
  broken = jnp.where(positions(4, 6, other), jnp.nan, x)
  assert jnp.isfinite(keep(broken, which)).all()
  assert jnp.isfinite(pack(broken, which)).all()
  whole = keep(x, which) + keep(x, other)
  np.testing.assert_array_equal(whole, x)
