"""Training of a restoration: from a synthesis's pictures to the originals.

Unlike that of a model it sees pairs of pictures that were made before, and so
is short: an hour of two CPU cores. The rate falls as a cosine over a budget of
wall-clock time.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lic_jax.ops import restoration
from lic_jax.training import parallel, schedule
from lic_jax.transforms.restoration import Restoration
from lic_jax.types import Array, Float, UInt8

# Pixels, the side of the pieces that are seen, and how many make a step.
CROP, BATCH = 128, 4
# Adam's rate after the warm-up, and the clip of the gradient's norm.
RATE, WARMUP, CLIP = 2e-3, 0.01, 1.0
# Squared error, in units of what is expected, below which a photograph's
# relative gain counts for less: there is next to nothing to restore in a sky.
FLAT = 0.05
# How often, as a share of the time, and on how many photographs it is told how
# well it goes.
TELL, TOLD = 0.05, 8


class Pairs(NamedTuple):
  """What is restored, and what it should become; one size for all.

  Attributes:
    x: photographs.
    x_hat: what a synthesis makes of their latents, in [-0.5, 0.5].
    quality: that each was coded at.
  """

  x: UInt8[np.ndarray, "n h w 3"]
  x_hat: Float[np.ndarray, "n h w 3"]
  quality: Float[np.ndarray, "n"]

  def part(self, which: slice) -> "Pairs":
    return Pairs(*(array[which] for array in self))


class Batch(NamedTuple):
  """Of a step: originals and pictures in [-0.5, 0.5], and their qualities.

  Attributes:
    x: originals.
    x_hat: pictures.
    level: expected errors.
    share: of the way from the lowest quality to the highest.
    error: squared, of the photographs that they are of, in expected ones.
  """

  x: Float[Array, "*d b h w 3"]
  x_hat: Float[Array, "*d b h w 3"]
  level: Float[Array, "*d b 1 1 1"]
  share: Float[Array, "*d b"]
  error: Float[Array, "*d b"]


def expected_errors(pairs: Pairs, rungs: int) -> Float[np.ndarray, "rungs"]:
  """Root mean square error at every whole quality, float32.

  Its logarithm is fitted by a parabola in the quality: photographs differ.
  """
  errors = np.sqrt(squared_errors(pairs))
  degree = min(2, rungs - 1, len(np.unique(pairs.quality)) - 1)
  fitted = np.polyfit(pairs.quality, np.log(errors), degree)
  return np.exp(np.polyval(fitted, np.arange(rungs))).astype(np.float32)


def squared_errors(pairs: Pairs) -> Float[np.ndarray, "n"]:
  """Mean square error of each picture."""
  return np.array(
    [
      np.mean(np.square(x_hat.astype(np.float32) - _real(x)))
      for x, x_hat in zip(pairs.x, pairs.x_hat)
    ]
  )


def train(
  seen: Pairs,
  unseen: Pairs,
  levels: Float[np.ndarray, "rungs"],
  *,
  module: Restoration,
  start: Mapping[str, Any] | None,
  minutes: float,
  seed: int,
) -> tuple[dict[str, Any], float, int]:
  """Trains a network, and says how it goes on photographs that it never saw.

  Args:
    seen: to train on.
    unseen: to be told the gain on.
    levels: expected errors at whole qualities.
    module: the network's.
    start: weights of it to go on from, at half the rate; None for new ones.
    minutes: until the rate has come down to zero, compilation included.
    seed: of weights and pieces.

  Returns:
    Its weights, NumPy; the PSNR that it adds on average, dB; its steps.
  """
  optimizer = optax.chain(optax.clip_by_global_norm(CLIP), optax.adam(1.0))
  peak = RATE if start is None else RATE / 2
  if start is None:
    key = jax.random.key(seed)
    start = module.init(key, method="weights")["params"]
  params = apart(start)
  step, devices = parallel.mapped(_step(module, optimizer), BATCH)
  state = jax.tree.map(
    lambda leaf: np.broadcast_to(leaf, (devices, *np.shape(leaf))),
    (params, optimizer.init(params)),
  )
  added = jax.jit(_added)
  errors = squared_errors(seen)
  generator = np.random.default_rng(seed)
  period = module.period * restoration.FACTOR

  def weights() -> dict[str, Any]:
    params = jax.tree.map(lambda leaf: np.asarray(leaf)[0], state[0])
    params = {"params": together(params)}
    return jax.tree.map(np.asarray, module.apply(params, method="weights"))

  def gain(pairs: Pairs) -> float:
    found = weights()
    batches = _whole(pairs, levels)
    return float(np.mean([added(found, batch) for batch in batches]))

  begun, told, steps = time.monotonic(), 0.0, 0
  while (spent := (time.monotonic() - begun) / (60 * minutes)) < 1:
    rate = schedule.learning_rate(
      jnp.float32(spent), peak=peak, warmup=WARMUP, decay="cosine"
    )
    batch = pieces(seen, errors, levels, generator, period=period)
    batch = Batch(*(a.reshape(devices, -1, *a.shape[1:]) for a in batch))
    state, left = step(state, rate, batch)
    steps += 1
    if spent >= told + TELL:
      told = spent
      print(
        f"step {steps}, {spent:.0%}: {float(left[0]):.3f} of the error left; "
        f"held out {gain(unseen.part(slice(TOLD))):+.3f} dB",
        flush=True,
      )
  return weights(), gain(unseen), steps


def apart(network: Mapping[str, Any]) -> dict[str, Any]:
  """Weights as what all qualities share, and what is each one's own.

  Adam then moves what is shared as often as there are steps, and no quality
  has to learn it alone.
  """
  shared = jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), network)
  own = jax.tree.map(lambda leaf, mean: leaf - mean, network, shared)
  return {"shared": shared, "own": own}


def together(params: Mapping[str, Any]) -> dict[str, Any]:
  """Inverse of `apart`."""
  return jax.tree.map(jnp.add, params["own"], params["shared"])


def pieces(
  pairs: Pairs,
  errors: Float[np.ndarray, "n"],
  levels: Float[np.ndarray, "rungs"],
  generator: np.random.Generator,
  *,
  period: int,
) -> Batch:
  """A batch of pieces at random.

  Args:
    pairs: to cut them from.
    errors: `squared_errors` of the whole.
    levels: expected errors at whole qualities.
    generator: of the choice.
    period: of the places where they begin, pixels: a block's, for the network
      knows where in a block a pixel lies. So none is turned or mirrored.
  """
  chosen = generator.integers(len(pairs.x), size=BATCH)
  spare = np.array(pairs.x.shape[1:3]) - CROP
  places = period * generator.integers(spare // period + 1, size=(BATCH, 2))
  x, x_hat = [], []
  for i, (top, left) in zip(chosen, places):
    inside = slice(top, top + CROP), slice(left, left + CROP)
    x.append(pairs.x[i][inside])
    x_hat.append(pairs.x_hat[i][inside])
  part = Pairs(np.stack(x), np.stack(x_hat), pairs.quality[chosen])
  return _batch(part, errors[chosen], levels)


def _step(
  module: Restoration, optimizer: optax.GradientTransformation
) -> Callable[..., tuple[Any, Array]]:
  """On one of several devices."""

  def loss(params: Any, batch: Batch) -> Array:
    network = module.apply({"params": together(params)}, method="weights")
    _, after = _errors(network, batch)
    return jnp.mean(after / jnp.maximum(batch.error, FLAT))

  def step(state: Any, rate: Array, batch: Batch) -> tuple[Any, Array]:
    params, opt_state = state
    left, gradient = jax.value_and_grad(loss)(params, batch)
    left, gradient = jax.lax.pmean((left, gradient), parallel.AXIS)
    updates, opt_state = optimizer.update(gradient, opt_state)
    updates = jax.tree.map(lambda update: rate * update, updates)
    return (optax.apply_updates(params, updates), opt_state), left

  return step


def _added(network: Any, batch: Batch) -> Array:
  """PSNR that each picture gains, dB."""
  before, after = _errors(network, batch)
  return 10 * jnp.log10(before / after)


def _errors(network: Any, batch: Batch) -> tuple[Array, Array]:
  """Each picture's squared error, before and after, in expected ones."""

  def errors(one: Batch) -> tuple[Array, Array]:
    weights = restoration.at_quality(network, one.share)
    level = one.level[None]
    restored = restoration.restore(weights, one.x_hat[None], level)[0]
    return tuple(
      jnp.mean(jnp.square((other - one.x) / one.level))
      for other in (one.x_hat, restored)
    )

  # In turn, for each picture has kernels of its own; written out, since in a
  # loop XLA's convolutions take ten times as long on a CPU.
  found = [errors(Batch(*(a[i] for a in batch))) for i in range(len(batch.x))]
  before, after = map(jnp.stack, zip(*found))
  return before, after


def _whole(pairs: Pairs, levels: np.ndarray) -> Iterator[Batch]:
  """One photograph after the other."""
  for i in range(len(pairs.x)):
    one = pairs.part(slice(i, i + 1))
    yield _batch(one, squared_errors(one), levels)


def _batch(pairs: Pairs, errors: np.ndarray, levels: np.ndarray) -> Batch:
  qualities = pairs.quality.tolist()
  level = np.stack([restoration.level_at(levels, q) for q in qualities])
  return Batch(
    x=_real(pairs.x),
    x_hat=pairs.x_hat.astype(np.float32),
    level=level.reshape(-1, 1, 1, 1),
    share=restoration.share_of(levels, pairs.quality),
    error=(errors / np.square(level)).astype(np.float32),
  )


def _real(x: np.ndarray) -> np.ndarray:
  return x.astype(np.float32) / np.float32(255) - np.float32(0.5)
