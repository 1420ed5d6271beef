"""Files read and written whole: complete, or not there at all."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from lic_jax import types


def read_bytes(path: Path | str) -> bytes:
  """The content of a file.

  Raises:
    LicError: it cannot be read.
  """
  try:
    return Path(path).read_bytes()
  except OSError as error:
    raise types.LicError(f"cannot read {path}: {error.strerror}") from error


def write_bytes(path: Path | str, data: bytes) -> None:
  """Writes a file under a temporary name and renames it.

  Raises:
    LicError: it cannot be written; whatever stood there before still does.
  """
  with replacing(path) as temporary:
    temporary.write_bytes(data)


@contextlib.contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
  """A name to write to, which becomes `path` when the block ends well.

  Yields:
    A name that is free, in the folder of `path` and with its suffix.

  Raises:
    LicError: an OSError in the block or in renaming.
  """
  path = Path(path)
  token = secrets.token_hex(4)
  temporary = path.with_name(f".{path.stem}.{token}.part{path.suffix}")
  try:
    if path.is_dir():
      raise IsADirectoryError(0, "it is a folder")
    yield temporary
    os.replace(temporary, path)
  except OSError as error:
    reason = error.strerror or error
    raise types.LicError(f"cannot write {path}: {reason}") from error
  finally:
    with contextlib.suppress(OSError):
      temporary.unlink(missing_ok=True)
