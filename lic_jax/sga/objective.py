"""The Lagrangian of one image's latents, under a frozen decoder.

Yang and Mandt (2023), eq. 7; shallow-decoder specification 4.1:
  bits(y_tilde | z_tilde) + bits(z_tilde), per pixel, + lambda * MSE,
with y_tilde and z_tilde relaxed around the offsets of their grids. The mean of
y's prior is its offset, and is not held fixed: z moves y_tilde through it.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp

from lic_jax.entropy import factorized, gaussian, integer
from lic_jax.metrics.lagrangian import lagrangian
from lic_jax.ops import synthesis
from lic_jax.ops.scales import SCALE_COUNT
from lic_jax.types import Array, Float

Functions = Mapping[str, Mapping[str, Any]]


class Quality(NamedTuple):
  """Of a codec with gains.

  Attributes:
    log_gain: logarithms of y's gains, (c,).
    factor: of lambda, relative to the lowest quality's.
  """

  log_gain: Array
  factor: Array


class Weights(NamedTuple):
  """What a codec holds fixed.

  Attributes:
    synthesis: weights, or `frozen` layers.
    hyper_synthesis: the same, or in integers, as files have it, which gives no
      gradient; None without a hyperprior.
    prior: parameters of the factorized prior.
    offset: of the outermost latent's quantisation grid, (c,).
    quality: None for a codec of one rate.
  """

  synthesis: Mapping[str, Any]
  hyper_synthesis: Mapping[str, Any] | integer.Network | None
  prior: Mapping[str, Any]
  offset: Array
  quality: Quality | None = None


class Variables(NamedTuple):
  """The latents of one image, which are optimised.

  Attributes:
    y: latent, (h/16, w/16, c).
    z: hyper-latent, (h/64, w/64, c_z); None without a hyperprior.
  """

  y: Array
  z: Array | None = None


class Terms(NamedTuple):
  """The Lagrangian and its parts, scalars.

  Attributes:
    loss: bpp_y + bpp_z + lambda * mse.
    bpp_y, bpp_z: information content in bits per real pixel.
    mse: on the 0..255 scale, of real pixels, before rounding and clipping.
  """

  loss: Array
  bpp_y: Array
  bpp_z: Array
  mse: Array

  @property
  def bpp(self) -> Array:
    return self.bpp_y + self.bpp_z


class Target(NamedTuple):
  """What is to be reconstructed.

  Attributes:
    x: padded image in [-0.5, 0.5], (h, w, 3).
    real: 1 for pixels of the image, 0 for padding, (h, w, 1).
  """

  x: Array
  real: Array


def terms(
  weights: Weights,
  functions: Functions,
  latents: Variables,
  target: Target,
  lmbda: float,
  relax: Callable[[Array, str], Array],
) -> tuple[Variables, Terms]:
  """The objective of one image's latents.

  Args:
    weights: of the decoder.
    functions: of the decoder, with the arguments that are no weights.
    latents: continuous.
    target: the image.
    lmbda: the trade-off, with gains that of the lowest quality.
    relax: takes a latent less the offset of its grid, in steps of its grid, and
      its name "y" or "z", to something near the integers.

  Returns:
    y_tilde and z_tilde, and the objective.
  """
  if latents.z is None:
    residual, offset = relax(latents.y - weights.offset, "y"), weights.offset
    bits_y = jnp.sum(factorized.bits(weights.prior, residual + offset))
    z, bits_z = None, jnp.zeros(())
  else:
    symbols = relax(latents.z - weights.offset, "z")
    z = symbols + weights.offset
    bits_z = jnp.sum(factorized.bits(weights.prior, z))
    if isinstance(weights.hyper_synthesis, integer.Network):
      offset, index = file_prior(weights.hyper_synthesis, symbols)
    else:
      parameters = run(functions["hyper_synthesis"], weights.hyper_synthesis, z)
      offset, s = jnp.split(parameters, 2, axis=-1)
      index = gaussian.index_of(s)
    gain = jnp.ones(())
    if weights.quality is not None:
      gain = jnp.exp(weights.quality.log_gain)
      index = gaussian.shifted(index, weights.quality.log_gain)
      lmbda = lmbda * weights.quality.factor
    coded = relax((latents.y - offset) * gain, "y")
    bits_y = jnp.sum(gaussian.bits(coded, index))
    residual = coded / gain
  y = residual + offset
  x_hat = run(functions["synthesis"], weights.synthesis, y)
  pixels = jnp.sum(target.real)
  error = jnp.sum(target.real * jnp.square(x_hat - target.x))
  mse = 255**2 * error / (3 * pixels)
  bpp_y, bpp_z = bits_y / pixels, bits_z / pixels
  loss = lagrangian(bpp_y + bpp_z, mse, lmbda)
  return Variables(y, z), Terms(loss, bpp_y, bpp_z, mse)


def file_prior(
  network: integer.Network, symbols: Float[Array, "h w c"]
) -> tuple[Float[Array, "h4 w4 c2"], Float[Array, "h4 w4 c2"]]:
  """Mean and scale index that a file's symbols of z give, exactly."""
  mean, table = integer.forward(network, symbols[None].astype(jnp.int32))
  tables_per_scale = len(network.thresholds) / (SCALE_COUNT - 1)
  return mean[0], table[0] / tables_per_scale


def run(
  function: Mapping[str, Any],
  weights: Mapping[str, Any],
  latent: Float[Array, "h w c"],
) -> Float[Array, "h2 w2 c2"]:
  """Runs a function of `ops.synthesis` on one image's latent."""
  arguments = dict(function)
  decode = getattr(synthesis, arguments.pop("function"))
  return decode(weights, latent[None], **arguments)[0]
