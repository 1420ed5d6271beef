"""Trains a codec's restoration on what it makes of photographs.

  python -m lic_jax.fit_restoration --codec=NAME_OR_DIR --images=DATA \
      --output=DIR [--photographs=N] [--minutes=M] [--half]

Everything else of the codec stays as it is, tables and symbols included: files
of one image differ from those of the codec before in the fingerprint alone, and
decode to a better picture. Photographs are coded as files would hold them, each
at a quality of its own (`sga.rdoq`, but for its choice of z); then the network
is trained on their pieces, on all devices. On a CPU, a core is a device with
  XLA_FLAGS="--xla_force_host_platform_device_count=2
             --xla_cpu_multi_thread_eigen=false"
"""

import argparse
import concurrent.futures
import dataclasses
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lic_jax.codec import bundle as bundles
from lic_jax.codec import encode as codec
from lic_jax.codec.bundle import Bundle
from lic_jax.data import sources
from lic_jax.data.sources import Source
from lic_jax.ops import restoration, synthesis
from lic_jax.sga import rdoq
from lic_jax.training import schedule
from lic_jax.transforms.restoration import Restoration
from lic_jax.types import Array, Float, LicError, UInt8

# Pixels: of a photograph, its middle is coded, and pieces of that are seen.
SIDE, CROP = 512, 128
# Pieces of a step, on all devices.
BATCH = 16
# Adam's rate after the warm-up, before its cosine to zero, and the clip of the
# gradient's norm.
RATE, WARMUP, CLIP = 2e-3, 0.01, 1.0
# Of the photographs: set aside, to be told how well it goes.
HELD_OUT = 0.06
# Squared error, in units of what is expected, below which a piece's relative
# gain counts for less: there is next to nothing to restore in a clear sky.
FLAT = 0.05


class Pairs(NamedTuple):
  """What is restored, and what it should become.

  Attributes:
    x: photographs' middles.
    x_hat: what the synthesis makes of their latents, in [-0.5, 0.5].
    quality: of each.
  """

  x: UInt8[np.ndarray, "n h w 3"]
  x_hat: Float[np.ndarray, "n h w 3"]
  quality: Float[np.ndarray, "n"]

  def part(self, which: slice) -> "Pairs":
    return Pairs(*(array[which] for array in self))


def fit(
  bundle: Bundle,
  source: Source,
  folder: str,
  *,
  photographs: int,
  minutes: float,
  half: bool = False,
  seed: int = 0,
) -> Bundle:
  """Writes a bundle like another, with a restoration trained on photographs.

  Args:
    bundle: the codec; one that it may have is replaced.
    source: photographs.
    folder: of the new bundle; new, empty or an older bundle.
    photographs: how many to look at, evenly spread over the source.
    minutes: of training, compilation included.
    half: whether the encoder is stored in float16.
    seed: of qualities, weights and pieces.

  Raises:
    LicError: too few photographs are large enough, the codec is none that
      `rdoq.is_possible`, or the folder cannot be used.
  """
  if not rdoq.is_possible(bundle):
    raise LicError(f"{bundle.folder}: needs a codec of the squared error")
  pairs = coded(bundle, source, photographs, seed=seed)
  levels = expected_errors(pairs, len(bundle.rungs))
  held_out = max(1, round(HELD_OUT * len(pairs.x)))
  seen, unseen = pairs.part(slice(held_out, None)), pairs.part(slice(held_out))
  network, gain, steps = train(seen, unseen, levels, minutes=minutes, seed=seed)
  weights = {
    **bundle.decoder.weights,
    "restoration": {"levels": levels, "network": network},
  }
  card: dict[str, Any] = {
    **bundle.card,
    "restoration": {
      "photographs": len(seen.x),
      "minutes": minutes,
      "steps": steps,
      "gain_db": round(gain, 4),
      "held_out": held_out,
    },
  }
  decoder = dataclasses.replace(bundle.decoder, weights=weights)
  encoder = bundles.read_encoder(bundle)
  return bundles.write(folder, decoder, encoder, card, half=half)


def coded(
  bundle: Bundle, source: Source, photographs: int, *, seed: int
) -> Pairs:
  """Photographs as files hold them, at qualities spread evenly.

  Raises:
    LicError: fewer than two are as large as what is looked at.
  """
  count = min(photographs, len(source))
  last = bundle.number(bundle.rungs[-1])
  # In random order, so that no quality goes with a part of the source.
  order = np.random.default_rng(seed).permutation(count)

  def one(i: int) -> tuple[np.ndarray, np.ndarray, float] | None:
    rgb = source[i * len(source) // count]
    if rgb is None or min(rgb.shape[:2]) < SIDE:
      return None
    top, left = ((size - SIDE) // 2 for size in rgb.shape[:2])
    rgb = np.ascontiguousarray(rgb[top:, left:][:SIDE, :SIDE])
    number = round(last * order[i] / max(1, count - 1))
    quality = number / bundles.STEPS_PER_QUALITY
    return rgb, synthesised(rgb, bundle, quality), quality

  # Threads, for much of the work on a CPU is one core's.
  with concurrent.futures.ThreadPoolExecutor(jax.device_count()) as pool:
    found = [pair for pair in pool.map(one, range(count)) if pair is not None]
  if len(found) < 2:
    raise LicError(
      f"fewer than two photographs of at least {SIDE}x{SIDE} pixels"
    )
  x, x_hat, quality = zip(*found)
  return Pairs(np.stack(x), np.stack(x_hat), np.array(quality))


def synthesised(
  rgb: UInt8[np.ndarray, "h w 3"], bundle: Bundle, quality: float
) -> Float[np.ndarray, "h w 3"]:
  """What the synthesis makes of a photograph's latent, float16.

  Args:
    rgb: sizes are multiples of the codec's stride.
    bundle: the codec.
    quality: to code it at.
  """
  decoder = bundle.decoder
  latents = codec.analyse(rgb, bundle)
  y_hat = rdoq.refine(rgb, latents, bundle, quality=quality).y
  arguments = dict(decoder.functions["synthesis"])
  function = getattr(synthesis, arguments.pop("function"))
  x_hat = function(decoder.weights["synthesis"], y_hat, **arguments)
  return x_hat[0].astype(np.float16)


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
    minutes: until the rate has come down to zero.
    seed: of weights and pieces.

  Returns:
    Its weights, NumPy; the PSNR that it adds on average, dB; its steps.
  """
  module = Restoration()
  params = module.init(jax.random.key(seed), method="weights")["params"]
  optimizer = optax.chain(optax.clip_by_global_norm(CLIP), optax.adam(1.0))
  state = jax.device_put((params, optimizer.init(params)), _everywhere())
  step = jax.jit(_step(module, optimizer), donate_argnums=0)
  evaluate = jax.jit(_gains(module))
  generator = np.random.default_rng(seed)
  begun, told, steps = time.monotonic(), 0.0, 0

  def gain(most: int | None = None) -> float:
    batches = _whole(unseen.part(slice(most)), levels)
    return float(np.mean([evaluate(state[0], *batch) for batch in batches]))

  while (spent := (time.monotonic() - begun) / (60 * minutes)) < 1:
    rate = schedule.learning_rate(
      jnp.float32(spent), peak=RATE, warmup=WARMUP, decay="cosine"
    )
    batch = jax.device_put(pieces(seen, levels, generator), _shared())
    state, loss = step(state, rate, *batch)
    steps += 1
    if spent >= told + 0.05:
      told = spent
      print(
        f"step {steps}, {spent:.0%}: error left {float(loss):.3f}, "
        f"held out {gain(8):+.3f} dB",
        flush=True,
      )
  weights = module.apply({"params": state[0]}, method="weights")
  return jax.tree.map(np.asarray, weights), gain(), steps


def pieces(
  pairs: Pairs,
  levels: Float[np.ndarray, "rungs"],
  generator: np.random.Generator,
) -> tuple[Float[np.ndarray, "b c c 3"], ...]:
  """A batch: originals and pictures, turned and mirrored alike, and levels."""
  chosen = generator.integers(len(pairs.x), size=BATCH)
  # Even places, as the network sees a picture.
  places = 2 * generator.integers((SIDE - CROP) // 2 + 1, size=(BATCH, 2))
  views = []
  for i, (top, left), flip in zip(
    chosen, places, generator.integers(8, size=BATCH)
  ):
    inside = slice(top, top + CROP), slice(left, left + CROP)
    views.append(
      [_turned(array[i][inside], flip) for array in (pairs.x, pairs.x_hat)]
    )
  x, x_hat = (np.stack(arrays) for arrays in zip(*views))
  return _real(x), x_hat.astype(np.float32), _levels(pairs, levels)[chosen]


def _step(module: Restoration, optimizer: optax.GradientTransformation):
  def loss_of(params: Any, x: Array, x_hat: Array, level: Array) -> Array:
    restored = module.apply({"params": params}, x_hat, level)
    before, after = (_error(x, other, level) for other in (x_hat, restored))
    return jnp.mean(after / jnp.maximum(before, FLAT))

  def step(state: Any, rate: Array, *batch: Array) -> tuple[Any, Array]:
    params, opt_state = state
    loss, gradient = jax.value_and_grad(loss_of)(params, *batch)
    updates, opt_state = optimizer.update(gradient, opt_state)
    updates = jax.tree.map(lambda update: rate * update, updates)
    return (optax.apply_updates(params, updates), opt_state), loss

  return step


def _gains(module: Restoration):
  def gains(params: Any, x: Array, x_hat: Array, level: Array) -> Array:
    restored = module.apply({"params": params}, x_hat, level)
    before, after = (_error(x, other, level) for other in (x_hat, restored))
    return 10 * jnp.log10(before / after)

  return gains


def _error(x: Array, other: Array, level: Array) -> Array:
  """Mean square of each image's error, in units of what is expected."""
  return jnp.mean(jnp.square((other - x) / level), axis=(1, 2, 3))


def _whole(pairs: Pairs, levels: np.ndarray) -> Iterator[tuple]:
  """One photograph after the other."""
  for i in range(len(pairs.x)):
    one = pairs.part(slice(i, i + 1))
    yield _real(one.x), one.x_hat.astype(np.float32), _levels(one, levels)


def _levels(pairs: Pairs, levels: np.ndarray) -> np.ndarray:
  level = [restoration.level_at(levels, quality) for quality in pairs.quality]
  return np.array(level, np.float32).reshape(-1, 1, 1, 1)


def _real(x: np.ndarray) -> np.ndarray:
  return x.astype(np.float32) / np.float32(255) - np.float32(0.5)


def _turned(x: np.ndarray, flip: int) -> np.ndarray:
  """One of the eight views of a square."""
  x = x[::-1] if flip & 1 else x
  x = x[:, ::-1] if flip & 2 else x
  return x.swapaxes(0, 1) if flip & 4 else x


def _everywhere() -> jax.sharding.Sharding:
  return jax.sharding.NamedSharding(_mesh(), jax.sharding.PartitionSpec())


def _shared() -> jax.sharding.Sharding:
  return jax.sharding.NamedSharding(_mesh(), jax.sharding.PartitionSpec("b"))


def _mesh() -> jax.sharding.Mesh:
  return jax.sharding.Mesh(np.array(jax.devices()), ("b",))


def main(argv: list[str] | None = None) -> int:
  """Entry point; returns the exit status."""
  parser = argparse.ArgumentParser(
    "python -m lic_jax.fit_restoration",
    description="a restoration, trained on what a codec makes of photographs",
  )
  parser.add_argument(
    "--codec", required=True, help="installed name, or folder"
  )
  parser.add_argument(
    "--images",
    required=True,
    help="photographs, named like those of a training",
  )
  parser.add_argument("--output", required=True, help="folder of the bundle")
  parser.add_argument(
    "--photographs",
    type=int,
    default=600,
    metavar="N",
    help="to look at, 600 by default",
  )
  parser.add_argument(
    "--minutes",
    type=float,
    default=60.0,
    metavar="M",
    help="of training, 60 by default",
  )
  parser.add_argument(
    "--half", action="store_true", help="the encoder in float16"
  )
  args = parser.parse_args(argv)
  try:
    bundle = fit(
      bundles.find(args.codec),
      sources.open_source(args.images),
      args.output,
      photographs=max(1, args.photographs),
      minutes=args.minutes,
      half=args.half,
    )
  except LicError as error:
    print(f"fit_restoration: {error}", file=sys.stderr)
    return 1
  print(f"{args.output}: codec {bundle.fingerprint.hex()}")
  return 0


if __name__ == "__main__":
  sys.exit(main())
