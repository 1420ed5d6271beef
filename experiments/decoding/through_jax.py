"""Decodes a file with prior and synthesis compiled by JAX.

python through_jax.py IN.lic OUT.png CODEC
"""

import sys

import jax
import numpy as np
from PIL import Image

from lic_jax.codec import bundle as bundles
from lic_jax.codec import coder, container, decode
from lic_jax.entropy import integer
from lic_jax.ops import restoration, synthesis


def main() -> None:
  source, target, codec = sys.argv[1:]
  decoder = bundles.read(codec).decoder
  file = container.read(source)
  height, width = file.header.height, file.header.width
  _, index = decode.channel_prior(decoder, height, width)
  z = coder.decode_symbols(file.hyper_latent, index, decoder.channel_tables)
  prior = jax.jit(lambda z: integer.forward(decoder.hyper_synthesis, z))
  mean, table = map(np.asarray, prior(z))
  step, table = decode.at_quality(decoder, file.header.quality, table)
  y = coder.decode_symbols(file.latent, table, decoder.scale_tables)
  arguments = dict(decoder.functions["synthesis"])
  function = getattr(synthesis, arguments.pop("function"))

  restorer = None
  if decoder.restoration is not None:
    quality = file.header.quality / bundles.STEPS_PER_QUALITY
    restorer = restoration.of_quality(decoder.restoration, quality)

  @jax.jit
  def paint(
    weights: dict, restorer: tuple | None, y_hat: jax.Array
  ) -> jax.Array:
    x_hat = function(weights, y_hat, **arguments)
    if restorer is None:
      return x_hat
    level, network = restorer
    return restoration.restore(network, x_hat, level)

  y_hat = decode.dequantise(y, mean, step)
  x_hat = paint(decoder.weights["synthesis"], restorer, y_hat)
  pixels = decode.pixels(np.asarray(x_hat)[0, :height, :width])
  Image.fromarray(pixels).save(target, compress_level=3)


if __name__ == "__main__":
  main()
