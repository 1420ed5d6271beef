"""Entropy coding by asymmetric numeral systems: `constriction`'s ANS coder.

A stack, so the last entry written is the first one read. Layout of the bytes:
docs/format.md, section 3. Constriction cannot tell truncated data from complete
ones. What can be told is told here (a stack that is not empty at the end); the
rest is the CRC's part. Its sister, `range_coder`, needs TensorFlow.
"""

import contextlib
from collections.abc import Iterator

import constriction
import numpy as np

from lic_jax.codec.tables import Tables, groups
from lic_jax.types import Int, LicError


def encode(
  entries: Int[np.ndarray, "n"], counts: Int[np.ndarray, "t"], tables: Tables
) -> bytes:
  """Codes entries of tables.

  Args:
    entries: counts[0] of table 0, then counts[1] of table 1, ...; int32.
    counts: how many there are of each table.
    tables: integer tables.
  """
  with _guarded():
    coder = constriction.stream.stack.AnsCoder()
    for group, model in reversed(list(_models(counts, tables))):
      coder.encode_reverse(entries[group], model)
    return coder.get_compressed().astype("<u4").tobytes()


def decode(
  data: bytes, counts: Int[np.ndarray, "t"], tables: Tables
) -> Int[np.ndarray, "n"]:
  """Inverse of `encode`.

  Raises:
    LicError: no entries have these bytes. Some damage goes unnoticed here.
  """
  if len(data) % 4:
    raise LicError("the coded symbols have the wrong length")
  words = np.frombuffer(data, "<u4").astype(np.uint32)
  if len(words) and not words[-1]:
    raise LicError("the coded symbols end in a zero word")
  entries = np.empty(counts.sum(), np.int32)
  with _guarded():
    coder = constriction.stream.stack.AnsCoder(words)
    for group, model in _models(counts, tables):
      entries[group] = coder.decode(model, group.stop - group.start)
    if not coder.is_empty():
      raise LicError("the coded symbols are damaged: bytes are left over")
  return entries


def _models(
  counts: Int[np.ndarray, "t"], tables: Tables
) -> Iterator[tuple[slice, object]]:
  """The entries of each table, with constriction's model of it."""
  starts = tables.starts
  for table, group in groups(counts):
    row = tables.frequencies[starts[table] :][: tables.lengths[table]]
    # The model adds 1 to every weight and scales to 2^24 in sum: with these
    # weights the scaling is by exactly one, and the frequencies are the row's.
    yield (
      group,
      constriction.stream.model.Categorical(
        row.astype(np.float64) - 1.0, perfect=False
      ),
    )


@contextlib.contextmanager
def _guarded() -> Iterator[None]:
  """Rust's panics as errors; they are no `Exception`, and would end all."""
  try:
    yield
  except BaseException as error:
    if type(error).__name__ != "PanicException":
      raise
    raise LicError(f"the entropy coder failed: {error}") from error
