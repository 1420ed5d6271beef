"""ELIC's simplified attention; shallow specification 1.6."""

import flax.linen as nn

from lic_jax.layers.convolution import Conv
from lic_jax.layers.residual import Bottleneck
from lic_jax.types import Array, Float


class Attention(nn.Module):
  """u + T(u) * sigmoid(B(u)); T three bottlenecks, B three and a 1x1."""

  dtype: str = "float32"

  @nn.compact
  def __call__(self, u: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    trunk = mask = u
    for i in range(3):
      trunk = Bottleneck(self.dtype, name=f"trunk{i}")(trunk)
      mask = Bottleneck(self.dtype, name=f"mask{i}")(mask)
    mask = Conv(u.shape[-1], kernel=1, dtype=self.dtype, name="mask")(mask)
    return u + trunk * nn.sigmoid(mask)
