"""The `.lic` file: a checked header and two sections of coded symbols.

Byte by byte in docs/format.md. Any change of bytes or of their meaning is a
new version, and the reader keeps every old one. Everything the header claims
is checked before memory is taken for it; the header has its own CRC, and the
sections are answered for by the CRC of the symbols they decode to.
"""

import dataclasses
import struct
import zlib

import numpy as np
from jaxtyping import Int

from lic_jax import types
from lic_jax.codec import varint

MAGIC = b"\x89LIC"
VERSION = 1
FINGERPRINT_BYTES = 8
QUALITIES = 1 << 16
# 268 million pixels: 256 times a 1024x1024 image.
MAX_PIXELS = 1 << 28
MAX_SIDE = 1 << 24

# Flags. A set bit that a reader does not know makes it refuse the file.
GREY = 0x01

_CRC = struct.Struct("<I")


@dataclasses.dataclass(frozen=True)
class Header:
  """What a file says about itself.

  Attributes:
    fingerprint: first 8 bytes of the SHA-256 of the codec's decoder.
    quality: operating point of the codec, 0 to 65535.
    width: of the image, pixels.
    height: of the image, pixels.
    symbols_crc: CRC-32 of the decoded symbols; see `symbols_crc`.
    flags: GREY or 0; the other bits may get a meaning from later readers.
  """

  fingerprint: bytes
  quality: int
  width: int
  height: int
  symbols_crc: int
  flags: int = 0


@dataclasses.dataclass(frozen=True)
class File:
  """A file taken apart.

  Attributes:
    header: the checked header.
    hyper_latent: section of z; empty without a hyperprior.
    latent: section of y.
  """

  header: Header
  hyper_latent: bytes
  latent: bytes


def pack(file: File) -> bytes:
  """The bytes of a file.

  Raises:
    LicError: the header holds what this version cannot say.
  """
  header = file.header
  _check(header)
  numbers = (
    header.quality,
    header.width,
    header.height,
    len(file.hyper_latent),
    len(file.latent),
  )
  head = MAGIC + bytes([VERSION, header.flags]) + header.fingerprint
  head += b"".join(varint.write(number) for number in numbers)
  head += _CRC.pack(header.symbols_crc)
  head += _CRC.pack(zlib.crc32(head))
  return head + file.hyper_latent + file.latent


def unpack(data: bytes) -> File:
  """Takes a file apart.

  Args:
    data: the whole file.

  Raises:
    LicError: it is no `.lic` file of a version known here, it is damaged, cut
      or followed by other bytes, or it claims an image beyond the limits.
  """
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
  for _ in range(5):
    number, position = varint.read(data, position)
    numbers.append(number)
  if len(data) < position + 2 * _CRC.size:
    raise types.LicError("the file ends inside its header")
  (symbols,) = _CRC.unpack_from(data, position)
  (stated,) = _CRC.unpack_from(data, position + _CRC.size)
  if zlib.crc32(data[: position + _CRC.size]) != stated:
    raise types.LicError("the file's header is damaged")
  quality, width, height, hyper_latent, latent = numbers
  header = Header(
    fingerprint=data[fixed - FINGERPRINT_BYTES : fixed],
    quality=quality,
    width=width,
    height=height,
    symbols_crc=symbols,
    flags=flags,
  )
  _check(header)
  body = data[position + 2 * _CRC.size :]
  if len(body) != hyper_latent + latent:
    what = "is cut off" if len(body) < hyper_latent + latent else "goes on"
    raise types.LicError(
      f"the file {what}: {len(body)} bytes of symbols, "
      f"{hyper_latent + latent} announced"
    )
  return File(header, body[:hyper_latent], body[hyper_latent:])


def symbols_crc(*symbols: Int[np.ndarray, "..."]) -> int:
  """CRC-32 over int32 symbols, little-endian, one array after another."""
  crc = 0
  for array in symbols:
    crc = zlib.crc32(np.ascontiguousarray(array, "<i4"), crc)
  return crc


def _check(header: Header) -> None:
  """Refuses what no file of this version may hold."""
  width, height = header.width, header.height
  if len(header.fingerprint) != FINGERPRINT_BYTES:
    raise types.LicError("the codec fingerprint does not have 8 bytes")
  if not 0 <= header.flags <= GREY:
    raise types.LicError(
      f"the file has flags {header.flags:#04x} that are not known here"
    )
  if not 0 <= header.quality < QUALITIES:
    raise types.LicError(f"quality {header.quality} is not in 0..65535")
  if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
    raise types.LicError(f"an image of {width}x{height} pixels is not allowed")
  if width * height > MAX_PIXELS:
    raise types.LicError(
      f"the image has {width}x{height} pixels; the limit is {MAX_PIXELS}"
    )
