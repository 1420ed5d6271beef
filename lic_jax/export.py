"""Turns a training run's newest checkpoint into a codec bundle.

  python -m lic_jax.export --workdir=DIR --output=DIR [--half]

Everything the decoder needs is computed here, once: effective weights,
quantisation offsets, integer tables, and the hyper-synthesis in integers, its
ranges from the bundled photographs, or a context model in fixed point. See
`codec.bundle` for what is written.
"""

import argparse
import dataclasses
import functools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import numpy as np
from scipy import special

from lic_jax.codec import bundle as bundles
from lic_jax.codec import tables
from lic_jax.codec.bundle import Bundle
from lic_jax.codec.decoder import Decoder
from lic_jax.data import images
from lic_jax.entropy import factorized, quantisation
from lic_jax.entropy.fixed_point import slices
from lic_jax.models import build
from lic_jax.models.loc_lic import ContextHyperprior
from lic_jax.training import checkpoint
from lic_jax.types import Float, Int, LicError

# Height and width in pixels, multiples of every stride, of what is seen of a
# photograph to find the ranges of the integer hyper-synthesis.
CENTRE = (256, 384)
# Symbols for which a channel of the factorized prior may have an entry.
WIDEST = 2048


def export(
  folder: Path | str,
  model_config: Mapping[str, Any],
  params: Mapping[str, Any],
  *,
  card: Mapping[str, Any],
  half: bool = False,
) -> Bundle:
  """Writes a trained model as a bundle.

  Args:
    folder: of the bundle; new, empty or an older bundle.
    model_config: a config's `model` block.
    params: the model's parameters.
    card: what else the card should tell (lambda, training).
    half: whether the encoder is stored in float16.

  Raises:
    LicError: parameters that are not finite, weights that no exact form holds,
      or a folder that cannot be used.
  """
  params = jax.tree.map(np.asarray, dict(params))
  for path, array in jax.tree_util.tree_leaves_with_path(params):
    if not np.all(np.isfinite(array)):
      raise LicError(f"parameter {jax.tree_util.keystr(path)} is not finite")
  model = build.build({**model_config, "dtype": "float32"})
  decoder, weights = make_decoder(model, params)
  encoder = {k: v for k, v in params.items() if k not in weights}
  if "hyper_synthesis" in weights:
    encoder["hyper_synthesis"] = weights["hyper_synthesis"]
  rungs = 1 if decoder.gains is None else len(decoder.gains)
  qualities = [i * bundles.STEPS_PER_QUALITY for i in range(rungs)]
  card = {**card, "model": model_config, "qualities": qualities}
  return bundles.write(folder, decoder, encoder, card, half=half)


def make_decoder(
  model: nn.Module, params: Mapping[str, Any]
) -> tuple[Decoder, dict[str, Any]]:
  """The decoder of a model, and the real-valued weights of its functions.

  Raises:
    LicError: the hyper-synthesis has no exact integer form.
  """
  variables = {"params": params}

  def evaluate(method: str) -> Any:
    return jax.jit(functools.partial(model.apply, method=method))(variables)

  weights = evaluate("decoder_weights")
  offsets = np.asarray(evaluate("offsets"))
  functions = model.decoder_functions()
  edges = bin_edges(params["prior"], offsets)
  weights = jax.tree.map(lambda w: np.asarray(w, np.float32), weights)
  decoder = Decoder(
    functions=functions,
    weights={"synthesis": weights["synthesis"]},
    stride=model.stride,
    channel_tables=tables.channel_tables(edges, -WIDEST),
    channel_offsets=offsets.astype(np.float32),
  )
  if isinstance(model, ContextHyperprior):
    context = slices.rounded(
      params, offsets=offsets, scales=tables.scale_borders()
    )
    decoder = dataclasses.replace(
      decoder, scale_tables=tables.scale_tables(), context=context
    )
    return decoder, weights
  if "hyper_synthesis" not in functions:
    return decoder, weights
  hyper_synthesis = quantisation.quantise(
    weights["hyper_synthesis"],
    strides=functions["hyper_synthesis"]["strides"],
    offsets=offsets,
    symbols=_hyper_latents(model, variables, offsets),
    steps_per_scale=tables.STEPS_PER_SCALE,
  )
  decoder = dataclasses.replace(
    decoder,
    scale_tables=tables.scale_tables(),
    hyper_synthesis=hyper_synthesis,
    gains=np.asarray(params["gain"]["log"]) if "gain" in params else None,
  )
  return decoder, weights


def bin_edges(
  prior: Mapping[str, Any], offsets: Float[np.ndarray, "c"]
) -> Float[np.ndarray, "c e"]:
  """CDF of each channel at k - 1/2 + offset, k = -WIDEST .. WIDEST + 1."""
  edges = np.arange(-WIDEST, WIDEST + 2) - 0.5
  x = (edges[:, None] + offsets).astype(np.float32)
  logits = np.asarray(jax.jit(factorized.cdf_logits)(prior, x), np.float64)
  # The function grows; its float32 rounding need not.
  return np.maximum.accumulate(special.expit(logits), axis=0).T


def _hyper_latents(
  model: nn.Module,
  variables: Mapping[str, Any],
  offsets: Float[np.ndarray, "c"],
) -> Int[np.ndarray, "b h w c"]:
  """Symbols of z of the bundled photographs' centres.

  Raises:
    LicError: they are not finite, or beyond 32 bits.
  """
  centres = []
  for rgb in images.bundled_photographs().values():
    top, left = (rgb.shape[0] - CENTRE[0]) // 2, (rgb.shape[1] - CENTRE[1]) // 2
    centres.append(rgb[top:, left:][: CENTRE[0], : CENTRE[1]])
  x = np.stack(centres).astype(np.float32) / 255 - np.float32(0.5)

  @jax.jit
  def analyse(variables: Mapping[str, Any], x: jax.Array) -> jax.Array:
    return model.apply(variables, x, method="analyse").z

  symbols = np.rint(np.asarray(analyse(variables, x)) - offsets)
  if not np.all(np.abs(symbols) < 2.0**31):
    raise LicError("the hyper-latents of photographs are not finite")
  return symbols.astype(np.int32)


def main(argv: list[str] | None = None) -> int:
  """Entry point; returns the exit status."""
  parser = argparse.ArgumentParser(
    "python -m lic_jax.export", description="checkpoint -> codec bundle"
  )
  parser.add_argument("--workdir", required=True, help="of the training run")
  parser.add_argument("--output", required=True, help="folder of the bundle")
  parser.add_argument(
    "--half",
    action="store_true",
    help="the encoder in float16: half the size; files decode as without",
  )
  args = parser.parse_args(argv)
  try:
    config, params, done = checkpoint.load_params(Path(args.workdir))
    config = config.to_dict()
    bundle = export(
      args.output,
      config["model"],
      params,
      card={
        "lambda": config["loss"]["lmbda"],
        "distortion": config["loss"].get("distortion", "mse"),
        "training": {**done, "config": config},
        "results": [],
      },
      half=args.half,
    )
  except LicError as error:
    print(f"export: {error}", file=sys.stderr)
    return 1
  print(
    f"{args.output}: codec {bundle.fingerprint.hex()}, step {done['steps']}"
  )
  return 0


if __name__ == "__main__":
  sys.exit(main())
