"""Symbols to bytes and back: asymmetric numeral systems by table.

The entropy coder is `constriction`'s ANS coder: a stack, so the last symbol
written is the first one read. Symbols are grouped by their table, a stable
sort of the table indices that both sides know, because one vectorised call per
table is what makes coding from Python fast. A symbol outside its table's range
is coded as the escape, and its value follows in a side section: any int32
round-trips. Layout of the bytes: docs/format.md, section 3.

Constriction cannot tell truncated data from complete ones. What can be told is
told here (a stack that is not empty at the end); the rest is the CRC's part.
"""

from collections.abc import Iterator

import constriction
import numpy as np
from jaxtyping import Bool, Int, UInt

from lic_jax import types
from lic_jax.codec import varint
from lic_jax.codec.tables import PRECISION, Tables


def encode_symbols(
  symbols: Int[np.ndarray, "*b"],
  table_index: UInt[np.ndarray, "*b"],
  tables: Tables,
) -> bytes:
  """Codes each symbol with the table of its index.

  Args:
    symbols: any int32.
    table_index: uint8 or uint16, below `tables.count`.
    tables: integer tables.

  Returns:
    The bytes: within a few of the information content, plus about five for
    each symbol out of its table's range.
  """
  order = np.argsort(table_index, axis=None, kind="stable")
  ordered = symbols.reshape(-1)[order].astype(np.int64)
  index = table_index.reshape(-1)[order]
  outside = is_outside(ordered, index, tables)
  escape = tables.lengths[index] - 1
  entry = ordered - tables.minima[index]
  entry = np.where(outside, escape, entry).astype(np.int32)
  coder = constriction.stream.stack.AnsCoder()
  for group, model in reversed(list(_groups(index, tables))):
    coder.encode_reverse(entry[group], model)
  words = coder.get_compressed()
  escapes = [int(value) for value in ordered[outside]]
  side = b"".join(varint.write(varint.fold(value)) for value in escapes)
  return varint.write(len(side)) + side + words.astype("<u4").tobytes()


def decode_symbols(
  data: bytes, table_index: UInt[np.ndarray, "*b"], tables: Tables
) -> Int[np.ndarray, "*b"]:
  """Inverse of `encode_symbols`, given the same indices and tables.

  Args:
    data: exactly the bytes that `encode_symbols` returned.
    table_index: as given to `encode_symbols`.
    tables: as given to `encode_symbols`.

  Returns:
    The int32 symbols, in the shape of `table_index`.

  Raises:
    LicError: no symbols have these bytes. Some damage goes unnoticed here.
  """
  side, words = _split(data)
  try:
    coder = constriction.stream.stack.AnsCoder(words)
  except ValueError as error:
    raise types.LicError("the coded symbols end in a zero word") from error
  order = np.argsort(table_index, axis=None, kind="stable")
  index = table_index.reshape(-1)[order]
  entry = np.empty(len(index), np.int32)
  for group, model in _groups(index, tables):
    entry[group] = coder.decode(model, group.stop - group.start)
  if not coder.is_empty():
    raise types.LicError("the coded symbols are damaged: bytes are left over")
  ordered = entry + tables.minima[index]
  _fill_escapes(ordered, entry == tables.lengths[index] - 1, side)
  symbols = np.empty(len(index), np.int32)
  symbols[order] = ordered
  return symbols.reshape(table_index.shape)


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


def _groups(
  index: UInt[np.ndarray, "n"], tables: Tables
) -> Iterator[tuple[slice, object]]:
  """The runs of equal indices, each with constriction's model of its table."""
  counts = np.bincount(index, minlength=tables.count)
  ends = np.cumsum(counts)
  starts = tables.starts
  for table in np.flatnonzero(counts):
    row = tables.frequencies[starts[table] :][: tables.lengths[table]]
    # The model adds 1 to every weight and scales to 2^24 in sum: with these
    # weights the scaling is by exactly one, and the frequencies are the row's.
    model = constriction.stream.model.Categorical(
      row.astype(np.float64) - 1.0, perfect=False
    )
    yield slice(ends[table] - counts[table], ends[table]), model


def _split(data: bytes) -> tuple[bytes, UInt[np.ndarray, "w"]]:
  """The side section and the coder's words."""
  length, start = varint.read(data, 0)
  if length > len(data) - start or (len(data) - start - length) % 4:
    raise types.LicError("the coded symbols have the wrong length")
  words = np.frombuffer(data, "<u4", offset=start + length)
  return data[start : start + length], words.astype(np.uint32)


def _fill_escapes(
  ordered: Int[np.ndarray, "n"], outside: np.ndarray, side: bytes
) -> None:
  """Puts the values of the side section where escapes were decoded."""
  position = 0
  values = []
  for _ in range(np.count_nonzero(outside)):
    value, position = varint.read(side, position)
    values.append(varint.unfold(value))
  if position != len(side):
    raise types.LicError("the coded symbols are damaged: bytes are left over")
  if values and not -(1 << 31) <= min(values) <= max(values) < 1 << 31:
    raise types.LicError("the coded symbols hold a value beyond 32 bits")
  ordered[outside] = values
