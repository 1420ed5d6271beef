"""The `.lic` file: a checked header, two sections of coded symbols, a filter.

Byte by byte in docs/format.md. Any change of bytes or of their meaning is a
new version, and the reader keeps every old one. Everything the header claims
is checked before memory is taken for it. The header has its own CRC; another
one, over what the picture is and the symbols that the sections decode to,
answers for all the rest.
"""

import dataclasses
import itertools
import struct
import zlib
from pathlib import Path

import numpy as np

from lic_jax import types
from lic_jax.codec import varint
from lic_jax.types import Int

MAGIC = b"\x89LIC"
VERSION = 1
FINGERPRINT_BYTES = 8
QUALITIES = 1 << 16
# 268 million pixels: 256 times a 1024x1024 image.
MAX_PIXELS = 1 << 28
MAX_SIDE = 1 << 24

# Flags. A set bit that a reader does not know makes it refuse the file.
GREY = 0x01
RANGE_CODER = 0x02
POSTFILTER = 0x04

# No header is longer.
_HEADER_MOST = 64
_CHUNK = 1 << 20
_CRC = struct.Struct("<I")


@dataclasses.dataclass(frozen=True)
class Header:
  """What a file says about itself.

  Attributes:
    fingerprint: first 8 bytes of the SHA-256 of the codec's decoder.
    quality: operating point of the codec, 0 to 65535.
    width: of the image, pixels.
    height: of the image, pixels.
    symbols_crc: CRC-32 of the picture's symbols; see `symbols_crc`.
    flags: of GREY, RANGE_CODER and POSTFILTER; the other bits may get a
      meaning later.
  """

  fingerprint: bytes
  quality: int
  width: int
  height: int
  symbols_crc: int
  flags: int = 0

  @property
  def is_grey(self) -> bool:
    return bool(self.flags & GREY)

  @property
  def has_filter(self) -> bool:
    return bool(self.flags & POSTFILTER)

  @property
  def coder(self) -> str:
    """Name of the entropy coder."""
    return "range" if self.flags & RANGE_CODER else "ans"


@dataclasses.dataclass(frozen=True)
class File:
  """A file taken apart.

  Attributes:
    header: the checked header.
    hyper_latent: section of z; empty without a hyperprior.
    latent: section of y.
    postfilter: section of the post-filter's coefficients, if the header says
      that there is one.
  """

  header: Header
  hyper_latent: bytes
  latent: bytes
  postfilter: bytes = b""

  @property
  def size(self) -> int:
    """Bytes of the whole file."""
    return len(pack(self))


def pack(file: File) -> bytes:
  """The bytes of a file.

  Raises:
    LicError: the header holds what this version cannot say.
  """
  header = file.header
  _check(header, MAX_PIXELS)
  head = _picture(header)
  sections = [file.hyper_latent, file.latent]
  if header.has_filter:
    sections.append(file.postfilter)
  head += b"".join(varint.write(len(section)) for section in sections)
  head += _CRC.pack(header.symbols_crc)
  head += _CRC.pack(zlib.crc32(head))
  return head + b"".join(sections)


def unpack(data: bytes, *, max_pixels: int = MAX_PIXELS) -> File:
  """Takes a file apart.

  Args:
    data: the whole file.
    max_pixels: that the image may have.

  Raises:
    LicError: it is no `.lic` file of a version known here, it is damaged, cut
      or followed by other bytes, or it claims an image beyond the limits.
  """
  header, lengths, start = _parse(data, max_pixels)
  body = data[start:]
  if len(body) != sum(lengths):
    what = "is cut off" if len(body) < sum(lengths) else "goes on"
    raise types.LicError(f"the file {what}: {sum(lengths)} bytes announced")
  ends = itertools.accumulate(lengths)
  sections = [body[end - n : end] for end, n in zip(ends, lengths)]
  return File(header, *sections)


def read(path: Path | str, *, max_pixels: int = MAX_PIXELS) -> File:
  """Reads a file, no more of it than its header announces.

  Args:
    path: of the file, or of a pipe.
    max_pixels: that the image may have.

  Raises:
    LicError: as `unpack`.
    OSError: it cannot be read.
  """
  with open(path, "rb") as stream:
    data = stream.read(_HEADER_MOST)
    _, lengths, start = _parse(data, max_pixels)
    # One more byte tells whether the file goes on.
    missing = start + sum(lengths) + 1 - len(data)
    parts = [data]
    while missing > 0 and (part := stream.read(min(missing, _CHUNK))):
      parts.append(part)
      missing -= len(part)
  return unpack(b"".join(parts), max_pixels=max_pixels)


def symbols_crc(
  header: Header, *symbols: Int[np.ndarray, "..."], postfilter: bytes = b""
) -> int:
  """CRC-32 of a picture's symbols, and of what filters it.

  Over the header up to the height, so that symbols do not fit another's header,
  int32 symbols, little-endian, one array after another, and the section of the
  post-filter.
  """
  crc = zlib.crc32(_picture(header))
  for array in symbols:
    crc = zlib.crc32(np.ascontiguousarray(array, "<i4"), crc)
  return zlib.crc32(postfilter, crc)


def _picture(header: Header) -> bytes:
  """The part of a header that says what the picture is."""
  head = MAGIC + bytes([VERSION, header.flags]) + header.fingerprint
  numbers = header.quality, header.width, header.height
  return head + b"".join(varint.write(number) for number in numbers)


def _parse(data: bytes, max_pixels: int) -> tuple[Header, tuple[int, ...], int]:
  """The checked header, the lengths of the sections, and where they begin."""
  if not data.startswith(MAGIC):
    raise types.LicError("this is not a .lic file")
  fixed = len(MAGIC) + 2 + FINGERPRINT_BYTES
  if len(data) < fixed:
    raise types.LicError("the file ends inside its header")
  version, flags = data[len(MAGIC) : len(MAGIC) + 2]
  if version != VERSION:
    raise types.LicError(
      f"the file has format version {version}; known here is {VERSION}"
    )
  numbers, position = [], fixed
  for _ in range(6 if flags & POSTFILTER else 5):
    number, position = varint.read(data, position)
    numbers.append(number)
  if len(data) < position + 2 * _CRC.size:
    raise types.LicError("the file ends inside its header")
  (symbols,) = _CRC.unpack_from(data, position)
  (stated,) = _CRC.unpack_from(data, position + _CRC.size)
  if zlib.crc32(data[: position + _CRC.size]) != stated:
    raise types.LicError("the file's header is damaged")
  quality, width, height, *lengths = numbers
  header = Header(
    fingerprint=data[fixed - FINGERPRINT_BYTES : fixed],
    quality=quality,
    width=width,
    height=height,
    symbols_crc=symbols,
    flags=flags,
  )
  _check(header, max_pixels)
  return header, tuple(lengths), position + 2 * _CRC.size


def _check(header: Header, max_pixels: int) -> None:
  """Refuses what no file of this version may hold, and too many pixels."""
  width, height = header.width, header.height
  if len(header.fingerprint) != FINGERPRINT_BYTES:
    raise types.LicError("the codec fingerprint does not have 8 bytes")
  if not 0 <= header.flags <= GREY | RANGE_CODER | POSTFILTER:
    raise types.LicError(
      f"the file has flags {header.flags:#04x} that are not known here"
    )
  if not 0 <= header.quality < QUALITIES:
    raise types.LicError(f"quality {header.quality} is not in 0..65535")
  if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
    raise types.LicError(f"an image of {width}x{height} pixels is not allowed")
  limit = min(max_pixels, MAX_PIXELS)
  if width * height > limit:
    raise types.LicError(
      f"the image has {width}x{height} pixels; the limit is {limit}"
    )
