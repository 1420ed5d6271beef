"""Named arrays and the frozen records that travel between boxes.

Imports nothing of this package and no JAX, so that the decoder can use it.
"""

import dataclasses
import sys
from typing import TYPE_CHECKING, Any

# A NumPy array, a JAX array or a tracer: the functions of `ops` take any.
Array = Any

# Shapes in signatures, as `Float[Array, "b h w c"]`: jaxtyping's where they are
# checked, which is in tests; names alone elsewhere, for importing it takes an
# eighth of the time in which a photograph is decoded.
if TYPE_CHECKING or "jaxtyping" in sys.modules:
  from jaxtyping import Bool, Float, Int, Num, Shaped, UInt, UInt8
else:

  class Shaped:
    """An array of a shape that is documented, not checked."""

    def __class_getitem__(cls, shape: object) -> type:
      return cls

  Bool = Float = Int = Num = UInt = UInt8 = Shaped


class LicError(Exception):
  """Bad input, in one line for the person who gave it."""


@dataclasses.dataclass(frozen=True)
class Latents:
  """What is coded for one image batch.

  Attributes:
    y: latent, (b, h/16, w/16, c).
    z: hyper-latent, (b, h/64, w/64, c_z); None where there is no hyperprior.
  """

  y: Array
  z: Array | None = None


@dataclasses.dataclass(frozen=True)
class DecodedLatent:
  """What a context model makes of a latent, or of a part of its channels.

  Attributes:
    y_hat: as the synthesis and later contexts see it, (b, h, w, c).
    mean: around which each symbol was rounded.
    scale: standard deviation of its prior; as the network gives it, unbounded.
  """

  y_hat: Array
  mean: Array
  scale: Array


@dataclasses.dataclass(frozen=True)
class Output:
  """One pass through a model.

  Attributes:
    x_hat: reconstruction in about [-0.5, 0.5], (b, h, w, 3); not clipped.
    bits_y: information content of the latent, (b,).
    bits_z: information content of the hyper-latent, (b,); zero without one.
  """

  x_hat: Array
  bits_y: Array
  bits_z: Array
