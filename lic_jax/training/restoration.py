"""Training of a restoration: from a synthesis's pictures to the originals.

Unlike that of a model it sees pairs of pictures that were made before, and so
is short: an hour of two CPU cores. The rate falls as a cosine over a budget of
wall-clock time.
"""

import math
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from lic_jax.ops import restoration
from lic_jax.training import schedule
from lic_jax.transforms.restoration import Restoration
from lic_jax.types import Array, Float, UInt8

# Pixels, the side of the pieces that are seen, and how many make a step.
CROP, BATCH = 128, 16
# Adam's rate after the warm-up, and the clip of the gradient's norm.
RATE, WARMUP, CLIP = 2e-3, 0.01, 1.0
# Squared error, in units of what is expected, below which a piece's relative
# gain counts for less: there is next to nothing to restore in a clear sky.
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
  """Of a step: originals and pictures in [-0.5, 0.5], and expected errors."""

  x: Float[Array, "b h w 3"]
  x_hat: Float[Array, "b h w 3"]
  level: Float[Array, "b 1 1 1"]


def expected_errors(pairs: Pairs, rungs: int) -> Float[np.ndarray, "rungs"]:
  """Root mean square error at every whole quality, float32.

  Its logarithm is fitted by a parabola in the quality: photographs differ.
  """
  errors = [
    np.sqrt(np.mean(np.square(x_hat.astype(np.float32) - _real(x))))
    for x, x_hat in zip(pairs.x, pairs.x_hat)
  ]
  degree = min(2, rungs - 1, len(np.unique(pairs.quality)) - 1)
  fitted = np.polyfit(pairs.quality, np.log(errors), degree)
  return np.exp(np.polyval(fitted, np.arange(rungs))).astype(np.float32)


def train(
  seen: Pairs,
  unseen: Pairs,
  levels: Float[np.ndarray, "rungs"],
  *,
  minutes: float,
  seed: int,
) -> tuple[dict[str, Any], float, int]:
  """Trains a network, and says how it goes on photographs that it never saw.

  Args:
    seen: to train on.
    unseen: to be told the gain on.
    levels: expected errors at whole qualities.
    minutes: until the rate has come down to zero, compilation included.
    seed: of weights and pieces.

  Returns:
    Its weights, NumPy; the PSNR that it adds on average, dB; its steps.
  """
  module = Restoration()
  params = module.init(jax.random.key(seed), method="weights")["params"]
  optimizer = optax.chain(optax.clip_by_global_norm(CLIP), optax.adam(1.0))
  # As many devices as can share a batch.
  devices = jax.devices()[: math.gcd(BATCH, jax.device_count())]
  mesh = Mesh(np.array(devices), ("images",))
  everywhere = NamedSharding(mesh, PartitionSpec())
  shared = NamedSharding(mesh, PartitionSpec("images"))
  state = jax.device_put((params, optimizer.init(params)), everywhere)
  step = jax.jit(_step(module, optimizer), donate_argnums=0)
  added = jax.jit(_added(module))
  generator = np.random.default_rng(seed)

  def gain(pairs: Pairs) -> float:
    batches = _whole(pairs, levels)
    return float(np.mean([added(state[0], batch) for batch in batches]))

  begun, told, steps = time.monotonic(), 0.0, 0
  while (spent := (time.monotonic() - begun) / (60 * minutes)) < 1:
    rate = schedule.learning_rate(
      jnp.float32(spent), peak=RATE, warmup=WARMUP, decay="cosine"
    )
    batch = jax.device_put(pieces(seen, levels, generator), shared)
    state, left = step(state, rate, batch)
    steps += 1
    if spent >= told + TELL:
      told = spent
      print(
        f"step {steps}, {spent:.0%}: {float(left):.3f} of the error left; "
        f"held out {gain(unseen.part(slice(TOLD))):+.3f} dB",
        flush=True,
      )
  weights = module.apply({"params": state[0]}, method="weights")
  return jax.tree.map(np.asarray, weights), gain(unseen), steps


def pieces(
  pairs: Pairs,
  levels: Float[np.ndarray, "rungs"],
  generator: np.random.Generator,
) -> Batch:
  """A batch at random: pieces turned and mirrored, both pictures alike."""
  chosen = generator.integers(len(pairs.x), size=BATCH)
  spare = np.array(pairs.x.shape[1:3]) - CROP
  # Even places, as the network sees a picture.
  places = 2 * generator.integers(spare // 2 + 1, size=(BATCH, 2))
  flips = generator.integers(8, size=BATCH)
  x, x_hat = [], []
  for i, (top, left), flip in zip(chosen, places, flips.tolist()):
    inside = slice(top, top + CROP), slice(left, left + CROP)
    x.append(_turned(pairs.x[i][inside], flip))
    x_hat.append(_turned(pairs.x_hat[i][inside], flip))
  return Batch(
    _real(np.stack(x)),
    np.stack(x_hat).astype(np.float32),
    _levels(pairs.quality[chosen], levels),
  )


def _step(
  module: Restoration, optimizer: optax.GradientTransformation
) -> Callable[..., tuple[Any, Array]]:
  def loss(params: Any, batch: Batch) -> Array:
    before, after = _errors(module, params, batch)
    return jnp.mean(after / jnp.maximum(before, FLAT))

  def step(state: Any, rate: Array, batch: Batch) -> tuple[Any, Array]:
    params, opt_state = state
    left, gradient = jax.value_and_grad(loss)(params, batch)
    updates, opt_state = optimizer.update(gradient, opt_state)
    updates = jax.tree.map(lambda update: rate * update, updates)
    return (optax.apply_updates(params, updates), opt_state), left

  return step


def _added(module: Restoration) -> Callable[[Any, Batch], Array]:
  """PSNR that each picture gains, dB."""

  def added(params: Any, batch: Batch) -> Array:
    before, after = _errors(module, params, batch)
    return 10 * jnp.log10(before / after)

  return added


def _errors(
  module: Restoration, params: Any, batch: Batch
) -> tuple[Array, Array]:
  """Each picture's squared error, before and after, in expected ones."""
  restored = module.apply({"params": params}, batch.x_hat, batch.level)
  before, after = (
    jnp.mean(jnp.square((other - batch.x) / batch.level), axis=(1, 2, 3))
    for other in (batch.x_hat, restored)
  )
  return before, after


def _whole(pairs: Pairs, levels: np.ndarray) -> Iterator[Batch]:
  """One photograph after the other."""
  for i in range(len(pairs.x)):
    one = pairs.part(slice(i, i + 1))
    yield Batch(
      _real(one.x), one.x_hat.astype(np.float32), _levels(one.quality, levels)
    )


def _levels(quality: np.ndarray, levels: np.ndarray) -> np.ndarray:
  level = [restoration.level_at(levels, q) for q in quality.tolist()]
  return np.stack(level).reshape(-1, 1, 1, 1)


def _real(x: np.ndarray) -> np.ndarray:
  return x.astype(np.float32) / np.float32(255) - np.float32(0.5)


def _turned(x: np.ndarray, flip: int) -> np.ndarray:
  """One of the eight views of a square."""
  x = x[::-1] if flip & 1 else x
  x = x[:, ::-1] if flip & 2 else x
  return x.swapaxes(0, 1) if flip & 4 else x
