"""Checkpoints: round trip, whose work directory it is, and no space left."""

import pathlib

import ml_collections
import numpy as np
import pytest

from lic_jax.training import checkpoint
from lic_jax.types import LicError

STATE = {"params": {"a": np.arange(6, dtype=np.float32)}, "step": np.asarray(3)}


def config(**changes):
  return ml_collections.ConfigDict(
    {"loss": {"lmbda": 0.01}, "seed": 0, "log": {"every": 1}, **changes}
  )


def saved(workdir):
  checkpoints = checkpoint.Checkpoints(workdir)
  checkpoints.save(3, STATE, {"data": {"next": 7}, "seconds": 1.5})
  return checkpoints


def test_what_is_saved_is_what_is_restored(tmp_path):
  checkpoints = saved(tmp_path)
  assert checkpoints.latest() == 3
  state, progress = checkpoints.restore(STATE)
  np.testing.assert_array_equal(state["params"]["a"], STATE["params"]["a"])
  assert int(state["step"]) == 3
  assert progress == {"data": {"next": 7}, "seconds": 1.5}


def test_a_work_directory_with_a_checkpoint_belongs_to_its_config(tmp_path):
  checkpoint.claim(config(), tmp_path)
  saved(tmp_path).close()
  checkpoint.claim(config(log={"every": 50}), tmp_path)  # free to change
  with pytest.raises(LicError, match=r"loss\.lmbda: 0\.01 there, 0\.02 here"):
    checkpoint.claim(config(loss={"lmbda": 0.02}), tmp_path)
  with pytest.raises(LicError, match="seed"):
    checkpoint.claim(config(seed=1), tmp_path)


def test_a_work_directory_without_a_checkpoint_may_be_taken_over(tmp_path):
  checkpoint.claim(config(), tmp_path)
  checkpoint.claim(config(seed=1), tmp_path)
  with pytest.raises(LicError, match="no checkpoint"):
    checkpoint.load_params(tmp_path)


def test_no_space_is_one_line_and_earlier_checkpoints_stand(
  tmp_path, monkeypatch
):
  checkpoints = saved(tmp_path)

  def refuse(*arguments):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr("os.posix_fallocate", refuse)
  with pytest.raises(LicError, match="No space left on device") as caught:
    checkpoints.save(4, STATE, {"data": None, "seconds": 2.0})
  assert "\n" not in str(caught.value)
  monkeypatch.undo()
  assert checkpoints.latest() == 3


def test_a_folder_that_is_no_run_is_refused(tmp_path):
  with pytest.raises(LicError, match="no training run"):
    checkpoint.load_params(pathlib.Path(tmp_path) / "nothing")
