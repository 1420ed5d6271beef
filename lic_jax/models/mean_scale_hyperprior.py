"""The mean-scale hyperprior with any transforms (Minnen et al. 2018).

Shallow-decoder specification 0, 2 and 3; the system of Yang & Mandt 2023, and,
with a hierarchical analysis, the default codec.

  x --analysis--> y --quantise(mean)--> y_hat --synthesis--> x_hat
                  |                       ^ mean, scale index
                  `-hyper_analysis-> z -quantise-> z_hat -hyper_synthesis
                                        factorized prior

With gains, one model serves every rate: y is quantised around its mean in steps
of 1 / gain, and its scale index moves by log(gain). The rest does not know the
quality.
"""

import flax.linen as nn
import jax.numpy as jnp

from lic_jax.entropy import factorized, gaussian
from lic_jax.layers.gain import Gain
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
    gain: of the latent's channels at every quality; None for one rate.
  """

  analysis: nn.Module
  synthesis: nn.Module
  hyper_analysis: nn.Module
  hyper_synthesis: nn.Module
  prior: factorized.FactorizedPrior
  quantisation: str = "unoise"
  gain: Gain | None = None

  stride = 64  # pixels per hyper-latent sample

  def __call__(
    self,
    x: Float[Array, "b h w 3"],
    *,
    mode: str = "hard",
    keys: Array | None = None,
    quality: Float[Array, "b"] | None = None,
  ) -> Output:
    """Codes and reconstructs a batch; h and w multiples of `stride`.

    Args:
      x: images in [-0.5, 0.5].
      mode: "train" (relaxed, needs keys) or "hard" (as a file would hold it).
      keys: one random key per image.
      quality: of each image, with gains; None for the middle one.
    """
    latents = self.analyse(x)
    prior = self.prior()
    z_rate, z_hat = self._quantise_z(latents.z, prior, mode, keys)
    mean, index = self.latent_prior(z_hat)
    log_gain = self.log_gain(quality, len(x))
    gain = jnp.exp(log_gain)
    rate, decoded = self._quantise_y(
      (latents.y - mean) * gain, mode=mode, keys=keys
    )
    bits_z = factorized.bits(prior, z_rate)
    bits_y = gaussian.bits(rate, gaussian.shifted(index, log_gain))
    return Output(
      x_hat=self.synthesis(mean + decoded / gain),
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

  def log_gain(
    self, quality: Float[Array, "b"] | None, images: int
  ) -> Float[Array, "b 1 1 #c"]:
    """Logarithm of the gains of so many images; zero without gains."""
    if self.gain is None:
      return jnp.zeros((images, 1, 1, 1))
    if quality is None:
      quality = jnp.full(images, (self.gain.rungs - 1) / 2)
    return self.gain(quality)

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
    self, symbols: Array, *, mode: str, keys: Array | None
  ) -> tuple[Array, Array]:
    """Real-valued symbols as the rate sees them, and as the synthesis does."""
    if mode == "hard":
      rounded = jnp.round(symbols)
      return rounded, rounded
    noisy = quantise.uniform_noise(symbols, keys=keys, latent=1)
    if self.quantisation == "unoise":
      return noisy, noisy
    return noisy, quantise.straight_through(symbols, jnp.zeros(()))


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
