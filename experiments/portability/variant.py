"""Decodes files in this process's environment; one line of digests per file.

  python variant.py CODEC FOLDER numpy|jit|eager BATCH PIXELS.npz

Digests are of the symbols and of the prior in integers or in fixed point (mean
and table numbers); the pixels go into PIXELS.npz, for the caller to compare.
Priors in fixed point are NumPy's alone.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from lic_jax.codec import bundle as bundles
from lic_jax.codec import coder, container, decode
from lic_jax.entropy import integer
from lic_jax.ops import synthesis


def main() -> None:
  codec, folder, how, batch, output = sys.argv[1:]
  bundle = bundles.read(codec)
  paths = sorted(Path(folder).glob("*.lic"))
  digests, pixels = {}, {}
  for path in paths:
    file = container.unpack(path.read_bytes())
    latents = decode.decode_latents(file, bundle)
    size = file.header.height, file.header.width
    offset, _ = decode.channel_prior(bundle.decoder, *size)
    z = np.rint(latents.z - offset).astype(np.int32)
    if bundle.decoder.context is None:
      mean, table = prior(bundle, z, how, int(batch))
      y = np.rint(latents.y - mean).astype(np.int32)
      priors = [mean, table]
    else:
      y, priors = slices(bundle, z, file)
    digests[path.name] = {"symbols": digest(z, y), "prior": digest(*priors)}
    x_hat = image(bundle, latents.y, how)
    pixels[path.name] = decode.pixels(x_hat[0, : size[0], : size[1]])
  np.savez(output, **pixels)
  print(json.dumps(digests))


def prior(
  bundle: bundles.Bundle, z: np.ndarray, how: str, batch: int
) -> tuple[np.ndarray, np.ndarray]:
  """Mean and table numbers, of the last of a batch of unlike images."""
  network = bundle.decoder.hyper_synthesis
  others = [np.roll(z, shift, axis=1) for shift in range(batch - 1, -1, -1)]
  symbols = np.concatenate(others)
  if how == "numpy":
    mean, table = integer.forward(network, symbols)
  else:
    import jax

    function = lambda symbols: integer.forward(network, symbols)  # noqa: E731
    function = jax.jit(function) if how == "jit" else function
    mean, table = function(jax.numpy.asarray(symbols))
  return np.asarray(mean)[-1:], np.asarray(table)[-1:]


def slices(
  bundle: bundles.Bundle, z: np.ndarray, file: container.File
) -> tuple[np.ndarray, list[np.ndarray]]:
  """Symbols of y, and means and table numbers pass by pass."""
  decoder, priors = bundle.decoder, []
  reader = coder.Reader(file.latent, decoder.scale_tables, file.header.coder)

  def read(channels, which, mean, table):
    priors.extend((mean, table))
    return reader.read(table)

  y, _ = decode.decode_slices(decoder.context, z, read)
  return y, priors


def image(bundle: bundles.Bundle, y: np.ndarray, how: str) -> np.ndarray:
  """The synthesis of a decoded latent."""
  arguments = dict(bundle.decoder.functions["synthesis"])
  function = getattr(synthesis, arguments.pop("function"))
  weights = bundle.decoder.weights["synthesis"]
  if how == "numpy":
    return function(weights, y, **arguments)
  import jax

  def run(weights: dict, y: jax.Array) -> jax.Array:
    return function(weights, y, **arguments)

  run = jax.jit(run) if how == "jit" else run
  return np.asarray(run(jax.tree.map(jax.numpy.asarray, weights), y))


def digest(*arrays: np.ndarray) -> str:
  data = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)
  return hashlib.sha256(data).hexdigest()[:16]


if __name__ == "__main__":
  main()
