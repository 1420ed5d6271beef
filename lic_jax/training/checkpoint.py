"""Checkpoints: state, data position and clock, by orbax, with their config.

A work directory holds `config.json`, written once, and `checkpoints/STEP/`.
A checkpoint is complete or absent: orbax writes to a temporary name.
"""

import json
import os
import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any

import jax
import ml_collections
import orbax.checkpoint as ocp

from lic_jax.types import LicError

# What a restart may change without becoming another run.
FREE = ("log",)


def claim(config: ml_collections.ConfigDict, workdir: pathlib.Path) -> None:
  """Makes `workdir` this config's, or checks that it is.

  A run that has no checkpoint yet has nothing to lose and is replaced.

  Raises:
    LicError: it cannot be written, or belongs to another config.
  """
  path = workdir / "config.json"
  wanted = json.loads(config.to_json())
  try:
    workdir.mkdir(parents=True, exist_ok=True)
    if not any(workdir.glob("checkpoints/[0-9]*")):
      if jax.process_index() == 0:
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(wanted, indent=2) + "\n")
        temporary.rename(path)
      return
    found = json.loads(path.read_text())
  except (OSError, ValueError) as error:
    raise LicError(f"cannot use work directory {workdir}: {error}") from error
  difference = _first_difference(wanted, found)
  if difference is not None:
    raise LicError(
      f"{workdir} holds a run of another config ({difference}); give another"
      " --workdir"
    )


def _first_difference(wanted: Mapping, found: Mapping) -> str | None:
  """The first key, in dots, at which two configs differ."""
  for key in sorted({*wanted, *found} - set(FREE)):
    ours, theirs = wanted.get(key), found.get(key)
    if isinstance(ours, dict) and isinstance(theirs, dict):
      inner = _first_difference(ours, theirs)
      if inner is not None:
        return f"{key}.{inner}"
    elif ours != theirs:
      return f"{key}: {theirs!r} there, {ours!r} here"
  return None


class Checkpoints:
  """Saves and restores the run of one work directory."""

  def __init__(self, workdir: pathlib.Path, *, keep: int = 2):
    self._folder = (workdir / "checkpoints").absolute()
    self._manager = ocp.CheckpointManager(
      self._folder,
      options=ocp.CheckpointManagerOptions(
        max_to_keep=keep, enable_async_checkpointing=False
      ),
    )

  def latest(self) -> int | None:
    """The step of the newest checkpoint, or None."""
    return self._manager.latest_step()

  def save(self, step: int, state: Any, progress: Mapping[str, Any]) -> None:
    """Writes a checkpoint; older ones go only once it stands.

    Args:
      step: steps done.
      state: pytree of host arrays.
      progress: JSON-able: data position, seconds spent, random seed.

    Raises:
      LicError: it could not be written (a full disk, for one).
    """
    items = ocp.args.Composite(
      state=ocp.args.StandardSave(state),
      progress=ocp.args.JsonSave(dict(progress)),
    )
    try:
      # First, because a write that fails halfway makes tensorstore's threads
      # print tracebacks of their own.
      _check_space(self._folder, state)
      self._manager.save(step, args=items)
      self._manager.wait_until_finished()
    except Exception as error:  # whatever the system gave tensorstore
      raise LicError(
        f"cannot save the checkpoint of step {step}: {_one_line(error)};"
        " earlier checkpoints stand"
      ) from error

  def restore(self, template: Any) -> tuple[Any, dict[str, Any]]:
    """The newest checkpoint.

    Args:
      template: a pytree of arrays of the expected shapes.

    Returns:
      The state as host arrays, and the progress record.

    Raises:
      LicError: it does not fit the template or cannot be read.
    """
    step = self.latest()
    items = ocp.args.Composite(
      state=ocp.args.StandardRestore(template),
      progress=ocp.args.JsonRestore(),
    )
    try:
      restored = self._manager.restore(step, args=items)
    except Exception as error:
      raise LicError(
        f"cannot restore the checkpoint of step {step}: {_one_line(error)}"
      ) from error
    return restored["state"], restored["progress"]

  def close(self) -> None:
    """Waits for what is being written."""
    self._manager.close()


def load_params(
  workdir: pathlib.Path,
) -> tuple[ml_collections.ConfigDict, Any, dict[str, Any]]:
  """Config and parameters of the newest checkpoint, and how far it is.

  Returns:
    The config, the parameters, and {"steps": done, "minutes": of training}.

  Raises:
    LicError: there is none.
  """
  path = pathlib.Path(workdir) / "config.json"
  try:
    config = ml_collections.ConfigDict(json.loads(path.read_text()))
  except (OSError, ValueError) as error:
    raise LicError(f"no training run in {workdir}: {error}") from error
  checkpoints = Checkpoints(pathlib.Path(workdir))
  step = checkpoints.latest()
  if step is None:
    raise LicError(f"no checkpoint in {workdir} yet")
  state, progress = checkpoints.restore(None)
  checkpoints.close()
  minutes = round(progress.get("seconds", 0.0) / 60, 3)
  return config, state["params"], {"steps": step, "minutes": minutes}


def _check_space(folder: pathlib.Path, state: Any) -> None:
  """Takes and gives back the space of a checkpoint.

  Raises:
    OSError: the system would not give it.
  """
  arrays = jax.tree.leaves(state)
  needed = sum(array.nbytes for array in arrays) + 2**12 * len(arrays)
  with tempfile.TemporaryFile(dir=folder) as file:
    os.posix_fallocate(file.fileno(), 0, needed)


def _one_line(error: Exception) -> str:
  lines = str(error).strip().splitlines() or [type(error).__name__]
  return lines[0][:200]
