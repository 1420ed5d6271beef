"""From a decoded latent to a picture that is not yet rounded, at a quality.

For the decoder, and for an encoder that fits a post-filter to what this paints.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lic_jax import types
from lic_jax.codec.decoder import Decoder
from lic_jax.ops import postfilter, restoration, synthesis
from lic_jax.types import Float


@dataclasses.dataclass(frozen=True)
class Painter:
  """Synthesis and restoration of a codec at a quality.

  Attributes:
    synthesise: latent to picture.
    scale: pixels per sample of the latent.
    reach: samples of the latent on each side of a pixel that it depends on,
      filtered or not.
    level: the error that a restoration expects, (1, 1, 1, 1), and
    network: its weights; None and None in a codec without one.
  """

  synthesise: Callable[[np.ndarray], np.ndarray]
  scale: int
  reach: int
  level: np.ndarray | None = None
  network: Mapping[str, Any] | None = None

  @classmethod
  def of(cls, decoder: Decoder, quality: float | int) -> "Painter":
    """That of a decoder.

    Raises:
      LicError: the codec's synthesis is not known here.
    """
    arguments = dict(decoder.functions["synthesis"])
    weights = decoder.weights["synthesis"]
    name = arguments.pop("function")
    function = getattr(synthesis, name, None)
    if getattr(function, "__module__", None) != synthesis.__name__:
      raise types.LicError(
        f"the codec's synthesis, {name!r}, is not known here"
      )
    synthesise = functools.partial(function, weights, **arguments)
    scale, reach = synthesis.geometry(decoder.functions["synthesis"], weights)
    restorer = decoder.restoration
    if restorer is None:
      return cls(synthesise, scale, reach)
    level, network = restoration.of_quality(restorer, quality)
    beyond = restoration.reach(network) + postfilter.REACH
    return cls(synthesise, scale, reach + -(-beyond // scale), level, network)

  def __call__(
    self, y_hat: Float[np.ndarray, "1 h w c"]
  ) -> tuple[Float[np.ndarray, "1 h2 w2 3"], Float[np.ndarray, "1 h2 w2 3"]]:
    """A picture, and what its restoration added."""
    x_hat = self.synthesise(y_hat)
    if self.network is None:
      return x_hat, np.zeros_like(x_hat)
    restored = restoration.restore(self.network, x_hat, self.level)
    return restored, restored - x_hat
