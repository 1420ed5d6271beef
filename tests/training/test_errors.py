"""Bad input to the trainer: one clear line, a non-zero exit, nothing lost."""

import resource

import pytest
import tiny_run

from lic_jax.training.checkpoint import load_params


def refused(workdir, *flags, status=1):
  """Runs, expects failure, returns the one line."""
  code, said = tiny_run.finish(tiny_run.start(workdir, *flags))
  assert code == status, said
  assert "Traceback" not in said
  lines = [line for line in said.splitlines() if line.startswith("train: ")]
  assert len(lines) == 1, said
  return lines[0]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
  """The folder of a run of four steps."""
  workdir = tmp_path_factory.mktemp("finished")
  status, said = tiny_run.finish(tiny_run.start(workdir, "--config.steps=4"))
  assert status == 0, said
  return workdir


@pytest.mark.parametrize(
  ("flag", "status", "words"),
  [
    ("--config.optimizer.learning_rat=1e-3", 2, "learning_rat"),
    ("--config.data.train=no/such/folder", 1, "no/such/folder"),
    ("--config.data.batch=many", 2, "batch"),
    ("--config.data.batch=0", 1, "batch"),
    ("--config.start=warm", 1, "start"),
    ("--config=configs/none.py", 2, "none.py"),
    ("--config.data.loader=tape", 1, "loader"),
    ("--config.model.quantisation=none", 1, "quantisation"),
  ],
)
def test_a_bad_flag_is_named(tmp_path, flag, status, words):
  assert words in refused(tmp_path / "run", flag, status=status)


def test_an_empty_folder_and_a_folder_of_corrupt_images_are_named(tmp_path):
  folder = tmp_path / "photographs"
  folder.mkdir()
  flag = f"--config.data.train={folder}"
  assert "photographs" in refused(tmp_path / "run", flag)
  for i in range(3):
    (folder / f"{i}.jpg").write_bytes(b"\xff\xd8\xff not a jpeg")
  refused(tmp_path / "run", flag)


def test_a_diverging_run_stops_naming_the_term(tmp_path):
  line = refused(
    tmp_path, "--config.optimizer.learning_rate=1e30", "--config.steps=60"
  )
  assert "not finite" in line and "loss" in line


def test_another_config_loses_nothing(finished):
  line = refused(finished, "--config.loss.lmbda=0.02")
  assert "loss.lmbda" in line
  assert load_params(finished)[2]["steps"] == 4


def test_a_full_disk_is_named(tmp_path):
  # Stop at the first checkpoint by a limit on the size of any file, which the
  # system reports just as it does a full disk; scalars and TensorBoard grow
  # slowly.
  before = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, before[1]))
  try:
    process = tiny_run.start(tmp_path)
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
  status, said = tiny_run.finish(process)
  assert status == 1, said
  assert "Traceback" not in said
  assert "cannot" in said


def test_a_run_of_another_model_is_no_start(finished, tmp_path):
  flag = f"--config.start={finished}"
  other = "--config.model.analysis.kernels=(9,3,5)"
  line = refused(tmp_path, flag, other)
  assert "cannot start from" in line and "analysis" in line
