"""Symbols to bytes and back: identity, size, and exact bytes."""

import constriction
import numpy as np
import pytest
from scipy import special

from lic_jax import types
from lic_jax.codec import ans, coder, range_coder, tables, varint

EXTREMES = [-(2**31), -(2**31) + 1, -1, 0, 1, 2**31 - 1]


@pytest.fixture(scope="module")
def scale_tables() -> tables.Tables:
  return tables.scale_tables()


@pytest.fixture(params=sorted(coder.CODERS))
def entropy_coder(request) -> str:
  """The name of an entropy coder; one that is not installed is skipped."""
  if request.param == "range":
    pytest.importorskip("tensorflow_compression_ops", reason="extra [tfc]")
  return request.param


def _gaussian_symbols(seed: int, count: int):
  """Table indices, and symbols drawn from their Gaussians."""
  rng = np.random.default_rng(seed)
  index = rng.integers(0, 253, count).astype(np.uint8)
  scale = np.geomspace(0.11, 256, 253)[index]
  symbols = np.rint(rng.normal(size=count) * scale + rng.random(count) - 0.5)
  return symbols.astype(np.int32), index


@pytest.mark.parametrize("shape", [(0,), (1,), (1, 3, 5, 7), (1, 8, 9, 320)])
def test_decoding_returns_the_symbols_in_their_shape(
  scale_tables, shape, entropy_coder
):
  symbols, index = _gaussian_symbols(0, int(np.prod(shape)))
  symbols, index = symbols.reshape(shape), index.reshape(shape)
  data = coder.encode_symbols(symbols, index, scale_tables, entropy_coder)
  decoded = coder.decode_symbols(data, index, scale_tables, entropy_coder)
  assert decoded.dtype == np.int32
  np.testing.assert_array_equal(decoded, symbols)


def test_any_int32_round_trips(scale_tables, entropy_coder):
  rng = np.random.default_rng(1)
  wild = rng.integers(-(2**31), 2**31, 500)
  small = rng.integers(-4, 5, 500)
  symbols = np.concatenate([EXTREMES, wild, small]).astype(np.int32)
  rng.shuffle(symbols)
  index = rng.integers(0, 253, len(symbols)).astype(np.uint8)
  data = coder.encode_symbols(symbols, index, scale_tables, entropy_coder)
  decoded = coder.decode_symbols(data, index, scale_tables, entropy_coder)
  np.testing.assert_array_equal(decoded, symbols)


def test_more_than_256_tables_are_indexed_by_16_bits():
  edges = special.expit((np.arange(-20, 22) - 0.5) / np.full((320, 1), 2.0))
  laid = tables.channel_tables(edges, -20)
  rng = np.random.default_rng(2)
  index = np.broadcast_to(np.arange(320, dtype=np.uint16), (1, 2, 3, 320))
  symbols = np.rint(rng.logistic(scale=2.0, size=index.shape)).astype(np.int32)
  data = coder.encode_symbols(symbols, index, laid)
  np.testing.assert_array_equal(
    coder.decode_symbols(data, index, laid), symbols
  )


@pytest.mark.parametrize("count", [100, 5000, 200_000])
def test_the_size_is_the_information_content(
  scale_tables, count, entropy_coder
):
  symbols, index = _gaussian_symbols(3, count)
  scale = np.geomspace(0.11, 256, 253)[index]
  k = np.abs(symbols)
  p = special.ndtr((0.5 - k) / scale) - special.ndtr((-0.5 - k) / scale)
  information = -np.log2(p).sum() / 8
  data = coder.encode_symbols(symbols, index, scale_tables, entropy_coder)
  # Tables of 16 bits are a little off.
  error = {"ans": 5e-4, "range": 2e-3}[entropy_coder]
  assert len(data) == pytest.approx(information, rel=error, abs=12)


def test_symbols_that_carry_nothing_take_a_few_bytes(scale_tables):
  index = np.zeros((1, 32, 48, 320), np.uint8)
  data = coder.encode_symbols(index.astype(np.int32), index, scale_tables)
  assert len(data) <= 12


def test_the_bytes_of_a_small_stream_never_change():
  laid = tables.Tables(
    frequencies=np.array(
      [1 << 23, 1 << 22, (1 << 22) - 1, 1, 1, (1 << 24) - 2, 1], np.uint32
    ),
    lengths=np.array([4, 3], np.int32),
    minima=np.array([-1, 7], np.int32),
  )
  index = np.array([0, 1, 0, 0, 1, 0, 0, 1, 0], np.uint8)
  symbols = np.array([-1, 8, 0, 1, 8, 300, -1, 7, 0], np.int32)
  data = coder.encode_symbols(symbols, index, laid)
  assert data.hex() == PINNED
  np.testing.assert_array_equal(
    coder.decode_symbols(data, index, laid), symbols
  )


# Version 1 of the file format: changing these bytes makes a new version.
PINNED = "02d8041b0000e700002000"


def test_bytes_left_over_are_noticed(scale_tables):
  symbols, index = _gaussian_symbols(4, 50)
  data = coder.encode_symbols(symbols, index, scale_tables)
  with pytest.raises(types.LicError, match="left over"):
    coder.decode_symbols(data + b"\1\0\0\0", index, scale_tables)
  with pytest.raises(types.LicError, match="wrong length"):
    coder.decode_symbols(data + b"\1", index, scale_tables)
  with pytest.raises(types.LicError, match="zero word"):
    coder.decode_symbols(data + b"\0\0\0\0", index, scale_tables)
  with pytest.raises(types.LicError, match="left over"):
    coder.decode_symbols(b"\1\0" + data[1:], index, scale_tables)


def test_no_bytes_at_all_are_refused(scale_tables):
  with pytest.raises(types.LicError, match="ends inside a number"):
    coder.decode_symbols(b"", np.zeros(3, np.uint8), scale_tables)


def test_damaged_streams_give_symbols_or_a_clear_error(
  scale_tables, entropy_coder
):
  symbols, index = _gaussian_symbols(5, 300)
  symbols[::50] = 2**31 - 1
  data = coder.encode_symbols(symbols, index, scale_tables, entropy_coder)
  rng = np.random.default_rng(6)
  for _ in range(300):
    damaged = bytearray(data)
    for position in rng.integers(0, len(data), 2):
      damaged[position] = rng.integers(256)
    damaged = bytes(damaged[: rng.integers(len(data) + 1)])
    try:
      decoded = coder.decode_symbols(
        damaged, index, scale_tables, entropy_coder
      )
      assert decoded.shape == symbols.shape
    except types.LicError:
      pass


def test_blocks_change_no_byte(scale_tables, monkeypatch):
  symbols, index = _gaussian_symbols(8, 3000)
  symbols[::100] = EXTREMES[-1]
  data = coder.encode_symbols(symbols, index, scale_tables)
  for block in (1, 64, 2999, 3000):
    monkeypatch.setattr(coder, "BLOCK", block)
    assert coder.encode_symbols(symbols, index, scale_tables) == data
    decoded = coder.decode_symbols(data, index, scale_tables)
    np.testing.assert_array_equal(decoded, symbols)


def test_a_panic_of_the_coder_is_an_error():
  model = constriction.stream.model.QuantizedGaussian(-9, 9)
  stack = constriction.stream.stack.AnsCoder()
  with (
    pytest.raises(types.LicError, match="entropy coder failed"),
    ans._guarded(),
  ):
    stack.decode(model, np.zeros(1), -np.ones(1))


def test_tables_of_16_bits_lose_no_entry_and_sum_up(scale_tables):
  lookup = range_coder.lookup(scale_tables)
  position = 0
  for length in scale_tables.lengths:
    precision, *cdf = lookup[position : position + length + 2]
    assert (precision, cdf[0], cdf[-1]) == (16, 0, 2**16)
    assert np.diff(cdf).min() >= 1
    position += length + 2
  assert position == len(lookup)


@pytest.mark.parametrize(
  "value", [0, 1, 127, 128, 300, 2**14, 2**32, 2**35 - 1]
)
def test_varints_round_trip_in_their_shortest_form(value):
  data = varint.write(value)
  assert len(data) == max(1, -(-value.bit_length() // 7))
  assert varint.read(b"xy" + data + b"z", 2) == (value, 2 + len(data))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\x00", b"\xff" * 5])
def test_varints_of_another_form_are_refused(data):
  with pytest.raises(types.LicError, match="number"):
    varint.read(data, 0)


@pytest.mark.parametrize("value", EXTREMES)
def test_folding_is_undone(value):
  assert varint.fold(value) >= 0
  assert varint.unfold(varint.fold(value)) == value


def _read_as_documented(data: bytes, index: np.ndarray, laid: tables.Tables):
  """docs/format.md, section 3, in plain Python."""
  length, start = varint.read(data, 0)
  side, words = data[start : start + length], data[start + length :]
  stack = [
    int.from_bytes(words[i : i + 4], "little") for i in range(0, len(words), 4)
  ]
  state, position = 0, 0
  for _ in range(2):
    state = (state << 32 | stack.pop()) if stack else state
  symbols = np.zeros(len(index), np.int64)
  for place in sorted(range(len(index)), key=lambda place: index[place]):
    table = index[place]
    row = laid.frequencies[laid.starts[table] :][: laid.lengths[table]]
    ends = np.cumsum(row.astype(np.int64))
    quantile = state % 2**24
    entry = int(np.searchsorted(ends, quantile, side="right"))
    state = int(row[entry]) * (state >> 24) + quantile
    state -= int(ends[entry]) - int(row[entry])
    if state < 2**32 and stack:
      state = state << 32 | stack.pop()
    symbols[place] = laid.minima[table] + entry
    if entry == len(row) - 1:
      folded, position = varint.read(side, position)
      symbols[place] = varint.unfold(folded)
  assert (state, stack, position) == (0, [], len(side))
  return symbols


@pytest.mark.parametrize("count", [0, 1, 2, 400])
def test_the_bytes_are_those_that_the_format_describes(scale_tables, count):
  symbols, index = _gaussian_symbols(7, count)
  symbols[::40] = EXTREMES[0]
  data = coder.encode_symbols(symbols, index, scale_tables)
  decoded = _read_as_documented(data, index, scale_tables)
  np.testing.assert_array_equal(decoded, symbols)
