"""Windows partition an image, and give what the whole would."""

import numpy as np
import pytest

from lic_jax.ops.transposed import conv_transpose
from lic_jax.ops.windows import spans, upsample


@pytest.mark.parametrize("size", [64, 448, 512, 576, 1024, 1600, 4032])
@pytest.mark.parametrize(("core", "margin"), [(64, 64), (256, 192), (512, 0)])
def test_cores_partition_and_margins_are_kept(size, core, margin):
  places = spans(size, core, margin)
  assert len({place.stop - place.start for place in places}) == 1
  edge = 0
  for place in places:
    assert place.first == edge < place.last
    assert 0 <= place.start <= place.first
    assert place.last <= place.stop <= size
    assert place.first - place.start >= min(margin, place.first)
    assert place.stop - place.last >= min(margin, size - place.last)
    edge = place.last
  assert edge == size


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (9, 3), (23, 31)])
def test_windows_as_wide_as_a_function_reaches_give_the_whole(rng, size):
  x = rng.integers(-9, 9, (2, *size, 3)).astype(np.float32)
  kernel = rng.integers(-9, 9, (5, 5, 3, 2)).astype(np.float32)

  def function(x):
    out = conv_transpose(x, kernel, None, stride=2, origin=1)
    return out, out.max(axis=-1)

  for core in (2, 8, 64):
    parts = upsample(function, x, scale=2, reach=2, core=core)
    for part, whole in zip(parts, function(x)):
      np.testing.assert_array_equal(part, whole)
