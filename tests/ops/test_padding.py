"""Padding: multiples, reflection, and sizes down to one pixel."""

import numpy as np
import pytest

from lic_jax.ops.padding import pad_reflect


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (63, 65), (64, 64), (200, 3)])
def test_padding_reaches_the_multiple_and_keeps_the_image(rng, size):
  x = rng.normal(size=(1, *size, 3)).astype(np.float32)
  padded = pad_reflect(x, 64)
  assert padded.shape[1] % 64 == 0 and padded.shape[2] % 64 == 0
  assert padded.shape[1] < size[0] + 64 and padded.shape[2] < size[1] + 64
  np.testing.assert_array_equal(padded[:, : size[0], : size[1]], x)


def test_padding_reflects_without_repeating_the_edge(rng):
  x = rng.normal(size=(1, 60, 64, 3)).astype(np.float32)
  padded = pad_reflect(x, 64)
  np.testing.assert_array_equal(padded[:, 60:], x[:, 58:54:-1])
