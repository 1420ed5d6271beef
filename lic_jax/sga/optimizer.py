"""Test-time optimisation of latents: one loop for every relaxation.

Yang, Bamler and Mandt (2020), algorithm 1. The networks stay as they are; Adam
moves the latents of each image. After every chunk of steps the latents are
rounded and judged as a file would be, and the best so far are kept: the result
is never worse than the start.
"""

import functools
import math
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lic_jax.codec import bundle as bundles
from lic_jax.codec import decode
from lic_jax.codec.bundle import Bundle
from lic_jax.codec.decoder import Decoder
from lic_jax.entropy import integer
from lic_jax.ops import gain
from lic_jax.sga import frozen, objective, relaxation
from lic_jax.sga.objective import (
  Functions,
  Quality,
  Target,
  Terms,
  Variables,
  Weights,
)
from lic_jax.sga.relaxation import Relaxation
from lic_jax.sga.schedule import Schedule
from lic_jax.types import Array, Float, LicError

# Steps between two looks at the rounded latents, the clock and the user.
CHUNK = 25

ADAM = optax.scale_by_adam(b1=0.9, b2=0.999, eps=1e-7)  # specification 4.1


class Problem(NamedTuple):
  """One image; for a batch every array has a leading axis.

  Attributes:
    start: continuous latents to begin with, as the analysis gives them.
    target: the image and its real pixels.
    free: y (h/16, w/16, 1) and z (h/64, w/64, 1), true where a latent may move;
      elsewhere it is rounded and stays.
    key: random key.
  """

  start: Variables
  target: Target
  free: Variables
  key: Array


class State(NamedTuple):
  """Of one image; for a batch every array has a leading axis.

  Attributes:
    latents: as they are now, continuous.
    adam: moments of the gradients.
    best: the best rounded latents so far, as they would be decoded.
    terms: the objective of `best`.
  """

  latents: Variables
  adam: optax.OptState
  best: Variables
  terms: Terms


def begin(
  weights: Weights,
  problem: Problem,
  *,
  functions: Functions,
  lmbda: float,
  network: integer.Network | None = None,
) -> State:
  """The state before the first step; the best are the rounded start.

  With `network`, the hyper-synthesis in integers, latents are rounded and
  judged exactly as a file has them; here and in `judge`.
  """
  rounded, terms = _rounded(
    weights, problem.start, problem.target, functions, lmbda, network
  )
  return State(problem.start, ADAM.init(problem.start), rounded, terms)


def judge(
  weights: Weights,
  problem: Problem,
  state: State,
  *,
  functions: Functions,
  lmbda: float,
  network: integer.Network | None = None,
) -> tuple[State, Float[Array, ""]]:
  """Rounds the latents and keeps them if they are the best so far.

  Returns:
    The state, and the loss of its rounded latents.
  """
  rounded, terms = _rounded(
    weights, state.latents, problem.target, functions, lmbda, network
  )
  better = terms.loss < state.terms.loss  # false where it is NaN
  best, terms_of_best = jax.tree.map(
    lambda new, old: jnp.where(better, new, old),
    (rounded, terms),
    (state.best, state.terms),
  )
  return state._replace(best=best, terms=terms_of_best), terms.loss


def step(
  weights: Weights,
  problem: Problem,
  state: State,
  number: Array,
  rate: Float[Array, ""],
  temperature: Float[Array, ""],
  *,
  functions: Functions,
  lmbda: float,
  relax: Relaxation,
) -> State:
  """One step of Adam on the relaxed objective.

  Args:
    weights, problem, state: as above.
    number: of the step, which makes its random numbers.
    rate: learning rate.
    temperature: of the relaxation.
    functions, lmbda: of the codec.
    relax: stand-in for rounding.
  """
  keys = jax.random.split(jax.random.fold_in(problem.key, number))

  def held_or_relaxed(m: Array, latent: str) -> Array:
    free = getattr(problem.free, latent)
    key = keys[Variables._fields.index(latent)]
    return jnp.where(free, relax(m, temperature, key), jnp.round(m))

  def loss(latents: Variables) -> Array:
    return objective.terms(
      weights, functions, latents, problem.target, lmbda, held_or_relaxed
    )[1].loss

  direction, adam = ADAM.update(jax.grad(loss)(state.latents), state.adam)
  latents = jax.tree.map(lambda v, d: v - rate * d, state.latents, direction)
  return state._replace(latents=latents, adam=adam)


class Optimizer:
  """Finds latents for images of one codec; compiles once per image size."""

  def __init__(
    self,
    bundle: Bundle,
    *,
    relax: Relaxation = relaxation.sga,
    dtype: str = "float32",
    lmbda: float | None = None,
    centred: bool = True,
  ):
    """Reads a codec's weights.

    Args:
      bundle: the codec.
      relax: stand-in for rounding.
      dtype: of the products in the steps, "float32" or "bfloat16"; what is
        kept is judged in float32.
      lmbda: trade-off to optimise for; None for the codec's own.
      centred: whether the steps see the outermost latent's own grid, centred
        on its medians, or the integers, as the authors' configuration does
        (specification 4.1). What is kept is judged on its own grid.

    Raises:
      LicError: the codec's card names no lambda.
    """
    lmbda = bundle.card.get("lambda") if lmbda is None else lmbda
    if lmbda is None:
      raise LicError(f"{bundle.folder} does not say its lambda")
    static = dict(functions=bundle.decoder.functions, lmbda=lmbda)
    # The weights are arguments because XLA would fold constants for minutes.
    exact = quick = _on_all_devices(frozen_weights(bundle, "float32"))
    if dtype != "float32":
      quick = _on_all_devices(frozen_weights(bundle, dtype))
    if not centred:
      quick = quick._replace(offset=jnp.zeros_like(quick.offset))

    def each(function: Callable, *axes: int | None, **static: Any) -> Callable:
      return jax.vmap(functools.partial(function, **static), (None, *axes))

    as_in_files = dict(network=bundle.decoder.hyper_synthesis, **static)
    begin_each = jax.jit(each(begin, 0, **as_in_files))
    judge_each = jax.jit(each(judge, 0, 0, **as_in_files), donate_argnums=2)
    step_each = jax.jit(
      each(step, 0, 0, None, None, None, relax=relax, **static),
      donate_argnums=2,
    )
    self._begin, self._judge, self._step = begin_each, judge_each, step_each
    self._exact, self._quick, self._decoder = exact, quick, bundle.decoder

  def run(
    self,
    problem: Problem,
    schedule: Schedule,
    *,
    number: int = 0,
    steps: int | None = None,
    seconds: float | None = None,
    report: Callable[[int, Terms], None] | None = None,
  ) -> tuple[Variables, Terms]:
    """Optimises a batch of images.

    Args:
      problem: the batch.
      number: of the quality, as in a file's header.
      schedule: of learning rate and temperature.
      steps: how many, and
      seconds: how long, compilation included; whichever comes first. At least
        one of them is needed.
      report: called at the start and after every chunk with the steps done and
        the objective of the best latents so far, arrays (b,).

    Returns:
      The best rounded latents, (b, h, w, c), and their objective.
    """
    clock = _Clock(steps, seconds)
    problem = _over_devices(problem)
    quality = _quality(self._decoder, number)
    exact, quick = (
      weights._replace(quality=quality)
      for weights in (self._exact, self._quick)
    )
    state = self._begin(exact, problem)
    diverged = ~np.isfinite(state.terms.loss)
    if report:
      report(0, jax.device_get(state.terms))
    while clock.spent < 1 and not diverged.all():
      progress, count = clock.next()
      rates = schedule.rates(progress).astype(np.float32)
      temperatures = schedule.temperatures(progress).astype(np.float32)
      # One call a step: on a CPU XLA is slower in a loop (experiments/speed).
      for i in range(count):
        state = self._step(
          quick, problem, state, clock.done + i, rates[i], temperatures[i]
        )
      state, losses = self._judge(exact, problem, state)
      diverged = ~np.isfinite(losses)  # waits for the device
      clock.tick(count)
      if report:
        report(clock.done, jax.device_get(state.terms))
    if diverged.any():
      warnings.warn(
        f"iterative encoding diverged within {clock.done} steps; the best "
        "latents before that, or those of the analysis, are kept",
        RuntimeWarning,
        stacklevel=2,
      )
    return state.best, state.terms


class _Clock:
  """Progress of a run that ends after `steps` or `seconds`."""

  def __init__(self, steps: int | None, seconds: float | None):
    if steps is None and seconds is None:
      raise ValueError("give steps, seconds or both")
    self._steps = math.inf if steps is None else steps
    self._seconds = math.inf if seconds is None else seconds
    self._begun = self._last = time.monotonic()
    self.done = 0
    self.spent = 0.0 if self._steps > 0 and self._seconds > 0 else 1.0
    self._pace = 0.0 if self.spent else 1 / self._steps  # progress per step

  def next(self) -> tuple[Float[np.ndarray, "n"], int]:
    """Progress at each step of the next chunk, and how many steps it has."""
    left = round((1 - self.spent) / self._pace) if self._pace else 1
    progress = self.spent + self._pace * np.arange(CHUNK)
    return progress, min(CHUNK, max(1, left))

  def tick(self, count: int) -> None:
    """Notes that `count` steps are done."""
    now = time.monotonic()
    self.done += count
    self.spent = max(
      self.done / self._steps, (now - self._begun) / self._seconds
    )
    seconds_each = (now - self._last) / count
    self._pace = max(1 / self._steps, seconds_each / self._seconds)
    self._last = now


def _on_all_devices(weights: Weights) -> Weights:
  mesh = jax.sharding.Mesh(jax.local_devices(), "images")
  everywhere = jax.sharding.PartitionSpec()
  return jax.device_put(weights, jax.sharding.NamedSharding(mesh, everywhere))


def _quality(decoder: Decoder, number: int) -> Quality | None:
  """What a quality means for a codec with gains."""
  if decoder.gains is None:
    return None
  log_gain = decode.log_gains(decoder, number).astype(np.float32)
  factor = gain.lagrange_multiplier(1.0, number / bundles.STEPS_PER_QUALITY)
  return Quality(log_gain, np.float32(factor))


def _over_devices(problem: Problem) -> Problem:
  """Spreads a batch over the devices, or repeats it where they do not divide
  it."""
  devices = jax.local_devices()
  divides = problem.key.shape[0] % len(devices) == 0
  spec = jax.sharding.PartitionSpec("images" if divides else None)
  mesh = jax.sharding.Mesh(devices, "images")
  return jax.device_put(problem, jax.sharding.NamedSharding(mesh, spec))


def _rounded(
  weights: Weights,
  latents: Variables,
  target: Target,
  functions: Functions,
  lmbda: float,
  network: integer.Network | None,
) -> tuple[Variables, Terms]:
  """Latents as a file would hold them, and the objective they give."""
  if network is not None:
    weights = weights._replace(hyper_synthesis=network)
  return objective.terms(
    weights, functions, latents, target, lmbda, lambda m, _: jnp.round(m)
  )


def frozen_weights(bundle: Bundle, dtype: str) -> Weights:
  """A codec's weights, its convolutions frozen for products in `dtype`."""
  decoder, weights = bundle.decoder, bundles.read_weights(bundle)

  def layers(part: str) -> Mapping[str, Any] | None:
    if part not in decoder.functions:
      return None
    return frozen.freeze(decoder.functions[part], weights[part], dtype)

  return Weights(
    synthesis=layers("synthesis"),
    hyper_synthesis=layers("hyper_synthesis"),
    prior=bundles.read_encoder(bundle)["prior"],
    offset=decoder.channel_offsets,
  )
