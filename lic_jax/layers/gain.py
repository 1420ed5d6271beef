"""Gains per channel and quality, as parameters; see `ops.gain`."""

import math

import flax.linen as nn
import jax.numpy as jnp

from lic_jax.ops.gain import log_gain
from lic_jax.types import Array, Float


class Gain(nn.Module):
  """Logarithms of gains.

  The best quantiser step of a transform goes with 1 / sqrt(lambda), so gains
  start as sqrt(lambda) relative to the highest quality, whose are 1.

  Attributes:
    rungs: whole qualities, 0 to rungs - 1; at least 2.
    channels: of the latent.
  """

  rungs: int
  channels: int

  def setup(self) -> None:
    self.table = self.param("log", self._start)

  def __call__(self, quality: Float[Array, "b"]) -> Float[Array, "b 1 1 c"]:
    """Of one quality per image."""
    return log_gain(self.table, quality)[:, None, None]

  def _start(self, key: Array) -> Float[Array, "rungs c"]:
    del key
    below = jnp.arange(self.rungs, dtype=jnp.float32) - (self.rungs - 1)
    return jnp.tile(0.5 * math.log(2) * below[:, None], (1, self.channels))
