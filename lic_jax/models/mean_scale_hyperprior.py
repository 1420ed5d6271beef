"""The mean-scale hyperprior with any transforms (Minnen et al. 2018).

Shallow-decoder specification 0, 2 and 3; the system of Yang & Mandt 2023, and,
with a hierarchical analysis, the default codec.

  x --analysis--> y --quantise(mean)--> y_hat --synthesis--> x_hat
                  |                       ^ mean, scale index
                  `-hyper_analysis-> z -quantise-> z_hat -hyper_synthesis
                                        factorized prior
"""

import flax.linen as nn
import jax.numpy as jnp

from lic_jax.entropy import factorized, gaussian
from lic_jax.ops import quantise
from lic_jax.types import Array, Float, Latents, LicError, Output

QUANTISATIONS = ("unoise", "mixedq")


class MeanScaleHyperprior(nn.Module):
  """Model contract: `__call__`, `analyse`, `decoder_weights` and `-_functions`.

  Attributes:
    analysis, synthesis, hyper_analysis, hyper_synthesis: the transforms.
    prior: factorized prior of the hyper-latent.
    quantisation: in training: "unoise" adds noise for rate and synthesis alike
      and centres z's grid on its median; "mixedq" gives the transforms
      straight-through rounding and the rate noise, z on the integers.
  """

  analysis: nn.Module
  synthesis: nn.Module
  hyper_analysis: nn.Module
  hyper_synthesis: nn.Module
  prior: factorized.FactorizedPrior
  quantisation: str = "unoise"

  stride = 64  # pixels per hyper-latent sample

  def __call__(
    self,
    x: Float[Array, "b h w 3"],
    *,
    mode: str = "hard",
    keys: Array | None = None,
  ) -> Output:
    """Codes and reconstructs a batch; h and w multiples of `stride`.

    Args:
      x: images in [-0.5, 0.5].
      mode: "train" (relaxed, needs keys) or "hard" (as a file would hold it).
      keys: one random key per image.
    """
    latents = self.analyse(x)
    prior = self.prior()
    z_rate, z_hat = self._quantise_z(latents.z, prior, mode, keys)
    mean, index = self.latent_prior(z_hat)
    y_rate, y_hat = self._quantise_y(latents.y, mean, mode, keys)
    bits_z = factorized.bits(prior, z_rate)
    bits_y = gaussian.bits(y_rate - mean, index)
    return Output(
      x_hat=self.synthesis(y_hat),
      bits_y=jnp.sum(bits_y, axis=(1, 2, 3)),
      bits_z=jnp.sum(bits_z, axis=(1, 2, 3)),
    )

  def analyse(self, x: Float[Array, "b h w 3"]) -> Latents:
    """Continuous latents of padded images."""
    y = self.analysis(x)
    return Latents(y=y, z=self.hyper_analysis(y))

  def latent_prior(
    self, z_hat: Float[Array, "b h w c"]
  ) -> tuple[Float[Array, "b h4 w4 c2"], Float[Array, "b h4 w4 c2"]]:
    """Mean and real-valued scale index of the latent."""
    mean, s = jnp.split(self.hyper_synthesis(z_hat), 2, axis=-1)
    return mean, gaussian.index_of(s)

  def offsets(self) -> Float[Array, "c"]:
    """Offset of z's quantisation grid per channel."""
    if self.quantisation == "mixedq":
      return jnp.zeros(self.prior.channels)
    return factorized.offsets(self.prior())

  def decoder_weights(self) -> dict:
    """Effective weights of everything the decoder runs."""
    latent_channels = self.hyper_synthesis.latent_channels
    return {
      "synthesis": self.synthesis.weights(latent_channels),
      "hyper_synthesis": self.hyper_synthesis.weights(self.prior.channels),
    }

  def decoder_functions(self) -> dict:
    """Name and static arguments of the decoder's functions."""
    return {
      "synthesis": self.synthesis.function(),
      "hyper_synthesis": self.hyper_synthesis.function(),
    }

  def _quantise_z(
    self, z: Array, prior: dict, mode: str, keys: Array | None
  ) -> tuple[Array, Array]:
    """z as the rate sees it, and as the hyper-synthesis does."""
    if mode == "hard":
      z_hat = quantise.hard(z, self.offsets())
      return z_hat, z_hat
    noisy = quantise.uniform_noise(z, keys=keys, latent=0)
    if self.quantisation == "unoise":
      return noisy, noisy
    return noisy, quantise.straight_through(z, jnp.zeros(()))

  def _quantise_y(
    self, y: Array, mean: Array, mode: str, keys: Array | None
  ) -> tuple[Array, Array]:
    """y as the rate sees it, and as the synthesis does."""
    if mode == "hard":
      y_hat = quantise.hard(y, mean)
      return y_hat, y_hat
    noisy = quantise.uniform_noise(y, keys=keys, latent=1)
    if self.quantisation == "unoise":
      return noisy, noisy
    return noisy, quantise.straight_through(y, mean)


def check_quantisation(name: str) -> str:
  """`name` if it is a quantisation mode.

  Raises:
    LicError: it is not.
  """
  if name not in QUANTISATIONS:
    raise LicError(
      f"model.quantisation is {name!r}, not one of {QUANTISATIONS}"
    )
  return name
