"""A run ends the same whatever interrupts it and however it is spread."""

import pathlib
import shutil
import signal
import socket
import time

import numpy as np
import pytest
import tiny_run

from lic_jax.training.checkpoint import load_params


@pytest.fixture(scope="module", params=["resident", "grain"])
def whole(request, tmp_path_factory):
  """A run of 20 steps, uninterrupted, and its flags."""
  workdir = tmp_path_factory.mktemp("whole")
  # The paper's rate: at the smoke config's, Adam turns the last float bit of
  # a gradient that is nearly zero into 1e-4 of a parameter.
  flags = (
    f"--config.data.loader={request.param}",
    "--config.optimizer.learning_rate=1e-4",
  )
  status, said = tiny_run.finish(tiny_run.start(workdir, *flags))
  assert status == 0, said
  return load_params(workdir)[1], flags


def test_killed_and_restarted_ends_with_bit_identical_parameters(
  whole, tmp_path
):
  expected, flags = whole
  # Slow enough to be caught between its fourth and its last step.
  process = tiny_run.start(tmp_path, *flags, "--config.log.every=1")
  scalars = tmp_path / "scalars.jsonl"
  kill_at = int(np.random.default_rng(3).integers(5, 15))
  deadline = time.monotonic() + 240
  while time.monotonic() < deadline and process.poll() is None:
    if scalars.exists() and scalars.read_text().count("\n") >= kill_at:
      process.send_signal(signal.SIGKILL)
      break
    time.sleep(0.005)
  process.communicate()
  assert process.returncode == -signal.SIGKILL
  status, said = tiny_run.finish(tiny_run.start(tmp_path, *flags))
  assert status == 0, said
  assert "restored step" in said
  params, done = load_params(tmp_path)[1:]
  assert done["steps"] == 20 and done["minutes"] > 0
  assert tiny_run.largest_difference(params, expected) == 0


def test_four_devices_give_the_parameters_of_one(whole, tmp_path):
  expected, flags = whole
  status, said = tiny_run.finish(tiny_run.start(tmp_path, *flags, devices=4))
  assert status == 0, said
  params = load_params(tmp_path)[1]
  assert tiny_run.largest_difference(params, expected) < 1e-5


def test_two_processes_give_the_parameters_of_one(whole, tmp_path):
  expected, flags = whole
  with socket.socket() as free:
    free.bind(("localhost", 0))
    port = free.getsockname()[1]
  processes = [
    tiny_run.start(
      tmp_path,
      *flags,
      "--multihost",
      f"--coordinator=localhost:{port}",
      "--processes=2",
      f"--process={i}",
    )
    for i in range(2)
  ]
  for process in processes:
    status, said = tiny_run.finish(process)
    assert status == 0, said
  params = load_params(tmp_path)[1]
  assert tiny_run.largest_difference(params, expected) < 1e-5


def test_a_killed_save_leaves_the_checkpoints_before_it(tmp_path):
  status, said = tiny_run.finish(tiny_run.start(tmp_path))
  assert status == 0, said
  # What orbax leaves when it is killed within a save.
  newest = pathlib.Path(tmp_path) / "checkpoints" / "20"
  shutil.move(newest, newest.with_name("20.orbax-checkpoint-tmp"))
  assert load_params(tmp_path)[2]["steps"] == 16


def test_a_run_starts_where_another_ended(tmp_path):
  other, run = tmp_path / "other", tmp_path / "run"
  assert tiny_run.finish(tiny_run.start(other, "--config.steps=2"))[0] == 0
  expected = load_params(other)[1]
  flags = (
    f"--config.start={other}",
    "--config.loss.lmbda=0.02",
    "--config.optimizer.learning_rate=0.0",  # one step that moves nothing
    "--config.steps=1",
  )
  status, said = tiny_run.finish(tiny_run.start(run, *flags))
  assert status == 0, said
  assert tiny_run.largest_difference(load_params(run)[1], expected) == 0
  # Once it has checkpoints of its own, the other is not needed.
  shutil.rmtree(other)
  assert tiny_run.finish(tiny_run.start(run, *flags))[0] == 0
