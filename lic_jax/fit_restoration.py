"""Trains a codec's restoration on what it makes of photographs.

  python -m lic_jax.fit_restoration --codec=NAME_OR_DIR --images=DATA \
      --output=DIR [--photographs=N] [--minutes=M] [--half]

Everything else of the codec stays as it is, tables and symbols included: files
of one image differ from those of the codec before in the fingerprint alone, and
decode to a better picture. Photographs are coded as files would hold them, each
at a quality of its own (`sga.rdoq`, but for its choice of z); then the network
is trained on their pieces, on up to four devices; from the one that the codec
has, if it has one. On a CPU, a core is a device with
  XLA_FLAGS="--xla_force_host_platform_device_count=2
             --xla_cpu_multi_thread_eigen=false"
"""

import argparse
import concurrent.futures
import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from lic_jax.codec import bundle as bundles
from lic_jax.codec import encode as codec
from lic_jax.codec.bundle import Bundle
from lic_jax.data import patches, sources
from lic_jax.data.sources import Source
from lic_jax.ops import restoration, synthesis
from lic_jax.sga import objective, rdoq
from lic_jax.training import restoration as training
from lic_jax.training.restoration import Pairs
from lic_jax.transforms.restoration import Restoration
from lic_jax.types import Float, LicError, UInt8

# Pixels: of a photograph, its middle is coded.
SIDE = 512
# Of the photographs: set aside, to be told how well it goes.
HELD_OUT = 0.06


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
    bundle: the codec; from a restoration that it has, training goes on.
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
  bundles.check_free(Path(folder))  # now, not after an hour
  pairs = coded(bundle, source, photographs, seed=seed)
  print(f"{len(pairs.x)} photographs coded", flush=True)
  levels = training.expected_errors(pairs, len(bundle.rungs))
  held_out = max(1, round(HELD_OUT * len(pairs.x)))
  seen, unseen = pairs.part(slice(held_out, None)), pairs.part(slice(held_out))
  scale, _ = synthesis.geometry(
    bundle.decoder.functions["synthesis"], bundle.decoder.weights["synthesis"]
  )
  module = Restoration(period=scale // restoration.FACTOR)
  start = _start(bundle, module)
  network, gain, steps = training.train(
    seen,
    unseen,
    levels,
    module=module,
    start=start,
    minutes=minutes,
    seed=seed,
  )
  told: dict[str, Any] = {
    "channels": module.channels,
    "blocks": module.blocks,
    "anchors": module.anchors,
    "photographs": len(seen.x),
    "minutes": minutes,
    "steps": steps,
    "gain_db": round(gain, 4),
    "held_out": held_out,
  }
  if start is not None:
    told["went_on_from"] = bundle.card.get("restoration")
  card = {**bundle.card, "restoration": told}
  decoder = dataclasses.replace(
    bundle.decoder, restoration={"levels": levels, "network": network}
  )
  encoder = bundles.read_encoder(bundle)
  return bundles.write(folder, decoder, encoder, card, half=half)


def _start(bundle: Bundle, module: Restoration) -> Mapping[str, Any] | None:
  """The network that a codec has, if it is such a one."""
  restorer = bundle.decoder.restoration
  if restorer is None or Restoration.of(restorer["network"]) != module:
    return None
  return restorer["network"]


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
    middle = None if rgb is None else patches.centre_patch(rgb, size=SIDE)
    if middle is None:
      return None
    number = round(last * order[i] / max(1, count - 1))
    quality = number / bundles.STEPS_PER_QUALITY
    # A copy, for a view would keep all of a large photograph.
    return middle.copy(), synthesised(middle, bundle, quality), quality

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
  x_hat = objective.run(
    decoder.functions["synthesis"], decoder.weights["synthesis"], y_hat[0]
  )
  return x_hat.astype(np.float16)


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
