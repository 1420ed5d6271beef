"""The factorized-prior model (Balle et al. 2017): no hyperprior.

Shallow-decoder specification 1.5 and 2.1.

  x --analysis--> y --quantise--> y_hat --synthesis--> x_hat
                      factorized prior
"""

import flax.linen as nn
import jax.numpy as jnp

from lic_jax.entropy import factorized
from lic_jax.ops import quantise
from lic_jax.types import Array, Float, Latents, Output


class FactorizedPriorModel(nn.Module):
  """Model contract: `__call__`, `analyse`, `decoder_weights` and `-_functions`.

  Attributes:
    analysis, synthesis: the transforms.
    prior: factorized prior of the latent.
    quantisation: "unoise" or "mixedq"; see `mean_scale_hyperprior`.
  """

  analysis: nn.Module
  synthesis: nn.Module
  prior: factorized.FactorizedPrior
  quantisation: str = "unoise"

  stride = 16  # pixels per latent sample

  def __call__(
    self,
    x: Float[Array, "b h w 3"],
    *,
    mode: str = "hard",
    keys: Array | None = None,
  ) -> Output:
    """Codes and reconstructs a batch; arguments as the hyperprior's."""
    prior = self.prior()
    y_rate, y_hat = self._quantise(self.analyse(x).y, mode, keys)
    bits_y = jnp.sum(factorized.bits(prior, y_rate), axis=(1, 2, 3))
    return Output(
      x_hat=self.synthesis(y_hat),
      bits_y=bits_y,
      bits_z=jnp.zeros_like(bits_y),
    )

  def analyse(self, x: Float[Array, "b h w 3"]) -> Latents:
    """Continuous latent of padded images."""
    return Latents(y=self.analysis(x))

  def offsets(self) -> Float[Array, "c"]:
    """Offset of the quantisation grid per channel."""
    if self.quantisation == "mixedq":
      return jnp.zeros(self.prior.channels)
    return factorized.offsets(self.prior())

  def decoder_weights(self) -> dict:
    """Effective weights of everything the decoder runs."""
    return {"synthesis": self.synthesis.weights(self.prior.channels)}

  def decoder_functions(self) -> dict:
    """Name and static arguments of the decoder's functions."""
    return {"synthesis": self.synthesis.function()}

  def _quantise(
    self, y: Array, mode: str, keys: Array | None
  ) -> tuple[Array, Array]:
    """y as the rate sees it, and as the synthesis does."""
    if mode == "hard":
      y_hat = quantise.hard(y, self.offsets())
      return y_hat, y_hat
    noisy = quantise.uniform_noise(y, keys=keys)
    if self.quantisation == "unoise":
      return noisy, noisy
    return noisy, quantise.straight_through(y, jnp.zeros(()))
