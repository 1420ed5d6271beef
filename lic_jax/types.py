"""Named arrays and the frozen records that travel between boxes.

Imports nothing of this package and no JAX, so that the decoder can use it.
"""

import dataclasses
from typing import Any

# A NumPy array, a JAX array or a tracer: the functions of `ops` take any.
Array = Any


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
