"""LOC-LIC, and its kind: a hyperprior with a context model.

Ameen, Richter and Kaup 2025, figure 2; LOC-LIC specification 2. With other
boxes in the same places it is MLIC++ (wide transforms) and ELIC (its own
transforms, and `entropy.space_channel` as the context model).

  x --analysis--> y ------------> context --> y_hat --synthesis--> x_hat
                  |               ^ slice by slice; mean, scale
                  |               | hyper
                  `-hyper_analysis-> z -quantise-> z_hat -hyper_synthesis
                                        factorized prior

Quantisation is mixed (specification 2.5): in training the rate sees noise;
contexts, residual prediction and the synthesis see what a file would hold,
rounded straight through. Files are coded by `entropy.fixed_point`.
"""

import flax.linen as nn
import jax.numpy as jnp

from lic_jax.entropy import factorized, gaussian
from lic_jax.ops import quantise
from lic_jax.types import Array, Float, Latents, Output


class ContextHyperprior(nn.Module):
  """Model contract: see `models.mean_scale_hyperprior`.

  Attributes:
    analysis, synthesis, hyper_analysis, hyper_synthesis: the transforms.
    context: entropy model of the latent, from it and the hyper-synthesis'
      output to a `DecodedLatent`.
    prior: factorized prior of the hyper-latent.
    latent_channels: of the latent.
  """

  analysis: nn.Module
  synthesis: nn.Module
  hyper_analysis: nn.Module
  hyper_synthesis: nn.Module
  context: nn.Module
  prior: factorized.FactorizedPrior
  latent_channels: int

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
    rounded = _ROUNDED[mode]
    z_hat = rounded(latents.z, factorized.offsets(prior))
    hyper = self.hyper_synthesis(z_hat)
    decoded = self.context(latents.y, hyper, quantise=rounded)
    if mode == "hard":
      z_rate, y_rate = z_hat, rounded(latents.y, decoded.mean)
    else:
      z_rate = quantise.uniform_noise(latents.z, keys=keys, latent=0)
      y_rate = quantise.uniform_noise(latents.y, keys=keys, latent=1)
    bits_z = factorized.bits(prior, z_rate)
    bits_y = gaussian.bits_of_scale(y_rate - decoded.mean, decoded.scale)
    return Output(
      x_hat=self.synthesis(decoded.y_hat),
      bits_y=jnp.sum(bits_y, axis=(1, 2, 3)),
      bits_z=jnp.sum(bits_z, axis=(1, 2, 3)),
    )

  def analyse(self, x: Float[Array, "b h w 3"]) -> Latents:
    """Continuous latents of padded images."""
    y = self.analysis(x)
    return Latents(y=y, z=self.hyper_analysis(y))

  def offsets(self) -> Float[Array, "c"]:
    """Offset of z's quantisation grid per channel."""
    return factorized.offsets(self.prior())

  def scales(
    self, z_hat: Float[Array, "b h w c"], symbols: Float[Array, "b h4 w4 c2"]
  ) -> Float[Array, "b h4 w4 c2"]:
    """Standard deviation of each symbol's prior, as whoever decodes learns it.

    Args:
      z_hat: decoded hyper-latent.
      symbols: of the latent, what is left of it around the means.
    """
    hyper = self.hyper_synthesis(z_hat)
    decoded = self.context(symbols, hyper, quantise=jnp.add)
    return decoded.scale

  def decoder_weights(self) -> dict:
    """Effective weights of the synthesis; the rest has a form of its own."""
    return {"synthesis": self.synthesis.weights(self.latent_channels)}

  def decoder_functions(self) -> dict:
    """Name and static arguments of the synthesis."""
    return {"synthesis": self.synthesis.function()}


# What contexts and transforms see; the same numbers, with a gradient or not.
_ROUNDED = {"hard": quantise.hard, "train": quantise.straight_through}
