"""What encoding and decoding one file have in common."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from lic_jax.types import LicError


class Done(NamedTuple):
  """One file, converted.

  Attributes:
    bytes_in: size of what was read.
    bytes_out: size of what was written.
    bytes_coded: size of the `.lic` file of the two.
    width: of the image, pixels.
    height: of the image, pixels.
    warnings: a line each.
  """

  bytes_in: int
  bytes_out: int
  bytes_coded: int
  width: int
  height: int
  warnings: tuple[str, ...] = ()


# Source, target, and what to tell of the progress.
Report = Callable[[object], None]
Job = Callable[[Path, Path, Report | None], Done]


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
  """Puts a file's name before what goes wrong with it.

  Raises:
    LicError: one was raised in the block, or an OSError.
  """
  try:
    yield
  except LicError as error:
    raise LicError(f"{path}: {error}") from error
  except OSError as error:
    raise LicError(f"{path}: {error.strerror or error}") from error
