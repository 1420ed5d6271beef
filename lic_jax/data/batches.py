"""Batches of random patches for ever: grain, seeded, resumable to the bit.

Batch number t is a pure function of (source, seed, t): grain's index shuffle
gives its records, anew each epoch, and each row crops with a generator seeded
by its position in the whole sequence. So the number of worker processes, of
hosts and of restarts cannot change what is seen, and the whole state is t.
`resident.py` is the sister for data that fit on the device.
"""

import dataclasses
import os
from collections.abc import Iterator
from typing import Any

import grain.python as grain
import numpy as np
from absl import flags

from lic_jax.data.patches import random_patch
from lic_jax.data.sources import Source
from lic_jax.types import LicError

_UNREADABLE, _TOO_SMALL = 1, 2

# As good as for ever. grain's own endless repeat overflows at batch size 1.
_EPOCHS = 2**31


@dataclasses.dataclass(frozen=True)
class Skipped:
  """Records that were drawn and could not be used, by name.

  Attributes:
    unreadable: missing, corrupt or not images.
    too_small: shorter than the patch on one side.
  """

  unreadable: tuple[str, ...] = ()
  too_small: tuple[str, ...] = ()

  def __len__(self) -> int:
    return len(self.unreadable) + len(self.too_small)

  def __str__(self) -> str:
    text = (
      f"{len(self)} images skipped: {len(self.unreadable)} unreadable,"
      f" {len(self.too_small)} too small"
    )
    examples = (*self.unreadable, *self.too_small)[:3]
    return f"{text} (such as {', '.join(examples)})" if examples else text


@dataclasses.dataclass(frozen=True)
class _Recipe:
  """What decides the batches, and nothing of how they are computed."""

  source: Source
  batch: int
  size: int
  downscale: tuple[float, float] | None
  seed: int
  process_index: int
  process_count: int

  def records(self) -> grain.MapDataset:
    """Record numbers of each global batch: shuffled epochs without end."""
    numbers = grain.MapDataset.range(len(self.source)).seed(self.seed)
    return numbers.shuffle().repeat(_EPOCHS).batch(self.batch)

  def identity(self) -> dict[str, Any]:
    """What must agree before a position in one sequence fits another."""
    return {
      "records": len(self.source),
      "batch": self.batch,
      "size": self.size,
      "downscale": list(self.downscale) if self.downscale else None,
      "seed": self.seed,
    }


class _Cutter:
  """Turns the record numbers of a batch into this process's patches."""

  def __init__(self, recipe: _Recipe):
    self.recipe = recipe
    # Record -> reason. Only saves reading a bad record again: results do not
    # depend on it, so each worker process may have its own.
    self.unusable: dict[int, int] = {}

  def __call__(self, number: int, records: np.ndarray) -> dict[str, np.ndarray]:
    recipe = self.recipe
    local = recipe.batch // recipe.process_count
    first = recipe.process_index * local
    rejected: dict[int, int] = {}
    patches = np.empty((local, recipe.size, recipe.size, 3), np.uint8)
    for row in range(local):
      position = number * recipe.batch + first + row
      rng = np.random.default_rng((recipe.seed, position))
      patches[row] = self._cut(int(records[first + row]), rng, rejected)
    skipped = np.array(list(rejected.items()), np.int64).reshape(-1, 2)
    return {"patches": patches, "skipped": skipped}

  def _cut(
    self, record: int, rng: np.random.Generator, rejected: dict[int, int]
  ) -> np.ndarray:
    """Cuts a patch of a record, or of one drawn in place of an unusable one.

    A dropped row would shift all later ones, by how much depending on what
    other processes hold; a row filled by another draw keeps its place.
    """
    recipe = self.recipe
    while True:
      if record not in self.unusable:
        rgb = recipe.source[record]
        patch = None
        if rgb is not None:
          patch = random_patch(
            rgb, rng, size=recipe.size, downscale=recipe.downscale
          )
        if patch is not None:
          return patch
        self.unusable[record] = _UNREADABLE if rgb is None else _TOO_SMALL
      rejected[record] = self.unusable[record]
      if len(self.unusable) == len(recipe.source):
        raise LicError(
          f"data: none of {len(recipe.source)} images can be read and has"
          f" {recipe.size} pixels on both sides"
        )
      record = int(rng.integers(len(recipe.source)))


class Batches(Iterator[np.ndarray]):
  """An endless iterator over uint8 batches, (b / processes, size, size, 3)."""

  def __init__(self, recipe: _Recipe, *, workers: int):
    self._recipe = recipe
    self._workers = workers
    self._number = 0
    self._skipped: dict[int, int] = {}
    self._iterator: Any = None

  def __next__(self) -> np.ndarray:
    if self._iterator is None:
      # Only now, so that a restore before the first batch starts no workers
      # for nothing.
      self._iterator = self._start()
    element = next(self._iterator)
    self._number += 1
    self._skipped.update(map(tuple, element["skipped"].tolist()))
    # Copied, because grain lends shared memory that must not outlive it.
    return np.array(element["patches"])

  @property
  def epochs(self) -> float:
    """How many times the source has been gone through."""
    return self._number * self._recipe.batch / len(self._recipe.source)

  @property
  def skipped(self) -> Skipped:
    """What this object has met and skipped; complete after one epoch.

    Not part of the state: after a restore only what is met from then on. With
    several hosts each knows of its own rows.
    """
    name = self._recipe.source.name
    found = sorted(self._skipped.items())
    return Skipped(
      unreadable=tuple(name(i) for i, why in found if why == _UNREADABLE),
      too_small=tuple(name(i) for i, why in found if why == _TOO_SMALL),
    )

  def state(self) -> dict[str, Any]:
    """Returns the position as a small dictionary of JSON values."""
    return {"next_batch": self._number, **self._recipe.identity()}

  def restore(self, state: dict[str, Any]) -> None:
    """Continues where `state` was taken, by any number of workers or hosts.

    Raises:
      LicError: the state is of another sequence of batches.
    """
    for key, value in self._recipe.identity().items():
      if state.get(key) != value:
        raise LicError(
          f"data position: was saved with {key} {state.get(key)}, not {value}"
        )
    self.close()
    self._number = int(state["next_batch"])

  def close(self) -> None:
    """Stops worker processes; the next batch starts them again."""
    if self._iterator is not None:
      self._iterator.close()
      self._iterator = None

  def _start(self) -> Any:
    dataset = self._recipe.records().map_with_index(_Cutter(self._recipe))
    # Decoding releases the interpreter lock, so threads help; within worker
    # processes the processes are the parallelism.
    threads = 1 if self._workers else min(8, os.cpu_count() or 1)
    reading = grain.ReadOptions(
      num_threads=threads, prefetch_buffer_size=2 * threads
    )
    batches = dataset[self._number :].to_iter_dataset(reading)
    if self._workers:
      if not flags.FLAGS.is_parsed():
        # grain reads flags of its own, which fails outside absl.app.run.
        flags.FLAGS.mark_as_parsed()
      # grain spawns: a fork after JAX has started its threads could hang.
      batches = batches.mp_prefetch(
        grain.MultiprocessingOptions(
          num_workers=self._workers, per_worker_buffer_size=2
        )
      )
    return iter(batches)


def patch_batches(
  source: Source,
  *,
  batch: int,
  size: int,
  downscale: tuple[float, float] | None = None,
  seed: int,
  workers: int = 0,
  process_index: int = 0,
  process_count: int = 1,
) -> Batches:
  """Makes the endless sequence of training batches.

  Each epoch draws every record once, in a new order. A record that cannot be
  read or is smaller than the patch gives its place to another one drawn at
  random, and is counted in `Batches.skipped`.

  Args:
    source: photographs.
    batch: rows of a global batch, over all processes.
    size: side of a patch in pixels.
    downscale: (low, high) of a random factor before the crop, or None.
    seed: 0 <= seed < 2**32.
    workers: worker processes of this host; 0 decodes in threads.
    process_index: which part of each global batch to return: the rows from
      process_index * batch / process_count on.
    process_count: number of parts.

  Returns:
    The batches. Reading them raises LicError once no record proves usable.

  Raises:
    LicError: the arguments do not fit each other.
  """
  if not len(source):
    raise LicError("data: no images")
  if batch < 1 or batch % process_count:
    raise LicError(
      f"batch: {batch} does not divide over {process_count} processes"
    )
  if not 0 <= seed < 2**32:
    raise LicError(f"seed: {seed} does not fit 32 bits")
  if downscale is not None:
    downscale = (float(downscale[0]), float(downscale[1]))
    if not 0 < downscale[0] <= downscale[1] <= 1:
      raise LicError(f"downscale: {downscale} is no range within (0, 1]")
  recipe = _Recipe(
    source, batch, size, downscale, seed, process_index, process_count
  )
  return Batches(recipe, workers=workers)
