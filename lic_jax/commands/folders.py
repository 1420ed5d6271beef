"""Whole folders: which files become which, and the run over them.

One bad file does not stop the rest. Each failure is a line on stderr that
begins with the file's name; a summary on stdout ends the run.
"""

import collections
import concurrent.futures
import contextlib
import multiprocessing
import shutil
import signal
import sys
from collections.abc import Collection, Generator, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.synchronize import Event
from pathlib import Path

from lic_jax.commands.job import Done, Job
from lic_jax.types import LicError

Pair = tuple[Path, Path]


def pairs(
  source: Path,
  target: Path,
  *,
  suffixes: Collection[str],
  suffix: str,
  recursive: bool,
) -> list[Pair]:
  """The files of a folder and what each becomes.

  `a.png` becomes `a.lic`. Where `a.jpg` lies beside it they become `a.png.lic`
  and `a.jpg.lic`. Hidden files, and those with other suffixes, are left alone.

  Args:
    source: the folder.
    target: another, or the same.
    suffixes: of the files to take, in lower case.
    suffix: of what they become.
    recursive: take the folders inside as well, and keep their tree.

  Raises:
    LicError: there is no such file, or two would become the same.
  """
  found = sorted(source.rglob("*") if recursive else source.iterdir())
  files = [
    path
    for path in found
    if path.suffix.lower() in suffixes
    and not path.name.startswith(".")
    and path.is_file()
  ]
  if not files:
    known = " ".join(sorted(suffixes))
    raise LicError(f"{source}: no file in it ends in {known}")
  stems = collections.Counter(path.with_suffix("") for path in files)
  taken: dict[Path, Path] = {}
  for path in files:
    alone = stems[path.with_suffix("")] == 1
    name = (path.stem if alone else path.name) + suffix
    output = target / path.parent.relative_to(source) / name
    if output in taken:
      raise LicError(f"{taken[output]} and {path} would both become {output}")
    taken[output] = path
  return [(path, output) for output, path in taken.items()]


def run(job: Job, work: Sequence[Pair], *, workers: int) -> int:
  """Runs a job on each pair and says how it went.

  Args:
    job: what to do.
    work: source and target of each file.
    workers: processes; 1 for this one.

  Returns:
    How many files failed.

  Raises:
    LicError: a folder cannot be made.
  """
  done: list[Done] = []
  failed = 0
  with (
    _folders({output.parent for _, output in work}),
    _Screen() as screen,
    contextlib.closing(_outcomes(job, work, workers)) as outcomes,
  ):
    screen.show(f"0/{len(work)}")
    for source, outcome in outcomes:
      if isinstance(outcome, str):
        failed += 1
        screen.say(f"lic: {outcome}")
      else:
        done.append(outcome)
        for warning in outcome.warnings:
          screen.say(f"lic: warning: {source}: {warning}")
      screen.show(f"{len(done) + failed}/{len(work)}  {source}")
  print(_summary(done, failed))
  return failed


def _outcomes(
  job: Job, work: Sequence[Pair], workers: int
) -> Generator[tuple[Path, Done | str]]:
  """Source and result of each file, or the reason for having none."""
  workers = min(workers, len(work))
  if workers == 1:
    yield from ((source, _attempt(job, source, out)) for source, out in work)
    return
  # JAX's threads do not survive a fork.
  context = multiprocessing.get_context("spawn")
  stop = context.Event()
  pool = concurrent.futures.ProcessPoolExecutor(
    workers, context, initializer=_start_worker, initargs=(job, stop)
  )
  try:
    # Workers inherit this, and stay silent while they start.
    _hold_interrupts(True)
    try:
      futures = {pool.submit(_work, *pair): pair[0] for pair in work}
    finally:
      _hold_interrupts(False)
    for future in concurrent.futures.as_completed(futures):
      source = futures[future]
      try:
        yield source, future.result()
      except BrokenProcessPool:
        yield source, f"{source}: a worker process died, of memory perhaps"
  finally:
    # The pool cannot take back what waits at its workers' door.
    stop.set()
    pool.shutdown(cancel_futures=True)


def _attempt(job: Job, source: Path, target: Path) -> Done | str:
  try:
    return job(source, target, None)
  except LicError as error:
    return str(error)
  # One file of a hundred that lacks memory, or meets a bug, is one failure.
  except Exception as error:
    reason = " ".join(f"{type(error).__name__} {error}".split())
    return f"{source}: {reason}"


_job: Job | None = None
_stop: Event | None = None


def _start_worker(job: Job, stop: Event) -> None:
  """Keeps in a worker what all its tasks need, so that it travels once."""
  global _job, _stop
  _job, _stop = job, stop
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  _hold_interrupts(False)


def _work(source: Path, target: Path) -> Done | str:
  """A worker's task: an interrupt ends it, and removes its temporary file."""
  if _stop.is_set():
    return f"{source}: not begun"
  signal.signal(signal.SIGINT, signal.default_int_handler)
  try:
    return _attempt(_job, source, target)
  finally:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _hold_interrupts(hold: bool) -> None:
  """Whether an interrupt has to wait; it is not lost. Not on Windows."""
  if hasattr(signal, "pthread_sigmask"):
    how = signal.SIG_BLOCK if hold else signal.SIG_UNBLOCK
    signal.pthread_sigmask(how, {signal.SIGINT})


@contextlib.contextmanager
def _folders(wanted: Collection[Path]) -> Iterator[None]:
  """Makes folders, and takes back those in which nothing was written."""
  new = {p for path in wanted for p in (path, *path.parents) if not p.exists()}
  try:
    for path in wanted:
      try:
        path.mkdir(parents=True, exist_ok=True)
      except OSError as error:
        raise LicError(f"cannot make {path}: {error.strerror}") from error
    yield
  finally:
    # The longest first: what lies inside.
    for path in sorted(new, key=lambda path: -len(path.parts)):
      with contextlib.suppress(OSError):
        path.rmdir()


class _Screen:
  """The terminal's last line, rewritten; silence where there is no terminal."""

  def __enter__(self) -> "_Screen":
    self._terminal = sys.stderr.isatty()
    return self

  def __exit__(self, *error: object) -> None:
    self.show("")

  def show(self, text: str) -> None:
    """Rewrites the progress."""
    if self._terminal:
      width = shutil.get_terminal_size().columns - 1
      line = f"\r{text[:width]:<{width}}\r"
      print(line, end="", file=sys.stderr, flush=True)

  def say(self, line: str) -> None:
    """Prints a line that stays."""
    self.show("")
    print(line, file=sys.stderr, flush=True)


def _summary(done: Sequence[Done], failed: int) -> str:
  text = (
    f"{len(done)} files, {sum(one.bytes_in for one in done)} bytes in, "
    f"{sum(one.bytes_out for one in done)} bytes out"
  )
  if done:
    bits = 8 * sum(one.bytes_coded for one in done)
    text += f", {bits / sum(one.width * one.height for one in done):.4f} bpp"
  return f"{text}, {failed} failed"
