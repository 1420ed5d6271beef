"""Ways to damage a `.lic` file, from noise to what somebody might contrive.

Each takes a file, the other files, and random numbers, and returns bytes.
"""

import zlib
from collections.abc import Callable, Sequence

import numpy as np

from lic_jax.codec import container, varint

Mutation = Callable[[bytes, Sequence[bytes], np.random.Generator], bytes]
# Before the first varint: magic, version, flags, fingerprint.
FIXED = 14
# Numbers that have broken readers.
EDGES = (0, 1, 2, 63, 64, 65, 127, 128, 255, 256, 4095, 16383, 16384, 65535)
EDGES += tuple(1 << bits for bits in (16, 20, 24, 25, 28, 31, 32, 34))


def flip(data: bytes, others: Sequence[bytes], rng) -> bytes:
  """One to eight bits."""
  damaged = bytearray(data)
  for _ in range(rng.integers(1, 9)):
    damaged[rng.integers(len(data))] ^= 1 << rng.integers(8)
  return bytes(damaged)


def overwrite(data: bytes, others: Sequence[bytes], rng) -> bytes:
  """A run of bytes: noise, zeros or ones."""
  start = rng.integers(len(data))
  count = min(int(rng.integers(1, 40)), len(data) - start)
  run = (rng.bytes(count), bytes(count), b"\xff" * count)[rng.integers(3)]
  return data[:start] + run + data[start + count :]


def cut(data: bytes, others: Sequence[bytes], rng) -> bytes:
  """The end is missing."""
  return data[: rng.integers(len(data))]


def extend(data: bytes, others: Sequence[bytes], rng) -> bytes:
  """Something follows: noise, zeros, the file again."""
  count = int(rng.integers(1, 200))
  return data + (rng.bytes(count), bytes(count), data)[rng.integers(3)]


def remove(data: bytes, others: Sequence[bytes], rng) -> bytes:
  """Bytes inside are missing."""
  start = rng.integers(len(data))
  return data[:start] + data[start + rng.integers(1, 20) :]


def insert(data: bytes, others: Sequence[bytes], rng) -> bytes:
  """There are more bytes inside."""
  start = rng.integers(len(data))
  return data[:start] + rng.bytes(rng.integers(1, 20)) + data[start:]


def splice_header(data: bytes, others: Sequence[bytes], rng) -> bytes:
  """This header, another file's symbols, and a header CRC that fits."""
  other = others[rng.integers(len(others))]
  numbers, _, other_start = parts(other)
  mine, crc, _ = parts(data)
  return seal(data[:FIXED], [*mine[:3], *numbers[3:]], crc, other[other_start:])


def change_number(data: bytes, others: Sequence[bytes], rng) -> bytes:
  """Quality, size or a length is another, and the header CRC fits."""
  numbers, crc, start = parts(data)
  for _ in range(rng.integers(1, 3)):
    field = rng.integers(5)
    if rng.integers(2):
      numbers[field] = EDGES[rng.integers(len(EDGES))]
    else:
      numbers[field] = max(0, numbers[field] + int(rng.integers(-70, 71)))
  return seal(data[:FIXED], numbers, crc, data[start:])


def change_fixed(data: bytes, others: Sequence[bytes], rng) -> bytes:
  """Version, flags or fingerprint is another, and the header CRC fits."""
  numbers, crc, start = parts(data)
  head = bytearray(data[:FIXED])
  head[rng.integers(4, FIXED)] = rng.integers(256)
  return seal(bytes(head), numbers, crc, data[start:])


def move_border(data: bytes, others: Sequence[bytes], rng) -> bytes:
  """The two sections meet elsewhere, and the header CRC fits."""
  numbers, crc, start = parts(data)
  total = numbers[3] + numbers[4]
  numbers[3] = int(rng.integers(total + 1))
  numbers[4] = total - numbers[3]
  return seal(data[:FIXED], numbers, crc, data[start:])


def damage_symbols(data: bytes, others: Sequence[bytes], rng) -> bytes:
  """Bits of the symbols alone: the header stays as it is."""
  _, _, start = parts(data)
  return data[:start] + flip(data[start:], others, rng)


def resize_symbols(data: bytes, others: Sequence[bytes], rng) -> bytes:
  """Whole words come or go at the end, and the lengths fit."""
  numbers, crc, start = parts(data)
  words = int(rng.integers(-8, 9))
  body = data[start:] + rng.bytes(4 * max(0, words))
  body = body[: max(0, len(data) - start + 4 * words)]
  numbers[3] = min(numbers[3], len(body))
  numbers[4] = len(body) - numbers[3]
  return seal(data[:FIXED], numbers, crc, body)


def invent(data: bytes, others: Sequence[bytes], rng) -> bytes:
  """Noise, as it is or after a right beginning."""
  return data[: rng.integers(FIXED + 1)] + rng.bytes(rng.integers(100))


ALL: tuple[Mutation, ...] = (
  *(flip, overwrite, cut, extend, remove, insert, splice_header),
  *(change_number, change_fixed, move_border, damage_symbols, resize_symbols),
  invent,
)


def parts(data: bytes) -> tuple[list[int], bytes, int]:
  """The five numbers of a header, the CRC of the symbols, and its length."""
  numbers, position = [], FIXED
  for _ in range(5):
    number, position = varint.read(data, position)
    numbers.append(number)
  return numbers, data[position : position + 4], position + 8


def seal(head: bytes, numbers: Sequence[int], crc: bytes, body: bytes) -> bytes:
  """A file of such a header, with the CRC that it should have."""
  head += b"".join(varint.write(number) for number in numbers) + crc
  return head + zlib.crc32(head).to_bytes(4, "little") + body


assert len(container.MAGIC) + 2 + container.FINGERPRINT_BYTES == FIXED
