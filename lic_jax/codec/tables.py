"""Integer probability tables: what encoder and decoder agree on exactly.

A table gives each symbol of a contiguous range an integer frequency of at
least 1, and one more, the escape, to everything outside the range; the
frequencies sum to 2^24, the resolution of the coder. Tables are computed once,
at export, and stored in the bundle: nobody who decodes evaluates a
distribution function (design, Numerics 1).

There are two kinds. Scale tables: a Gaussian integrated over unit bins, for
the scale indices 0, 1/4, 2/4, ..., 63 of specification 2.2. Whole indices
alone would cost up to 1.5 % of rate where scales are small; quarters cost less
than 0.1 % and still fit 8 bits. They may be fitted to symbols of photographs
afterwards. Channel tables: the deep factorized prior, one per channel
(specification 2.1).
"""

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np

from lic_jax import types
from lic_jax.ops.scales import SCALE_COUNT, SCALE_MAX, SCALE_MIN
from lic_jax.types import Float, Int, UInt

PRECISION = 24
TOTAL = 1 << PRECISION
# Probability left outside a table's range, for the escape to carry.
TAIL = 2.0**-20

STEPS_PER_SCALE = 4


@dataclasses.dataclass(frozen=True)
class Tables:
  """A row of tables, laid end to end.

  Attributes:
    frequencies: those of table 0, its escape, those of table 1, ..., (n,).
    lengths: entries of each table, the escape included, (t,).
    minima: the symbol that each table's first entry stands for, (t,).
  """

  frequencies: UInt[np.ndarray, "n"]
  lengths: Int[np.ndarray, "t"]
  minima: Int[np.ndarray, "t"]

  @property
  def count(self) -> int:
    return len(self.lengths)

  @property
  def starts(self) -> Int[np.ndarray, "t"]:
    """Index of each table's first entry in `frequencies`."""
    return np.cumsum(self.lengths) - self.lengths


FIELDS = tuple(field.name for field in dataclasses.fields(Tables))


def scale_tables(steps_per_scale: int = STEPS_PER_SCALE) -> Tables:
  """Tables of the Gaussian at the scale indices of specification 2.2.

  P(k) = Phi((k + 1/2) / s) - Phi((k - 1/2) / s), s = 0.11 .. 256.

  Args:
    steps_per_scale: tables per unit of scale index.

  Returns:
    63 * steps_per_scale + 1 tables, from the smallest scale to the largest.
  """
  # Imported here: reading stored tables, all that decoding does, needs none.
  from scipy import special

  count = (SCALE_COUNT - 1) * steps_per_scale + 1
  scales = np.geomspace(SCALE_MIN, SCALE_MAX, count)
  # Two tails share TAIL; Phi(-reach) = TAIL / 2.
  reach = -special.ndtri(TAIL / 2)
  masses, minima = [], []
  for scale in scales:
    widest = int(np.ceil(reach * scale))
    distance = np.abs(np.arange(-widest, widest + 1))
    # Both terms on the lower tail, where Phi is accurate.
    mass = special.ndtr((0.5 - distance) / scale) - special.ndtr(
      (-0.5 - distance) / scale
    )
    masses.append(mass)
    minima.append(-widest)
  return _collect(masses, minima)


def fitted(
  tables: Tables, counts: Int[np.ndarray, "n"], *, weight: float
) -> Tables:
  """Scale tables with what symbols were seen to be: Dirichlet posterior means.

  Args:
    tables: what is believed without symbols, each about 0.
    counts: of every entry, laid end to end as in `tables`.
    weight: symbols that the belief counts for, in every table.

  Returns:
    Tables of the same ranges; a symbol and its negative are equally likely.
  """
  masses = []
  for start, length in zip(tables.starts, tables.lengths):
    belief = tables.frequencies[start : start + length] / TOTAL
    seen = counts[start : start + length].astype(np.float64)
    seen[:-1] = (seen[:-1] + seen[-2::-1]) / 2
    mass = (seen + weight * belief) / (seen.sum() + weight)
    masses.append(mass[:-1])
  return _collect(masses, tables.minima.tolist())


def scale_borders(
  steps_per_scale: int = STEPS_PER_SCALE,
) -> Float[np.ndarray, "t"]:
  """Standard deviations half way, in the index, between two scale tables."""
  count = 2 * (SCALE_COUNT - 1) * steps_per_scale + 1
  return np.geomspace(SCALE_MIN, SCALE_MAX, count)[1::2]


def channel_tables(edges: Float[np.ndarray, "c e"], minimum: int) -> Tables:
  """Tables of a factorized prior from its distribution functions.

  Args:
    edges: CDF of each channel at the e edges of the unit bins: columns i and
      i + 1 enclose the symbol minimum + i. With a quantisation offset, the
      caller evaluates the CDF at minimum + i - 1/2 + offset.
    minimum: symbol of the first bin.

  Returns:
    One table per channel, over the symbols that hold all but TAIL of its mass
    (or over the whole grid, where that does not reach).

  Raises:
    LicError: the functions do not grow from 0 towards 1.
  """
  edges = np.asarray(edges, np.float64)
  growing = np.all(np.diff(edges, axis=1) >= 0)
  if not (growing and edges.min() >= 0 and edges.max() <= 1):
    raise types.LicError("the prior has a distribution function that falls")
  masses, minima = [], []
  for row in edges:
    first = np.searchsorted(row, TAIL / 2, side="right") - 1
    last = np.searchsorted(row, 1 - TAIL / 2, side="left")
    first = min(max(first, 0), len(row) - 2)
    last = max(min(last, len(row) - 1), first + 1)
    masses.append(np.diff(row[first : last + 1]))
    minima.append(minimum + int(first))
  return _collect(masses, minima)


def frequencies(mass: Float[np.ndarray, "n"]) -> UInt[np.ndarray, "n+1"]:
  """Integer frequencies of one table, the escape last.

  Every entry gets 1 and its share of the rest, by largest remainder.

  Args:
    mass: probability of each symbol in range, at most 1 in sum.

  Returns:
    Positive frequencies with sum 2^24.
  """
  mass = np.append(mass, max(0.0, 1.0 - mass.sum()))
  share = mass / mass.sum() * (TOTAL - len(mass))
  counts = np.floor(share).astype(np.int64)
  missing = TOTAL - len(mass) - counts.sum()
  # Stable, so that equal remainders always fall to the same entries.
  nearest = np.argsort(counts - share, kind="stable")[:missing]
  counts[nearest] += 1
  return (counts + 1).astype(np.uint32)


def groups(counts: Int[np.ndarray, "t"]) -> Iterator[tuple[int, slice]]:
  """Tables that have symbols, each with the place of its symbols.

  Args:
    counts: how many symbols each table has, in a row sorted by table.
  """
  ends = np.cumsum(counts)
  for table in np.flatnonzero(counts):
    yield int(table), slice(ends[table] - counts[table], ends[table])


def from_arrays(arrays: Mapping[str, np.ndarray]) -> Tables:
  """Tables from the arrays of a bundle, by the names of their fields.

  Raises:
    LicError: they are not tables of this format.
  """
  try:
    f, lengths, minima = (arrays[name] for name in FIELDS)
  except KeyError as error:
    raise types.LicError(f"the bundle's tables lack {error}") from error
  shaped = (
    f.ndim == lengths.ndim == minima.ndim == 1
    and f.dtype == np.uint32
    and lengths.dtype == minima.dtype == np.int32
    and lengths.shape == minima.shape
    and 0 < len(lengths) <= 1 << 16
  )
  if not shaped:
    raise types.LicError("the bundle's tables have the wrong shape")
  if lengths.min() < 2 or lengths.sum(dtype=np.int64) != len(f):
    raise types.LicError("the bundle's tables have the wrong length")
  tables = Tables(f, lengths, minima)
  sums = np.add.reduceat(f.astype(np.int64), tables.starts)
  if f.min() < 1 or np.any(sums != TOTAL):
    raise types.LicError("the bundle's tables do not sum to 2^24")
  if np.any(np.abs(minima.astype(np.int64)) > TOTAL):
    raise types.LicError("the bundle's tables start at an absurd symbol")
  return tables


def _collect(masses: list[np.ndarray], minima: list[int]) -> Tables:
  rows = [frequencies(mass) for mass in masses]
  return Tables(
    frequencies=np.concatenate(rows),
    lengths=np.array([len(row) for row in rows], np.int32),
    minima=np.array(minima, np.int32),
  )
