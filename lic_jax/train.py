"""Trains a codec: `python -m lic_jax.train --config=FILE --workdir=DIR`.

Any key of the config can be set: `--config.loss.lmbda=0.02`. Run again with the
same flags to go on from the newest checkpoint.
"""

import logging
import pathlib
import sys
from collections.abc import Sequence

from absl import app, flags
from absl import logging as absl_logging

from lic_jax.flags import define_config, parser
from lic_jax.types import LicError

_CONFIG = define_config()
_WORKDIR = flags.DEFINE_string(
  "workdir", None, "Folder of the checkpoints and logs."
)
_MULTIHOST = flags.DEFINE_bool(
  "multihost", False, "Train with other processes; see --coordinator."
)
_COORDINATOR = flags.DEFINE_string(
  "coordinator", "", "HOST:PORT of process 0; empty on TPU pods."
)
_PROCESSES = flags.DEFINE_integer("processes", 1, "Number of processes.")
_PROCESS = flags.DEFINE_integer("process", 0, "Index of this process.")


def run(argv: Sequence[str]) -> None:
  """Joins the other processes if there are any, and trains."""
  del argv  # checked by the parser
  _log_to_stderr()
  from lic_jax.training import loop, parallel  # JAX only once flags are good

  try:
    if _MULTIHOST.value:
      parallel.initialise(_COORDINATOR.value, _PROCESSES.value, _PROCESS.value)
    loop.train(_CONFIG.value, pathlib.Path(_WORKDIR.value))
  except LicError as error:
    print(f"train: {error}", file=sys.stderr)
    sys.exit(1)


def main() -> None:
  """The command; exit status 0, 1 with one line, or 2 on a usage error."""
  flags.mark_flags_as_required(["config", "workdir"])
  try:
    app.run(run, flags_parser=parser("train", _CONFIG))
  except KeyboardInterrupt:
    print("train: interrupted; run again to go on", file=sys.stderr)
    sys.exit(130)


def _log_to_stderr() -> None:
  """This package's log lines, without those of the libraries below it."""
  absl_logging.set_verbosity(absl_logging.WARNING)
  handler = logging.StreamHandler()
  handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
  log = logging.getLogger("lic_jax")
  log.addHandler(handler)
  log.setLevel(logging.INFO)
  log.propagate = False


if __name__ == "__main__":
  main()
