"""Where photographs come from: one random-access sequence for every place.

A folder, a glob, tar files and the bundled photographs all become a sorted
table of byte ranges in files; TensorFlow Datasets have their own reader in
`prepared.py`. No source keeps a file open, so that every one of them can be
pickled into worker processes and read from many threads.
"""

import dataclasses
import glob as globbing
import os
import pathlib
import tarfile
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np

from lic_jax.data import images, prepared
from lic_jax.types import LicError

SUFFIXES = (
  *(".jpg", ".jpeg", ".jfif", ".png", ".webp", ".avif", ".jp2"),
  *(".bmp", ".gif", ".pgm", ".ppm", ".tif", ".tiff"),
)


@runtime_checkable
class Source(Protocol):
  """A finite sequence of photographs in a fixed order."""

  def __len__(self) -> int:
    """Returns the number of records, the unreadable included."""

  def __getitem__(self, index: int) -> np.ndarray | None:
    """Returns uint8 (h, w, 3), or None for a record that cannot be read."""

  def name(self, index: int) -> str:
    """Returns what to call the record in a message and in an order."""


@dataclasses.dataclass(frozen=True, order=True)
class Entry:
  """One image file, on its own or inside a tar.

  Attributes:
    name: path relative to the folder or within the tar.
    path: the file on disk that holds the bytes.
    offset: first byte, counted in that file.
    size: number of bytes, or -1 for all there are.
  """

  name: str
  path: str
  offset: int = 0
  size: int = -1

  def read(self) -> bytes:
    """Returns the encoded image."""
    with open(self.path, "rb") as file:
      file.seek(self.offset)
      return file.read(self.size)


@dataclasses.dataclass(frozen=True)
class FileSource:
  """Image files in the order of their names; see `Source`."""

  entries: tuple[Entry, ...]

  def __len__(self) -> int:
    return len(self.entries)

  def __getitem__(self, index: int) -> np.ndarray | None:
    entry = self.entries[index]
    try:
      return images.read_rgb(entry.read(), name=entry.name)
    except (LicError, OSError):
      return None

  def name(self, index: int) -> str:
    return self.entries[index].name


@dataclasses.dataclass(frozen=True)
class Subset:
  """Some records of another source, in the order given; see `Source`."""

  source: Source
  indices: tuple[int, ...]

  def __len__(self) -> int:
    return len(self.indices)

  def __getitem__(self, index: int) -> np.ndarray | None:
    return self.source[self.indices[index]]

  def name(self, index: int) -> str:
    return self.source.name(self.indices[index])


def open_source(
  name: str,
  *,
  split: str = "train",
  data_dir: str | os.PathLike | None = None,
) -> Source:
  """Opens photographs by name.

  Args:
    name: "bundled" for the photographs inside scikit-image; a folder, read
      with all its subfolders; an image; an uncompressed tar; a glob of these
      (`**` crosses folders); several of these with commas between; or a
      TensorFlow data set such as "coco/2017", "clic", "imagenet2012".
    split: split of a TensorFlow data set; not used elsewhere.
    data_dir: where TensorFlow data sets lie, by default where they do.

  Returns:
    The source; paths are sorted by name, so its order does not depend on the
    file system, and a tar of a folder gives the folder's order.

  Raises:
    LicError: nothing of this name, or no image in it.
  """
  if name == "bundled":
    paths = images.bundled_paths()
    return FileSource(tuple(Entry(path.name, str(path)) for path in paths))
  parts = [name] if os.path.exists(name) else name.split(",")
  if not all(parts):
    raise LicError(f"data {name!r}: an empty name")
  if len(parts) == 1 and _may_be_prepared(name):
    return prepared.PreparedSource(name, split=split, data_dir=data_dir)
  entries = tuple(sorted(entry for part in parts for entry in _entries(part)))
  if not entries:
    raise LicError(f"data {name!r}: no images in it")
  return FileSource(entries)


def split_holdout(source: Source, fraction: float) -> tuple[Subset, Subset]:
  """Holds out the last records by file name, at least one.

  Args:
    source: at least two records.
    fraction: share to hold out, 0 < fraction < 1.

  Returns:
    (train, validation), which are disjoint and together the source.

  Raises:
    LicError: the source is too small to leave something on both sides.
  """
  if not 0 < fraction < 1:
    raise LicError(f"holdout: {fraction} does not lie between 0 and 1")
  if len(source) < 2:
    raise LicError("holdout: needs at least two images")
  order = sorted(range(len(source)), key=lambda i: (source.name(i), i))
  count = min(max(1, round(fraction * len(order))), len(order) - 1)
  return (
    Subset(source, tuple(order[:-count])),
    Subset(source, tuple(order[-count:])),
  )


def _may_be_prepared(name: str) -> bool:
  """Whether a name reads as one of TensorFlow Datasets, and as no path."""
  return prepared.is_name(name) and not os.path.exists(name)


def _entries(part: str) -> Iterator[Entry]:
  """Yields the images of one folder, tar, image or glob."""
  path = os.path.expanduser(part)
  if os.path.exists(path):
    yield from _entries_of_path(pathlib.Path(path), given=True)
  elif globbing.has_magic(path):
    matches = sorted(globbing.glob(path, recursive=True))
    if not matches:
      raise LicError(f"data {part!r}: matches no file")
    for match in matches:
      if not os.path.isdir(match):
        yield from _entries_of_path(pathlib.Path(match), given=False)
  else:
    raise LicError(f"data {part!r}: no such folder, tar or image")


def _entries_of_path(path: pathlib.Path, *, given: bool) -> Iterator[Entry]:
  """Yields the images of an existing path; a `given` file must be usable."""
  if path.is_dir():
    yield from _entries_of_folder(path)
  elif path.suffix.lower() == ".tar":
    yield from _entries_of_tar(path)
  elif _is_image(path.name):
    yield Entry(path.as_posix(), str(path))
  elif given:
    raise LicError(f"data {str(path)!r}: neither a folder, a tar nor an image")


def _entries_of_folder(folder: pathlib.Path) -> Iterator[Entry]:
  """Yields every image below a folder, through symbolic links as well."""
  seen = set()
  for parent, folders, files in os.walk(folder, followlinks=True):
    real = os.path.realpath(parent)
    if real in seen:
      # A link to where we have been: a loop, or the same images again.
      folders.clear()
      continue
    seen.add(real)
    folders.sort()
    for file in files:
      if _is_image(file):
        path = pathlib.Path(parent, file)
        yield Entry(path.relative_to(folder).as_posix(), str(path))


def _entries_of_tar(path: pathlib.Path) -> Iterator[Entry]:
  """Yields every image of an uncompressed tar with its place in the file."""
  try:
    with tarfile.open(path, "r:") as tar:
      for member in tar:
        whole = member.isfile() and not member.issparse()
        if whole and _is_image(member.name):
          name = member.name.removeprefix("./")
          yield Entry(name, str(path), member.offset_data, member.size)
  except (tarfile.TarError, OSError) as error:
    raise LicError(f"{path}: not a whole uncompressed tar ({error})") from error


def _is_image(name: str) -> bool:
  """Whether to take a file for an image; hidden files are not."""
  base = os.path.basename(name)
  suffix = os.path.splitext(base)[1].lower()
  return suffix in SUFFIXES and not base.startswith(".")
