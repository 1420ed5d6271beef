r"""Whether iterative encoding helps a context model.

  python experiments/context/iterative.py --codec=BUNDLE --images=KODAK \
    [--count=2 --steps=60 --relaxations=sga,straight_through]

Adam moves y and z of the middle 256x256 pixels of photographs, on
bpp + lambda * MSE through the float32 context model, with rounding replaced by
a relaxation of `lic_jax.sga`; the learning rate and temperature are those of
`lic encode --sga`. Every few steps the latents become a real file, which is
decoded and judged; the best is kept. Writes results/iterative.json.
"""

import argparse
import datetime
import functools
import json
import shlex
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lic_jax.codec import bundle as bundles
from lic_jax.codec import decode, encode
from lic_jax.data import images
from lic_jax.entropy import factorized, gaussian
from lic_jax.entropy.checkerboard import Pass, keep
from lic_jax.evaluation import runner
from lic_jax.models import build
from lic_jax.ops import synthesis
from lic_jax.sga import relaxation, schedule
from lic_jax.types import Latents

HERE = Path(__file__).parent
SIDE, EVERY = 256, 20
ADAM = optax.scale_by_adam(b1=0.9, b2=0.999, eps=1e-7)


def main() -> None:
  """Runs all of it."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--codec", required=True)
  parser.add_argument("--images", required=True)
  parser.add_argument("--count", type=int, default=2)
  parser.add_argument("--steps", type=int, default=60)
  parser.add_argument("--relaxations", default="sga,straight_through")
  args = parser.parse_args()
  bundle = bundles.find(args.codec)
  paths = runner.find_images(args.images)
  chosen = paths[:: max(1, len(paths) // args.count)][: args.count]
  rows = []
  for name in args.relaxations.split(","):
    step = compiled(bundle, getattr(relaxation, name))
    for path in chosen:
      rgb = images.read_rgb(path)
      top, left = ((side - SIDE) // 2 for side in rgb.shape[:2])
      crop = rgb[top : top + SIDE, left : left + SIDE]
      row = optimise(crop, bundle, step, args.steps)
      rows.append({"image": path.name, "relaxation": name, **row})
      print(json.dumps(rows[-1]), flush=True)
  result = {
    "codec": bundle.folder.name,
    "steps": args.steps,
    "runs": rows,
    "machine": runner.machine(),
    "commit": runner.commit(HERE),
    "command": shlex.join(["python", *sys.argv]),
    "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
  }
  text = json.dumps(result, indent=1)
  (HERE / "results" / "iterative.json").write_text(text + "\n")


def compiled(bundle: bundles.Bundle, relax: relaxation.Relaxation):
  """One step: latents, moments, image, rate, temperature, key -> the next."""
  model = build.build({**bundle.card["model"], "dtype": "float32"})
  params = bundles.read_encoder(bundle)
  weights = bundle.decoder.weights["synthesis"]
  arguments = dict(bundle.decoder.functions["synthesis"])
  paint = functools.partial(
    getattr(synthesis, arguments.pop("function")), **arguments
  )
  offset = jnp.asarray(bundle.decoder.channel_offsets)
  lmbda = bundle.card["lambda"]

  def loss(latents, params, weights, x, temperature, key):
    def relaxed(m, number):
      return relax(m, temperature, jax.random.fold_in(key, number))

    passes = []  # anchors of a slice, the rest of it, and so on

    def around(y, mean):
      passes.append(relaxed(y - mean, len(passes) + 1))
      return passes[-1] + mean

    z_hat = relaxed(latents["z"] - offset, 0) + offset

    def run(model):
      hyper = model.hyper_synthesis(z_hat)
      return model.context(latents["y"], hyper, quantise=around)

    decoded = model.apply({"params": params}, method=run)
    slices = [
      keep(anchors, Pass.ANCHOR) + keep(others, Pass.NON_ANCHOR)
      for anchors, others in zip(passes[::2], passes[1::2])
    ]
    symbols = jnp.concatenate(slices, axis=-1)
    bits = jnp.sum(gaussian.bits_of_scale(symbols, decoded.scale))
    bits += jnp.sum(factorized.bits(params["prior"], z_hat))
    error = jnp.mean(jnp.square(paint(weights, decoded.y_hat) - x))
    return bits / SIDE**2 + lmbda * 255**2 * error

  @jax.jit
  def step(params, weights, latents, moments, x, rate, temperature, key):
    gradient = jax.grad(loss)(latents, params, weights, x, temperature, key)
    direction, moments = ADAM.update(gradient, moments)
    move = lambda v, d: v - rate * d  # noqa: E731
    return jax.tree.map(move, latents, direction), moments

  return functools.partial(step, params, weights)


def optimise(
  crop: np.ndarray, bundle: bundles.Bundle, step, steps: int
) -> dict[str, object]:
  """Losses of real files along the way, and seconds per step."""
  start = encode.analyse(crop, bundle)
  latents = {"y": jnp.asarray(start.y), "z": jnp.asarray(start.z)}
  moments = ADAM.init(latents)
  x = jnp.asarray(crop[None], jnp.float32) / 255 - 0.5
  progress = np.arange(steps) / steps
  rates = schedule.DEFAULT.rates(progress)
  temperatures = schedule.DEFAULT.temperatures(progress)
  points, seconds = [judge(crop, bundle, start)], []
  for i in range(steps):
    begun = time.perf_counter()
    latents, moments = jax.block_until_ready(
      step(latents, moments, x, rates[i], temperatures[i], jax.random.key(i))
    )
    seconds.append(time.perf_counter() - begun)
    if (i + 1) % EVERY == 0:
      now = Latents(*(np.asarray(latents[name]) for name in ("y", "z")))
      points.append(judge(crop, bundle, now))
  best = min(points, key=lambda point: point["loss"])
  return {
    "first": points[0],
    "best": best,
    "gain": 1 - best["loss"] / points[0]["loss"],
    "losses": [round(point["loss"], 4) for point in points],
    "seconds_per_step": round(float(np.median(seconds)), 3),
  }


def judge(crop: np.ndarray, bundle: bundles.Bundle, latents: Latents) -> dict:
  """Rate, MSE and Lagrangian of the file."""
  encoded = encode.encode_latents(latents, bundle, height=SIDE, width=SIDE)
  decoded = decode.decode(encoded.data, bundle)
  bpp = 8 * len(encoded.data) / SIDE**2
  mse = float(np.mean(np.square(decoded.astype(float) - crop)))
  return {
    "bpp": bpp,
    "mse": mse,
    "loss": bpp + bundle.card["lambda"] * mse,
  }


if __name__ == "__main__":
  main()
