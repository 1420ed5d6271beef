"""Entropy coding by asymmetric numeral systems: `constriction`'s ANS coder.

A stack, so the last entry written is the first one read. Layout of the bytes:
docs/format.md, section 3. Constriction cannot tell truncated data from complete
ones. What can be told is told here (a stack that is not empty at the end); the
rest is the CRC's part. Its sister, `range_coder`, needs TensorFlow.
"""

import contextlib
from collections.abc import Iterator, Sequence

import constriction
import numpy as np

from lic_jax.codec.tables import Tables, groups
from lic_jax.types import Int, LicError


def encode(
  passes: Sequence[tuple[Int[np.ndarray, "_"], Int[np.ndarray, "t"]]],
  tables: Tables,
) -> bytes:
  """Codes entries of tables.

  Args:
    passes: in the order of decoding: entries, counts[0] of table 0, then
      counts[1] of table 1, ..., int32; and counts.
    tables: integer tables.
  """
  models = _Models(tables)
  with _guarded():
    coder = constriction.stream.stack.AnsCoder()
    for entries, counts in reversed(passes):
      for table, group in reversed(list(groups(counts))):
        coder.encode_reverse(entries[group], models(table))
    return coder.get_compressed().astype("<u4").tobytes()


class Decoder:
  """Inverse of `encode`, pass by pass."""

  def __init__(self, data: bytes, tables: Tables):
    """Raises LicError where no entries have these bytes."""
    if len(data) % 4:
      raise LicError("the coded symbols have the wrong length")
    words = np.frombuffer(data, "<u4").astype(np.uint32)
    if len(words) and not words[-1]:
      raise LicError("the coded symbols end in a zero word")
    self._models = _Models(tables)
    with _guarded():
      self._coder = constriction.stream.stack.AnsCoder(words)

  def decode(self, counts: Int[np.ndarray, "t"]) -> Int[np.ndarray, "n"]:
    """The entries of the next pass; some damage goes unnoticed here."""
    entries = np.empty(counts.sum(), np.int32)
    with _guarded():
      for table, group in groups(counts):
        model = self._models(table)
        entries[group] = self._coder.decode(model, group.stop - group.start)
    return entries

  def close(self) -> None:
    """Raises LicError where something is left after the last pass."""
    if not self._coder.is_empty():
      raise LicError("the coded symbols are damaged: bytes are left over")


class _Models:
  """Constriction's model of each table, made when it is first needed."""

  def __init__(self, tables: Tables):
    self._tables, self._starts = tables, tables.starts
    self._made: dict[int, object] = {}

  def __call__(self, table: int) -> object:
    if table not in self._made:
      length = self._tables.lengths[table]
      row = self._tables.frequencies[self._starts[table] :][:length]
      # The model adds 1 to every weight and scales to 2^24 in sum: with these
      # weights the scaling is by exactly one, the frequencies are the row's.
      self._made[table] = constriction.stream.model.Categorical(
        row.astype(np.float64) - 1.0, perfect=False
      )
    return self._made[table]


@contextlib.contextmanager
def _guarded() -> Iterator[None]:
  """Rust's panics as errors; they are no `Exception`, and would end all."""
  try:
    yield
  except BaseException as error:
    if type(error).__name__ != "PanicException":
      raise
    raise LicError(f"the entropy coder failed: {error}") from error
