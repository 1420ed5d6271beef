"""Entropy coding by the range coder of tensorflow-compression.

For those whose pipeline has TensorFlow already, and as the second opinion on
`ans`: the extra `[tfc]`. It takes probabilities of 16 bits where tables have
24, so files are a little larger. Whoever decodes needs the extra as well.
Layout of the bytes: docs/format.md, section 3.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from lic_jax.codec.tables import PRECISION, Tables
from lic_jax.types import Int, LicError

BITS = 16
# Read when TensorFlow is first imported, which Flax does as well: no notes
# about GPUs, for whom a command that prints one line is meant.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def encode(
  passes: Sequence[tuple[Int[np.ndarray, "_"], Int[np.ndarray, "t"]]],
  tables: Tables,
) -> bytes:
  """Codes entries of tables; arguments as those of `ans.encode`.

  Raises:
    LicError: tensorflow-compression is not installed.
  """
  _, ops = _tensorflow()
  handle = ops.create_range_encoder([], lookup(tables))
  for entries, counts in passes:
    handle = ops.entropy_encode_index(handle, _index(counts), entries)
  return bytes(ops.entropy_encode_finalize(handle).numpy())


class Decoder:
  """Inverse of `encode`, pass by pass."""

  def __init__(self, data: bytes, tables: Tables):
    """Raises LicError where tensorflow-compression is not installed."""
    tf, ops = _tensorflow()
    self._handle = ops.create_range_decoder(tf.constant(data), lookup(tables))

  def decode(self, counts: Int[np.ndarray, "t"]) -> Int[np.ndarray, "n"]:
    """The entries of the next pass; some damage goes unnoticed here."""
    tf, ops = _tensorflow()
    try:
      self._handle, entries = ops.entropy_decode_index(
        self._handle, _index(counts), [int(counts.sum())], tf.int32
      )
    except tf.errors.OpError as error:
      raise LicError("the coded symbols are damaged") from error
    return np.array(entries.numpy())

  def close(self) -> None:
    """Raises LicError where the passes do not end as they were written."""
    tf, ops = _tensorflow()
    try:
      sound = bool(ops.entropy_decode_finalize(self._handle))
    except tf.errors.OpError:
      sound = False
    if not sound:
      raise LicError("the coded symbols are damaged")


def lookup(tables: Tables) -> Int[np.ndarray, "n"]:
  """The tables as the operations take them, int32, with 16 bits.

  Of each table: the precision, then the cumulative frequencies. Every entry
  keeps a frequency of at least 1, and the likeliest takes what rounding leaves.
  In integers, so it is the same everywhere.

  Raises:
    LicError: a table is too long for 16 bits.
  """
  rows = []
  for start, length in zip(tables.starts, tables.lengths):
    room = (1 << BITS) - int(length)
    if room < 0:
      raise LicError("a table is too long for the range coder")
    fine = tables.frequencies[start : start + length].astype(np.int64)
    coarse = 1 + (fine * room >> PRECISION)
    coarse[np.argmax(fine)] += (1 << BITS) - coarse.sum()
    rows.append(np.concatenate([[BITS, 0], np.cumsum(coarse)]))
  return np.concatenate(rows).astype(np.int32)


def _index(counts: Int[np.ndarray, "t"]) -> Int[np.ndarray, "n"]:
  """The table of each entry."""
  return np.repeat(np.arange(len(counts), dtype=np.int32), counts)


def _tensorflow() -> tuple[Any, Any]:
  """TensorFlow and the operations.

  Raises:
    LicError: they are not installed.
  """
  # Imported here because it takes seconds and is an extra.
  try:
    import tensorflow as tf
    import tensorflow_compression_ops as ops
  except ImportError as error:
    raise LicError(
      "the range coder needs tensorflow-compression: pip install 'lic_jax[tfc]'"
    ) from error
  return tf, ops
