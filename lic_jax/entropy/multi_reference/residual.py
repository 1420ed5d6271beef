"""Latent residual prediction: what rounding took away, guessed from context.

LOC-LIC specification 2.4; Minnen and Singh 2020. The guess, within half a
quantiser step, is added to decoded symbols before anything else sees them.
Four fifths of its cost in the paper is the first 3x3 convolution; `kernel=1`
makes it 1x1 (specification 2.6).
"""

import flax.linen as nn
import jax.numpy as jnp

from lic_jax.layers.residual import TorchConv
from lic_jax.ops.gelu import gelu
from lic_jax.types import Array, Float


class LatentResidual(nn.Module):
  """k x k 7 w, GELU, 3x3 4 w, GELU, 3x3 of [hyper means, decoded]; tanh / 2.

  Attributes:
    channels: of the slice.
    kernel: side k of the first kernel; 3 in the paper.
    width: unit w of the widths; 32 in the paper.
    dtype: of the products.
  """

  channels: int
  kernel: int = 3
  width: int = 32
  dtype: str = "float32"

  @nn.compact
  def __call__(
    self, support: Float[Array, "b h w c"]
  ) -> Float[Array, "b h w c2"]:
    w, dtype = self.width, self.dtype
    u = TorchConv(7 * w, self.kernel, dtype=dtype, name="conv0")(support)
    u = TorchConv(4 * w, dtype=dtype, name="conv1")(gelu(u))
    u = TorchConv(self.channels, dtype=dtype, name="conv2")(gelu(u))
    return 0.5 * jnp.tanh(u)
