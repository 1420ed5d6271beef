"""A product's rows do not depend on each other, to the last bit."""

import jax.numpy as jnp
import numpy as np
import pytest

from lic_jax.ops.product import product


@pytest.mark.parametrize("shape", [(1280, 1536), (108, 12), (12, 12), (7, 3)])
def test_a_row_has_the_same_bits_in_whatever_company(rng, shape):
  matrix = rng.normal(size=shape).astype(np.float32)
  rows = rng.normal(size=(700, shape[0])).astype(np.float32)
  whole = product(rows, matrix)
  for first, last in ((0, 1), (5, 6), (3, 20), (17, 700), (100, 613)):
    part = product(rows[first:last], matrix)
    np.testing.assert_array_equal(part, whole[first:last])


def test_it_is_the_product_on_numpy_and_on_jax(rng):
  x = rng.normal(size=(2, 3, 5, 8)).astype(np.float32)
  matrix = rng.normal(size=(8, 4)).astype(np.float32)
  expected = np.einsum("bhwn,nm->bhwm", x, matrix)
  for convert in (np.asarray, jnp.asarray):
    ours = product(convert(x), convert(matrix))
    np.testing.assert_allclose(ours, expected, atol=1e-5)
