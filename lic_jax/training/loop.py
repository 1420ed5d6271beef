"""The training loop: the only impure file of a run.

Order within an iteration, and why: the step; then the log, which is where a
non-finite loss stops the run; then validation; then the checkpoint, last, so
that what is saved has been found finite.
"""

import functools
import logging
import pathlib
import time
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from lic_jax.data import batches, resident, sources
from lic_jax.models.build import build
from lic_jax.ops import gain
from lic_jax.training import parallel, step
from lic_jax.training.checkpoint import Checkpoints, claim
from lic_jax.training.start import klt_start, parameters_of
from lic_jax.training.state import (
  TrainState,
  create,
  create_params,
  make_optimizer,
)
from lic_jax.training.writer import ProgressLine, Writer
from lic_jax.types import Array, LicError

LOG = logging.getLogger("lic_jax")


def train(config: ml_collections.ConfigDict, workdir: pathlib.Path) -> None:
  """Trains what `config` says, from the newest checkpoint in `workdir` if any.

  Raises:
    LicError: bad data, a foreign checkpoint, a full disk, a non-finite loss.
  """
  parallel.check_batch(config.data.batch)
  step.check_distortion(config.loss.distortion)
  model = build(config.model.to_dict())
  optimizer = make_optimizer(config.optimizer.clip, config.optimizer.muon)
  source, held_out = _open_sources(config)
  feed = _open_feed(config, source)
  claim(config, workdir)
  checkpoints = Checkpoints(workdir, keep=config.log.keep)
  # PRNGKey: raw uint32 keys cross pmap on every JAX release we support.
  run_key = jax.random.PRNGKey(config.seed)
  params = create_params(model, config.seed)
  if checkpoints.latest() is None:
    params = _initial_params(params, config, source)
  state = create(params, optimizer)
  clock = Clock(steps=config.steps, budget=60 * config.budget_minutes)
  if checkpoints.latest() is not None:
    state, saved = checkpoints.restore(jax.tree.map(np.asarray, state))
    feed.restore(saved["data"])
    clock.spent = saved["seconds"]
    LOG.info("restored step %d", int(state.step))
  start = int(state.step)
  lead = parallel.process()[0] == 0
  writer = Writer(workdir, enabled=lead)
  line = ProgressLine(enabled=lead)
  validate = _validator(model, config, held_out, writer)
  mapped = parallel.mapped_step(model, optimizer, config.to_dict(), feed.sample)
  state = parallel.replicate(state)

  def save(done: int) -> None:
    position = {"data": feed.state(), "seconds": clock.elapsed()}
    checkpoints.save(done, parallel.first_copy(state), position)

  done = saved_at = start
  clock.start()
  last = done >= config.steps or clock.over()
  try:
    while not last:
      progress = min(parallel.agree(clock.progress(done)), 1.0)
      state, terms = mapped(state, feed.next(), jnp.float32(progress), run_key)
      done += 1
      if done == start + 1:  # compiled now, which is no training
        jax.block_until_ready(terms)
        clock.start()
      last = done >= config.steps or progress >= 1
      line.saw(config.data.batch)
      if done % config.log.every == 0 or last:
        values = _finite(terms, done)
        rate = line.show(done, values, seconds_left=clock.left(progress))
        values |= {"images_per_second": rate, "seconds": clock.elapsed()}
        writer.scalars(done, values, kind="train")
      if done % config.log.validate_every == 0 or last:
        feed.report()
        validate(state, done)
      if done % config.log.checkpoint_every == 0 or last:
        _finite(terms, done)
        save(done)
        saved_at = done
  finally:
    line.end()
    writer.close()
    checkpoints.close()
  LOG.info("done: %d steps, checkpoint at %d", done, saved_at)


class Clock:
  """Progress of a run by steps or by a wall-clock budget in seconds."""

  def __init__(self, *, steps: int, budget: float):
    self.spent = 0.0  # by earlier processes of this run
    self._steps, self._budget = steps, budget
    self._since = time.monotonic()

  def start(self) -> None:
    """Time counts from here."""
    self._since = time.monotonic()

  def elapsed(self) -> float:
    """Seconds of training, over all restarts."""
    return self.spent + time.monotonic() - self._since

  def progress(self, done: int) -> float:
    """Share of the training done after the coming step."""
    by_steps = (done + 1) / self._steps
    if not self._budget:
      return by_steps
    return max(by_steps, self.elapsed() / self._budget)

  def over(self) -> bool:
    """Whether the budget, if there is one, is spent."""
    return bool(self._budget) and self.elapsed() >= self._budget

  def left(self, progress: float) -> float:
    """Seconds to the end at the speed so far."""
    if self._budget:
      return self._budget - self.elapsed()
    return self.elapsed() * (1 - progress) / max(progress, 1e-9)


class ResidentFeed:
  """Photographs on the device, cropped inside the step.

  A crop is a function of (seed, step, image of the batch): the position in
  the data is the step, and needs no record.
  """

  def __init__(self, photographs: Any, *, size: int):
    self._photographs = parallel.replicate(photographs)
    self.sample = functools.partial(resident.crop, size=size)

  def next(self) -> Any:
    return self._photographs

  def state(self) -> None:
    return None

  def restore(self, state: None) -> None:
    del state

  def report(self) -> None:
    """Nothing to add: what was skipped was said when it was loaded."""


class HostFeed:
  """Batches cropped by worker processes of the host."""

  def __init__(self, stream: batches.Batches):
    self._stream = stream
    self._skipped = 0

  @staticmethod
  def sample(pixels: Array, keys: Array) -> Array:
    """The pixels themselves: the host has cropped them."""
    del keys
    return pixels

  def next(self) -> np.ndarray:
    return parallel.share(next(self._stream))

  def state(self) -> Any:
    return self._stream.state()

  def restore(self, state: Any) -> None:
    self._stream.restore(state)

  def report(self) -> None:
    """Says how many images were skipped, when there are more of them."""
    count = len(self._stream.skipped)
    if count > self._skipped:
      LOG.info("data: %s", self._stream.skipped)
      self._skipped = count


def _open_sources(
  config: ml_collections.ConfigDict,
) -> tuple[sources.Source, np.ndarray]:
  """The photographs to train on, and held-out patches."""
  data = config.data
  if not data.train:
    raise LicError(
      "no photographs to train on: give --config.data.train=FOLDER_OR_NAME"
    )
  source = sources.open_source(data.train)
  if data.validation:
    held_out = sources.open_source(data.validation)
  else:
    source, held_out = sources.split_holdout(source, data.holdout)
  return source, resident.validation_patches(
    held_out, count=data.validation_count, size=data.validation_size
  )


def _open_feed(
  config: ml_collections.ConfigDict, source: sources.Source
) -> ResidentFeed | HostFeed:
  """The feed of training batches."""
  data = config.data
  downscale = tuple(data.downscale) or None
  if data.loader == "resident":
    photographs = resident.load_resident(
      source,
      min_size=data.crop,
      downscale=downscale,
      seed=config.seed,
      log=LOG.info,
    )
    return ResidentFeed(photographs, size=data.crop)
  if data.loader != "grain":
    raise LicError(f"data.loader is {data.loader!r}, not 'resident' or 'grain'")
  index, count = parallel.process()
  stream = batches.patch_batches(
    source,
    batch=data.batch,
    size=data.crop,
    downscale=downscale,
    seed=config.seed,
    workers=data.workers,
    process_index=index,
    process_count=count,
  )
  return HostFeed(stream)


def _initial_params(
  params: Any, config: ml_collections.ConfigDict, source: sources.Source
) -> Any:
  """The parameters to begin with: these random ones, or better ones.

  Raises:
    LicError: `start` is none of "random", "klt" and the work directory of a run
      with the same parameters.
  """
  if config.start == "random":
    return params
  if config.start != "klt":
    return parameters_of(pathlib.Path(config.start), like=params)
  if config.loss.distortion != "mse":
    raise LicError("start='klt' suits the MSE alone; take 'random' or a run")
  patches = resident.validation_patches(source, count=1024, size=64)
  return klt_start(
    jax.tree.map(np.asarray, params), patches, lmbda=_lmbda(config, share=1.0)
  )


def _lmbda(config: ml_collections.ConfigDict, *, share: float) -> float:
  """The config's lambda, or that of a quality this far up from the lowest."""
  top = max(0, config.model.get("gain_rungs", 0) - 1)
  return gain.lagrange_multiplier(config.loss.lmbda, share * top)


def _validator(
  model: Any,
  config: ml_collections.ConfigDict,
  patches: np.ndarray,
  writer: Writer,
) -> Any:
  """A function (state, step) that validates on the first process."""
  if parallel.process()[0]:
    return lambda state, done: None
  evaluate = jax.jit(
    functools.partial(
      step.validation_step,
      model=model,
      lmbda=_lmbda(config, share=0.5),  # a model with gains takes the middle
      distortion=config.loss.distortion,
    )
  )

  def validate(state: TrainState, done: int) -> None:
    params = parallel.first_copy(state.params)
    # A few at a time: validation patches are larger than training crops.
    results = [evaluate(params, patch[None]) for patch in patches]
    values = {
      name: float(np.mean([terms[name] for terms, _ in results]))
      for name in results[0][0]
    }
    writer.scalars(done, values, kind="validation")
    for i, (_, pictures) in enumerate(results[:4]):
      pair = np.concatenate([patches[i], np.asarray(pictures[0])], axis=1)
      writer.image(done, f"held_out/{i}", pair)
    LOG.info(
      "validation at step %d: loss %.4f, %.4f bpp (estimated), %.2f dB",
      done,
      values["loss"],
      values["estimated_bpp"],
      values["psnr"],
    )

  return validate


def _finite(terms: step.Terms, done: int) -> dict[str, float]:
  """The terms as numbers.

  Raises:
    LicError: one of them is not finite; it is named.
  """
  values = {
    name: float(value) for name, value in parallel.first_copy(terms).items()
  }
  bad = [name for name, value in values.items() if not np.isfinite(value)]
  if bad:
    raise LicError(
      f"training stopped at step {done}: {', '.join(bad)} not finite;"
      " the newest checkpoint stands"
    )
  return values
