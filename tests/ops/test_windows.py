"""Windows partition an image, and give what the whole would."""

import numpy as np
import pytest

from lic_jax.ops import synthesis
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
    parts = upsample(function, x, scale=2, reach=2, core=(core, 64))
    for part, whole in zip(parts, function(x)):
      np.testing.assert_array_equal(part, whole)


@pytest.mark.parametrize("width", [1, 7, 48])
def test_strips_of_a_decoder_have_the_bits_of_the_whole(rng, width):
  def layer(k, c_in, c_out):
    kernel = rng.normal(size=(k, k, c_in, c_out)).astype(np.float32) / k
    return {"kernel": kernel, "bias": np.ones(c_out, np.float32)}

  weights = {
    "conv1": layer(13, 96, 12),
    "conv_res": layer(13, 96, 12),
    "conv2": layer(5, 12, 3),
    "igdn": {
      "beta": np.ones(12, np.float32),
      "gamma": rng.random((12, 12), np.float32),
    },
  }
  function = {"function": "two_layer", "strides": [8, 2]}
  scale, reach = synthesis.geometry(function, weights)
  assert (scale, reach) == (16, 2)
  y = rng.normal(size=(1, 41, width, 96)).astype(np.float32)

  def decode(y):
    return (synthesis.two_layer(weights, y, strides=(8, 2)),)

  for height in (16, 80, 160, 320):
    (strips,) = upsample(
      decode, y, scale=scale, reach=reach, core=(height, 1024)
    )
    np.testing.assert_array_equal(strips, decode(y)[0])
