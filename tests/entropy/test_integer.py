"""The integer hyper-synthesis: exact everywhere, bounded, close to the real."""

import dataclasses

import jax
import numpy as np
import pytest
import tiny_codec

from lic_jax.codec import bundle as bundles
from lic_jax.codec import encode
from lic_jax.entropy import gaussian, integer, quantisation
from lic_jax.ops import synthesis
from lic_jax.types import LicError

STRIDES = (2, 2, 1)
KERNELS = (5, 5, 3)
WIDTHS = (6, 8, 12, 10)


def _real_weights(rng, gain=1.0) -> dict:
  weights = {}
  for i, side in enumerate(KERNELS):
    c_in, c_out = WIDTHS[i : i + 2]
    kernel = rng.normal(size=(side, side, c_in, c_out)) / (side * c_in**0.5)
    weights[f"conv{i}"] = {
      "kernel": (gain * kernel).astype(np.float32),
      "bias": rng.normal(size=c_out).astype(np.float32),
    }
  return weights


def _symbols(rng, shape=(4, 3, 5), scale=4.0) -> np.ndarray:
  size = (*shape, WIDTHS[0])
  return np.rint(rng.normal(size=size, scale=scale)).astype(np.int32)


def _quantise(weights, symbols) -> integer.Network:
  return quantisation.quantise(
    weights,
    strides=STRIDES,
    offsets=_offsets(),
    symbols=symbols,
    steps_per_scale=4,
  )


def _offsets() -> np.ndarray:
  return np.linspace(-0.5, 0.5, WIDTHS[0]).astype(np.float32)


@pytest.fixture
def network(rng) -> integer.Network:
  return _quantise(_real_weights(rng), _symbols(rng))


def _hostile(rng) -> np.ndarray:
  """Symbols of any 32 bits, the extremes among them."""
  lowest, highest = -(2**31), 2**31 - 1
  symbols = rng.integers(lowest, highest, (2, 4, 3, WIDTHS[0]))
  symbols[0, 0, 0], symbols[0, 0, 1] = lowest, highest
  return symbols.astype(np.int32)


def _paint(x, kernel, bias, stride) -> np.ndarray:
  """A transposed convolution sample by sample, in the integers of `x`."""
  b, h, w, _ = x.shape
  side, _, _, c_out = kernel.shape
  origin = (side - stride) // 2
  margin = side
  canvas = (b, h * stride + 2 * margin, w * stride + 2 * margin, c_out)
  out = np.zeros(canvas, x.dtype)
  for i in range(h):
    for j in range(w):
      top, left = (margin + stride * k - origin for k in (i, j))
      patch = np.einsum("bc,pqco->bpqo", x[:, i, j], kernel)
      out[:, top : top + side, left : left + side] += patch
  inside = slice(margin, -margin)
  return out[:, inside, inside] + bias


def _in_64_bits(network, symbols) -> tuple[list[np.ndarray], np.ndarray]:
  """The sums of every layer, and the numbers of the tables, in int64."""
  limits = network.limits.astype(np.int64)
  x = np.clip(symbols.astype(np.int64), -limits, limits)
  sums = []
  for i, stride in enumerate(STRIDES):
    layer = network.layers[f"conv{i}"]
    total = _paint(x, layer.kernel.astype(np.int64), layer.bias, stride)
    if i == 0:
      ones = np.ones((*x.shape[:3], 1), np.int64)
      total = total + _paint(
        ones, network.offset_kernel.astype(np.int64), 0, stride
      )
    sums.append(total)
    shift = layer.shift.astype(np.int64)
    if i < 2:
      half = np.where(shift > 0, 1 << np.maximum(shift - 1, 0), 0)
      x = np.clip((total + half) >> shift, 0, network.tops[i])
  s = sums[-1][..., WIDTHS[-1] // 2 :]
  exponent = shift[WIDTHS[-1] // 2 :]
  # s / 2^exponent >= threshold / 2^12, in integers.
  left = s[..., None] << integer.GRID_BITS
  right = network.thresholds.astype(np.int64) << exponent[:, None]
  return sums, np.sum(left >= right, axis=-1)


@pytest.mark.parametrize("source", [_symbols, _hostile])
def test_float32_gives_what_64_bit_integers_give(network, rng, source):
  symbols = source(rng)
  sums, table = _in_64_bits(network, symbols)
  mean, index = integer.forward(network, symbols)
  np.testing.assert_array_equal(index, table)
  exponent = network.layers["conv2"].shift.astype(np.int64)
  expected = np.ldexp(sums[-1].astype(np.float64), -exponent)
  np.testing.assert_array_equal(mean, expected[..., : WIDTHS[-1] // 2])


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("source", [_symbols, _hostile])
def test_jax_gives_what_numpy_gives(network, rng, source, compiled):
  def run(symbols):
    return integer.forward(network, symbols)

  symbols = source(rng)
  got = (jax.jit(run) if compiled else run)(jax.numpy.asarray(symbols))
  for ours, theirs in zip(run(symbols), got):
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


def test_an_image_alone_has_the_prior_it_has_in_a_batch(network, rng):
  symbols = _symbols(rng)
  together = integer.forward(network, symbols)
  for i in range(4):
    for whole, alone in zip(
      together, integer.forward(network, symbols[i : i + 1])
    ):
      np.testing.assert_array_equal(whole[i : i + 1], alone)


def test_the_order_of_channels_does_not_matter(network, rng):
  symbols = _symbols(rng)
  order = rng.permutation(WIDTHS[0])
  first = network.layers["conv0"]
  kernel = first.kernel[:, :, order]
  layers = {
    **network.layers,
    "conv0": dataclasses.replace(first, kernel=kernel),
  }
  shuffled = dataclasses.replace(
    network, layers=layers, limits=network.limits[order]
  )
  for ours, theirs in zip(
    integer.forward(network, symbols),
    integer.forward(shuffled, symbols[..., order]),
  ):
    np.testing.assert_array_equal(ours, theirs)


def test_no_symbols_bring_a_sum_beyond_its_bound(network, rng):
  """Nor the worst ones: each at its limit, with the sign of a weight."""
  most = integer.largest_sums(
    np.concatenate(
      [network.layers["conv0"].kernel, network.offset_kernel], axis=2
    ),
    integer.reach_of_symbols(network.limits),
    STRIDES[0],
  )
  kernel = network.layers["conv0"].kernel.astype(np.int64)
  # Output 5 sees, of the patch of input i, sample 5 + origin - 2 i.
  for channel in range(WIDTHS[1]):
    worst = np.zeros((1, 5, 5, WIDTHS[0]), np.int64)
    for i in range(5):
      for j in range(5):
        p, q = (5 + 1 - 2 * k for k in (i, j))
        if 0 <= p < 5 and 0 <= q < 5:
          worst[0, i, j] = 2**31 * np.sign(kernel[p, q, :, channel])
    for symbols in (worst, -worst, _hostile(rng)):
      symbols = np.clip(symbols, -(2**31), 2**31 - 1).astype(np.int32)
      total = _in_64_bits(network, symbols)[0][0][..., channel]
      total = np.abs(total - network.layers["conv0"].bias[channel])
      assert total.max() <= most[channel] < integer.BOUND


def test_sums_that_may_pass_the_bound_are_refused(network, rng):
  with pytest.raises(LicError, match="no exact integer form"):
    _quantise(_real_weights(rng), _symbols(rng, scale=1e6))
  limits = np.full_like(network.limits, 1 << 20)
  with pytest.raises(LicError, match=r"conv0 .* may exceed"):
    integer.check(dataclasses.replace(network, limits=limits))
  layer = network.layers["conv2"]
  bias = np.full_like(layer.bias, 1 << 24)
  layers = {**network.layers, "conv2": dataclasses.replace(layer, bias=bias)}
  with pytest.raises(LicError, match=r"conv2 .* may exceed"):
    integer.check(dataclasses.replace(network, layers=layers))


def test_where_sums_are_large_weights_have_fewer_bits(rng):
  symbols = _symbols(rng, scale=3000)
  network = _quantise(_real_weights(rng), symbols)
  top = np.abs(network.layers["conv0"].kernel).max((0, 1, 2))
  most = quantisation.WEIGHT_TOP
  assert most >> quantisation.FEWER_BITS < top.min() < most >> 1


def test_a_network_comes_back_from_its_arrays(network):
  arrays = integer.to_arrays(network)
  back = integer.from_arrays(arrays, STRIDES)
  for name, layer in network.layers.items():
    for field in ("kernel", "bias", "shift"):
      same = getattr(back.layers[name], field)
      np.testing.assert_array_equal(getattr(layer, field), same)
  np.testing.assert_array_equal(back.thresholds, network.thresholds)


@pytest.mark.parametrize(
  ("name", "change"),
  [
    ("conv1", None),
    ("limits", lambda limits: -limits),
    ("limits", lambda limits: limits[1:]),
    ("limits", lambda limits: limits.astype(np.float32)),
    ("thresholds", lambda thresholds: thresholds[::-1]),
    ("offset_kernel", lambda kernel: kernel[1:, 1:]),
  ],
)
def test_arrays_that_are_no_network_are_refused(network, name, change):
  arrays = integer.to_arrays(network)
  changed = change(arrays.pop(name)) if change else arrays.pop(name)
  if change:
    arrays[name] = changed
  with pytest.raises(LicError, match="integer hyper-synthesis"):
    integer.from_arrays(arrays, STRIDES)


def test_the_grids_offset_counts_at_the_border_as_inside(rng):
  weights = _real_weights(rng)
  network = _quantise(weights, _symbols(rng))
  z = np.zeros((1, 3, 3, WIDTHS[0]), np.int32)
  real = synthesis.hyper_synthesis(weights, z + _offsets(), strides=STRIDES)
  expected = np.split(real, 2, axis=-1)[0]
  mean, _ = integer.forward(network, z)
  assert np.ptp(expected, axis=(1, 2)).max() > 0.1
  np.testing.assert_allclose(mean, expected, atol=0.02)


def test_thresholds_are_where_the_scale_index_rounds():
  steps = np.linspace(-1, 252.9, 20_001)
  s = np.log(np.maximum(steps, 1e-9) / 4)
  thresholds = np.ldexp(quantisation._thresholds(4), -integer.GRID_BITS)
  table = np.searchsorted(thresholds, s, side="right")
  # Half the grid's unit in s, times the index, in steps.
  assert np.abs(table - np.clip(steps, 0, 252)).max() < 0.5 + 252 * 2.0**-13
  assert len(thresholds) == 252


def test_on_a_photograph_it_is_close_to_the_real_network(tmp_path):
  bundle = tiny_codec.hyperprior(tmp_path / "codec")
  rgb = tiny_codec.photograph()[:192, :256]
  y = encode.analyse(rgb, bundle).y
  encoded = encode.encode(rgb, bundle)
  function = bundle.decoder.functions["hyper_synthesis"]
  parameters = synthesis.hyper_synthesis(
    bundles.read_weights(bundle)["hyper_synthesis"],
    encoded.latents.z,
    strides=function["strides"],
  )
  mean, s = np.split(parameters, 2, axis=-1)
  network = bundle.decoder.hyper_synthesis
  ours, table = integer.forward(network, encoded.symbols.z)
  index = table / np.float32(4)
  exact = gaussian.bits(np.rint(y - mean), gaussian.index_of(s)).sum()
  got = gaussian.bits(np.rint(y - ours), index).sum()
  assert abs(got - exact) < 0.003 * exact
  assert np.sqrt(np.mean((ours - mean) ** 2)) < 0.02 * mean.std()
