"""A training run of seconds, as a process: what the tests start and stop."""

import os
import pathlib
import subprocess
import sys

import numpy as np

ROOT = pathlib.Path(__file__).parents[2]

# The model with the fewest parts, shrunk: one step of this is milliseconds, and
# compiling it takes as long as a model has parts.
SMALL = (
  "--config=configs/bls2017.py",
  "--config.steps=20",
  "--config.model.analysis.channels=(4,4,8)",
  "--config.model.synthesis.channels=(4,4,3)",
  "--config.model.latent_channels=8",
  # One kernel: its state is saved and restored too, and each takes long to
  # compile.
  "--config.optimizer.muon=('analysis/conv2',)",
  "--config.optimizer.decay=cosine",
  "--config.data.train=bundled",
  "--config.data.holdout=0.1",
  "--config.data.batch=4",
  "--config.data.crop=64",
  "--config.data.downscale=()",
  "--config.data.validation_count=1",
  "--config.data.validation_size=64",
  "--config.log.every=5",
  "--config.log.validate_every=1000",
  "--config.log.checkpoint_every=4",
)


def start(workdir, *flags, devices=1):
  """Starts a run; its stderr is a pipe."""
  environment = {
    **os.environ,
    "JAX_PLATFORMS": "cpu",
    # Twenty steps do not pay back what optimising them takes.
    "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"
    " --xla_backend_optimization_level=0",
  }
  return subprocess.Popen(
    [
      sys.executable,
      "-m",
      "lic_jax.train",
      *SMALL,
      f"--workdir={workdir}",
      *flags,
    ],
    cwd=ROOT,
    env=environment,
    stdout=subprocess.DEVNULL,
    stderr=subprocess.PIPE,
    text=True,
  )


def finish(process):
  """Waits for a run; its exit status and what it said."""
  # A minute when nothing else runs; a busy machine compiles slowly.
  _, said = process.communicate(timeout=900)
  return process.returncode, said


def largest_difference(one, other):
  """Largest difference of two parameter trees, over the tree."""
  import jax

  pairs = jax.tree.map(lambda a, b: np.abs(a - b).max(), one, other)
  return max(jax.tree.leaves(pairs))
