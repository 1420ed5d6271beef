"""Symbols to bytes and back, by tables.

Symbols are grouped by their table, a stable sort of the table indices that both
sides know, because one call per table is what makes entropy coding from Python
fast. A symbol outside its table's range is coded as the escape, and its value
follows in a side section: any int32 round-trips. Under a context model symbols
come in passes, and those of one decide the tables of the next. Layout of the
bytes: docs/format.md, section 3. What codes the entries of tables: `ans`, or
`range_coder`.
"""

from collections.abc import Iterator, Sequence
from types import ModuleType

import numpy as np

from lic_jax.codec import ans, range_coder, varint
from lic_jax.codec.tables import PRECISION, Tables, groups
from lic_jax.types import Bool, Int, LicError, Shaped, UInt

# By the name that a user gives.
CODERS: dict[str, ModuleType] = {"ans": ans, "range": range_coder}
# Symbols that are sorted, or made entries, at once, which bounds the memory: 32
# MiB of order.
BLOCK = 1 << 22


def encode_symbols(
  symbols: Int[np.ndarray, "*b"],
  table_index: UInt[np.ndarray, "*b"],
  tables: Tables,
  coder: str = "ans",
) -> bytes:
  """Codes each symbol with the table of its index.

  Args:
    symbols: any int32.
    table_index: uint8 or uint16, below `tables.count`.
    tables: integer tables.
    coder: one of `CODERS`.

  Returns:
    The bytes: within a few of the information content, plus about five for
    each symbol out of its table's range.

  Raises:
    LicError: the coder is not installed.
  """
  return encode_passes([(symbols, table_index)], tables, coder)


def encode_passes(
  passes: Sequence[tuple[Int[np.ndarray, "..."], UInt[np.ndarray, "..."]]],
  tables: Tables,
  coder: str = "ans",
) -> bytes:
  """`encode_symbols` of passes, of which each decides the next one's tables.

  Args:
    passes: symbols and table indices, in the order of decoding.
    tables, coder: as of `encode_symbols`.
  """
  coded, side = [], []
  for symbols, table_index in passes:
    index = table_index.reshape(-1)
    counts, runs = _order(index, tables.count)
    # Symbols, and in their place the entries of their tables.
    entries = np.empty(len(index), np.int32)
    _sort(symbols.reshape(-1), index, runs, out=entries)
    for table, group in groups(counts):
      escape = tables.lengths[table] - 1
      for first in range(group.start, group.stop, BLOCK):
        block = entries[first : min(first + BLOCK, group.stop)]
        entry = block.astype(np.int64) - tables.minima[table]
        outside = (entry < 0) | (entry >= escape)
        values = block[outside].tolist()
        side += [varint.write(varint.fold(value)) for value in values]
        block[...] = np.where(outside, escape, entry)
    coded.append((entries, counts))
  escapes = b"".join(side)
  head = varint.write(len(escapes)) + escapes
  return head + CODERS[coder].encode(coded, tables)


def decode_symbols(
  data: bytes,
  table_index: UInt[np.ndarray, "*b"],
  tables: Tables,
  coder: str = "ans",
) -> Int[np.ndarray, "*b"]:
  """Inverse of `encode_symbols`, given the same indices and tables.

  Args:
    data: exactly the bytes that `encode_symbols` returned.
    table_index, tables, coder: as given to `encode_symbols`.

  Returns:
    The int32 symbols, in the shape of `table_index`.

  Raises:
    LicError: no symbols have these bytes, or the coder is not installed. Some
      damage goes unnoticed here.
  """
  reader = Reader(data, tables, coder)
  symbols = reader.read(table_index)
  reader.close()
  return symbols


class Reader:
  """Inverse of `encode_passes`, pass by pass."""

  def __init__(self, data: bytes, tables: Tables, coder: str = "ans"):
    """Arguments and errors as of `decode_symbols`."""
    length, start = varint.read(data, 0)
    if length > len(data) - start:
      raise LicError("the coded symbols have the wrong length")
    self._side, self._position = data[start : start + length], 0
    self._tables = tables
    self._decoder = CODERS[coder].Decoder(data[start + length :], tables)

  def read(self, table_index: UInt[np.ndarray, "*b"]) -> Int[np.ndarray, "*b"]:
    """The symbols of the next pass, in the shape of `table_index`."""
    index, tables = table_index.reshape(-1), self._tables
    counts, runs = _order(index, tables.count)
    ordered = self._decoder.decode(counts)
    for table, group in groups(counts):
      entry = ordered[group]
      outside = entry == tables.lengths[table] - 1
      entry += tables.minima[table]
      values, self._position = _escapes(
        self._side, self._position, int(outside.sum())
      )
      entry[outside] = values
    symbols = np.empty(len(index), np.int32)
    _unsort(ordered, index, runs, out=symbols)
    return symbols.reshape(table_index.shape)

  def close(self) -> None:
    """Raises LicError where something is left after the last pass."""
    self._decoder.close()
    if self._position != len(self._side):
      raise LicError("the coded symbols are damaged: bytes are left over")


def is_outside(
  symbols: Int[np.ndarray, "*b"],
  table_index: UInt[np.ndarray, "*b"],
  tables: Tables,
) -> Bool[np.ndarray, "*b"]:
  """Which symbols their tables do not hold, and an escape carries."""
  entry = symbols.astype(np.int64) - tables.minima[table_index]
  return (entry < 0) | (entry >= tables.lengths[table_index] - 1)


def escape_bits(
  symbols: Int[np.ndarray, "n"],
  table_index: UInt[np.ndarray, "n"],
  tables: Tables,
) -> float:
  """What escapes with these values cost: the symbol, and its side bytes."""
  escape = tables.starts[table_index] + tables.lengths[table_index] - 1
  coded = PRECISION - np.log2(tables.frequencies[escape].astype(np.float64))
  side = sum(len(varint.write(varint.fold(int(value)))) for value in symbols)
  return float(np.sum(coded)) + 8 * side


def least_bits(tables: Tables) -> float:
  """Information content of one symbol of every table, each its likeliest."""
  likeliest = np.maximum.reduceat(tables.frequencies, tables.starts)
  return float(np.sum(PRECISION - np.log2(likeliest.astype(np.float64))))


def _order(
  index: UInt[np.ndarray, "n"], tables: int
) -> tuple[Int[np.ndarray, "t"], Int[np.ndarray, "b t"]]:
  """Of the stable sort by table, block by block.

  Returns:
    How many symbols each table has, and where those of each block begin.
  """
  parts = [
    np.bincount(index[first : first + BLOCK], minlength=tables)
    for first in range(0, len(index), BLOCK)
  ]
  per_block = np.array(parts, np.int64).reshape(-1, tables)
  counts = per_block.sum(axis=0)
  before = np.cumsum(per_block, axis=0) - per_block
  return counts, before + np.cumsum(counts) - counts


def _sort(
  values: Shaped[np.ndarray, "n"],
  index: UInt[np.ndarray, "n"],
  runs: Int[np.ndarray, "b t"],
  *,
  out: Shaped[np.ndarray, "n"],
) -> None:
  """Values in the order in which they are coded."""
  for block, order, group, start in _blocks(index, runs):
    out[start : start + group.stop - group.start] = values[block][order[group]]


def _unsort(
  ordered: Shaped[np.ndarray, "n"],
  index: UInt[np.ndarray, "n"],
  runs: Int[np.ndarray, "b t"],
  *,
  out: Shaped[np.ndarray, "n"],
) -> None:
  """Inverse of `_sort`."""
  for block, order, group, start in _blocks(index, runs):
    out[block][order[group]] = ordered[start : start + group.stop - group.start]


def _blocks(
  index: UInt[np.ndarray, "n"], runs: Int[np.ndarray, "b t"]
) -> Iterator[tuple[slice, Int[np.ndarray, "m"], slice, int]]:
  """Blocks of the symbols, and in each the groups of equal table.

  Yields:
    A block, the order that sorts it, a group in that order, and where it begins
    among all symbols sorted.
  """
  for number, starts in enumerate(runs):
    block = slice(number * BLOCK, (number + 1) * BLOCK)
    order = np.argsort(index[block], kind="stable")
    for table, group in groups(np.bincount(index[block])):
      yield block, order, group, starts[table]


def _escapes(side: bytes, position: int, count: int) -> tuple[list[int], int]:
  """The next values of the side section, and the position after them."""
  values = []
  for _ in range(count):
    value, position = varint.read(side, position)
    values.append(varint.unfold(value))
  if values and not -(1 << 31) <= min(values) <= max(values) < 1 << 31:
    raise LicError("the coded symbols hold a value beyond 32 bits")
  return values, position
