"""A run ends the same whatever interrupts it and however it is spread."""

import functools
import shutil
import signal
import socket
import time

import numpy as np
import pytest
import tiny_run

from lic_jax.training.checkpoint import load_params


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
  """Folder and flags of a run of 20 steps, uninterrupted, by its loader."""

  @functools.cache
  def run(loader):
    workdir = tmp_path_factory.mktemp(loader)
    flags = (f"--config.data.loader={loader}",)
    status, said = tiny_run.finish(tiny_run.start(workdir, *flags))
    assert status == 0, said
    return workdir, flags

  return run


@pytest.fixture(params=["resident", "grain"])
def loader(request):
  return request.param


def test_killed_and_restarted_ends_with_bit_identical_parameters(
  whole, loader, tmp_path
):
  workdir, flags = whole(loader)
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
  assert tiny_run.largest_difference(params, load_params(workdir)[1]) == 0


def test_two_processes_of_two_devices_give_the_parameters_of_one(
  whole, loader, tmp_path
):
  workdir, flags = whole(loader)
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
      devices=2,
    )
    for i in range(2)
  ]
  for process in processes:
    status, said = tiny_run.finish(process)
    assert status == 0, said
  one, spread = (load_params(folder)[1] for folder in (workdir, tmp_path))
  assert tiny_run.largest_difference(one, spread) < 1e-5


def test_a_killed_save_leaves_the_checkpoints_before_it(whole, tmp_path):
  run = shutil.copytree(whole("resident")[0], tmp_path / "run")
  # What orbax leaves when it is killed within a save.
  newest = run / "checkpoints" / "20"
  newest.rename(newest.with_name("20.orbax-checkpoint-tmp"))
  assert load_params(run)[2]["steps"] == 16


def test_a_run_starts_where_another_ended(whole, tmp_path):
  run = tmp_path / "run"
  other = shutil.copytree(whole("resident")[0], tmp_path / "other")
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
