"""The `.lic` file: what goes in comes out, and nothing else gets in."""

import dataclasses
import zlib

import numpy as np
import pytest

from lic_jax import types
from lic_jax.codec import container, varint

HEADER = container.Header(
  fingerprint=bytes(range(8)),
  quality=3,
  width=768,
  height=512,
  symbols_crc=0xDEADBEEF,
)
FILE = container.File(HEADER, hyper_latent=b"hyper", latent=b"l" * 20_000)
# Byte offsets of the fields before the variable part; docs/format.md.
VERSION, FLAGS, FINGERPRINT, QUALITY, WIDTH = 4, 5, 6, 14, 15


def _reseal(data: bytes, header_bytes: int) -> bytes:
  """Gives a changed header the CRC that fits it."""
  head = data[: header_bytes - 4]
  crc = zlib.crc32(head).to_bytes(4, "little")
  return head + crc + data[header_bytes:]


def _header_bytes() -> int:
  return len(container.pack(FILE)) - 20_005


def test_a_file_comes_apart_as_it_was_put_together():
  assert container.unpack(container.pack(FILE)) == FILE


@pytest.mark.parametrize("side", [1, 127, 128, 65_536, 1 << 24])
def test_every_size_round_trips(side):
  for width, height in ((side, 1), (1, side)):
    header = dataclasses.replace(HEADER, width=width, height=height)
    file = container.File(header, b"", b"")
    assert container.unpack(container.pack(file)) == file


def test_the_header_of_a_photograph_takes_less_than_40_bytes():
  assert _header_bytes() == 31


def test_a_grey_image_is_marked_by_one_bit():
  header = dataclasses.replace(HEADER, flags=container.GREY)
  data = container.pack(dataclasses.replace(FILE, header=header))
  assert data[FLAGS] == 1
  assert container.unpack(data).header == header
  assert len(data) == len(container.pack(FILE))


def test_a_filter_is_marked_by_one_bit_and_follows_the_latent():
  header = dataclasses.replace(HEADER, flags=container.POSTFILTER)
  file = dataclasses.replace(FILE, header=header, postfilter=b"filter")
  data = container.pack(file)
  assert data[FLAGS] == 4
  assert container.unpack(data) == file
  assert data.endswith(FILE.latent + b"filter")
  assert len(data) == len(container.pack(FILE)) + 1 + len(b"filter")


def test_the_bytes_of_a_header_never_change():
  data = container.pack(container.File(HEADER, b"hy", b"lat"))
  assert data.hex() == PINNED


# Version 1 of the file format: changing these bytes makes a new version.
PINNED = (
  "894c49430100"  # magic, version, flags
  "0001020304050607"  # codec fingerprint
  "03"
  "8006"
  "8004"  # quality, width, height
  "02"
  "03"  # lengths of the two sections
  "efbeadde"
  "19a5a5f0"  # CRC of the symbols, of the header
  "6879"
  "6c6174"  # sections
)


def test_any_single_flipped_bit_of_the_header_is_noticed():
  data = container.pack(FILE)
  for position in range(_header_bytes()):
    for bit in range(8):
      damaged = bytearray(data)
      damaged[position] ^= 1 << bit
      with pytest.raises(types.LicError):
        container.unpack(bytes(damaged))


def test_a_file_cut_anywhere_is_noticed():
  data = container.pack(FILE)
  for length in [*range(_header_bytes() + 10), len(data) - 1]:
    with pytest.raises(types.LicError):
      container.unpack(data[:length])


def test_a_file_that_goes_on_is_noticed():
  with pytest.raises(types.LicError, match="goes on"):
    container.unpack(container.pack(FILE) + b"\0")


@pytest.mark.parametrize(
  ("position", "value", "message"),
  [
    (0, 0x88, "not a .lic file"),
    (VERSION, 2, "version 2"),
    (VERSION, 0, "version 0"),
    (FLAGS, 8, "flags 0x08"),
    (FLAGS, 0x80, "flags 0x80"),
  ],
)
def test_a_field_out_of_its_range_is_refused(position, value, message):
  data = bytearray(container.pack(FILE))
  data[position] = value
  with pytest.raises(types.LicError, match=message):
    container.unpack(_reseal(bytes(data), _header_bytes()))


@pytest.mark.parametrize(
  ("field", "value", "message"),
  [
    (0, 65_536, "quality 65536"),
    (1, 0, "0x512"),
    (2, 0, "768x0"),
    (1, (1 << 24) + 1, "not allowed"),
    (2, 1 << 24, "the limit is"),
    (3, 1 << 34, "cut off"),
    (4, 1 << 34, "cut off"),
    (4, 0, "goes on"),
  ],
)
def test_a_number_out_of_its_range_is_refused(field, value, message):
  numbers = [3, 768, 512, 5, 20_000]
  numbers[field] = value
  head = container.pack(FILE)[:QUALITY]
  head += b"".join(varint.write(number) for number in numbers)
  head += bytes(4)
  data = _reseal(head + bytes(4) + bytes(20_005), len(head) + 4)
  with pytest.raises(types.LicError, match=message):
    container.unpack(data)


@pytest.mark.parametrize(
  "change",
  [
    {"fingerprint": b"short"},
    {"quality": -1},
    {"width": 0},
    {"height": 1 << 25},
    {"flags": 8},
  ],
)
def test_writing_refuses_what_reading_would(change):
  with pytest.raises(types.LicError):
    header = dataclasses.replace(HEADER, **change)
    container.pack(container.File(header, b"", b""))


def test_other_files_are_not_lic_files():
  for data in (b"", b"\x89", b"\x89PNG\r\n\x1a\n", bytes(100)):
    with pytest.raises(types.LicError, match=r"not a \.lic file"):
      container.unpack(data)


def test_the_symbols_checksum_is_that_of_the_header_and_little_endian_int32():
  symbols = np.array([[1, -1], [300, 2**31 - 1]], np.int32)
  # Up to the height; the lengths and checksums are not known yet.
  head = container.pack(FILE)[: WIDTH + 4]
  crc = zlib.crc32(head + symbols.astype("<i4").tobytes())
  assert container.symbols_crc(HEADER, symbols) == crc
  assert container.symbols_crc(HEADER, symbols[:1], symbols[1:]) == crc
  assert container.symbols_crc(HEADER, symbols.T) != crc
  assert container.symbols_crc(HEADER, symbols, postfilter=b"x") != crc
  for change in ({"width": 767}, {"quality": 4}, {"flags": 1}):
    other = dataclasses.replace(HEADER, **change)
    assert container.symbols_crc(other, symbols) != crc


def test_too_many_pixels_are_refused_by_the_header_alone():
  data = container.pack(FILE)
  pixels = 768 * 512
  assert container.unpack(data, max_pixels=pixels) == FILE
  with pytest.raises(types.LicError, match="768x512 pixels; the limit is 393"):
    container.unpack(data, max_pixels=pixels - 1)


def test_no_more_is_read_than_a_header_announces(tmp_path):
  path = tmp_path / "file.lic"
  for data in (container.pack(FILE), container.pack(_small())):
    path.write_bytes(data)
    assert container.pack(container.read(path)) == data
    path.write_bytes(data + bytes(10))
    with pytest.raises(types.LicError, match="goes on"):
      container.read(path)
    path.write_bytes(data[:-1])
    with pytest.raises(types.LicError, match="cut off"):
      container.read(path)
  # These never end.
  for name in ("/dev/zero", "/dev/urandom"):
    with pytest.raises(types.LicError, match=r"not a \.lic file"):
      container.read(name)


def _small() -> container.File:
  return container.File(HEADER, hyper_latent=b"", latent=b"x")
