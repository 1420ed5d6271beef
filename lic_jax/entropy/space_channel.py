"""Unevenly grouped space-channel context: ELIC's entropy model.

He et al. 2022, section 3.2; LOC-LIC specification 2.6. Channels come in groups
that grow, for most of the information is in the first. Of group k, with the
groups Y before it:

  channel = 5x5, ReLU, 5x5, ReLU, 5x5 of Y                          if k > 0
  spatial = 5x5 of the group's anchors
  scale, mean = 1x1, ReLU, 1x1, ReLU, 1x1 of [spatial, channel, hyper]

Where anchors are decoded nothing is known of their group: their spatial context
is that of a grid of zeros, which is the convolution's bias. Against the
multi-reference model there is neither attention nor residual prediction.
"""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from lic_jax.entropy.checkerboard import HALF, Pass, join, keep, pack, unpack
from lic_jax.layers.residual import TorchConv
from lic_jax.types import Array, DecodedLatent, Float

Grid = Float[Array, "b h w c"]
HIDDEN = (224, 128)  # of the channel context


class ChannelContext(nn.Module):
  """5x5 convolutions of the groups decoded so far."""

  channels: int
  dtype: str = "float32"

  @nn.compact
  def __call__(self, y: Grid) -> Float[Array, "b h w c2"]:
    for i, width in enumerate(HIDDEN):
      y = nn.relu(TorchConv(width, 5, dtype=self.dtype, name=f"conv{i}")(y))
    return TorchConv(self.channels, 5, dtype=self.dtype, name="conv2")(y)


class SpatialContext(nn.Module):
  """5x5 of the anchors; zeros elsewhere stand for the mask of its kernel."""

  channels: int
  dtype: str = "float32"

  @nn.compact
  def __call__(self, anchors: Grid) -> Float[Array, "b h w c2"]:
    return TorchConv(self.channels, 5, dtype=self.dtype, name="masked")(anchors)


class EntropyParameters(nn.Module):
  """1x1 convolutions to [scales, means], widths falling linearly.

  Attributes:
    channels: of both together.
    least: hidden widths do not fall below it.
    dtype: of the products.
  """

  channels: int
  least: int
  dtype: str = "float32"

  @nn.compact
  def __call__(self, contexts: Grid) -> Float[Array, "b h w c2"]:
    u = contexts
    ramp = np.linspace(u.shape[-1], self.channels, 4)[1:3]
    for i, width in enumerate(ramp):
      width = max(self.least, round(float(width)))
      u = nn.relu(TorchConv(width, 1, dtype=self.dtype, name=f"conv{i}")(u))
    return TorchConv(self.channels, 1, dtype=self.dtype, name="conv2")(u)


class Group(nn.Module):
  """The networks of one group; both passes share its entropy parameters.

  Attributes:
    first: whether no group is before it.
    channels: of the group.
    grid, dtype: as `SpaceChannel` has them.
    least: width of the hyper-synthesis' output.
  """

  first: bool
  channels: int
  grid: str
  least: int
  dtype: str

  def setup(self) -> None:
    c = 2 * self.channels
    if not self.first:
      self.channel = ChannelContext(c, self.dtype)
    self.spatial = SpatialContext(c, self.dtype)
    self.parameters = EntropyParameters(c, self.least, self.dtype)

  def __call__(
    self,
    y: Grid,
    hyper: Float[Array, "b h w m"],
    decoded: tuple[Array, ...],
    *,
    quantise: Callable[[Array, Array], Array],
  ) -> DecodedLatent:
    """Decodes the group y; arguments as a slice's of `multi_reference`."""
    references = self.references(decoded, hyper)
    nothing = jnp.zeros_like(y)
    scale_a, mean_a = self.prior(Pass.ANCHOR, nothing, references)
    y_a = keep(quantise(y, mean_a), Pass.ANCHOR)
    scale_n, mean_n = self.prior(Pass.NON_ANCHOR, y_a, references)
    y_n = keep(quantise(y, mean_n), Pass.NON_ANCHOR)
    return DecodedLatent(
      y_hat=y_a + y_n, mean=mean_a + mean_n, scale=scale_a + scale_n
    )

  def references(self, decoded: tuple[Array, ...], hyper: Array) -> Array:
    """What both passes see: [channel, hyper]."""
    if not decoded:
      return hyper
    channel = self.channel(jnp.concatenate(decoded, axis=-1))
    return jnp.concatenate([channel, hyper], axis=-1)

  def prior(
    self, which: Pass, anchors: Array, references: Array
  ) -> list[Array]:
    """Scale and mean at the positions of a pass, zero elsewhere."""
    contexts = [self.spatial(anchors), references]
    contexts = jnp.concatenate(contexts, axis=-1)
    if self.grid == HALF:
      out = unpack(self.parameters(pack(contexts, which)), which)
    else:
      out = keep(self.parameters(contexts), which)
    return jnp.split(out, 2, axis=-1)


class SpaceChannel(nn.Module):
  """ELIC's entropy model, less the prior of z.

  Attributes:
    groups: channels of each.
    grid: where entropy parameters are computed: "full", or "half", the same
      numbers for half the arithmetic.
    dtype: of the products.
  """

  groups: Sequence[int] = (16, 16, 32, 64, 192)
  grid: str = "half"
  dtype: str = "float32"

  @nn.compact
  def __call__(
    self,
    y: Grid,
    hyper: Float[Array, "b h w m"],
    *,
    quantise: Callable[[Array, Array], Array],
  ) -> DecodedLatent:
    """Decodes the latent."""
    groups: list[DecodedLatent] = []
    edges = np.cumsum(self.groups)[:-1].tolist()
    for k, y_k in enumerate(jnp.split(y, edges, axis=-1)):
      part = Group(
        first=k == 0,
        channels=y_k.shape[-1],
        grid=self.grid,
        least=hyper.shape[-1],
        dtype=self.dtype,
        name=f"group{k}",
      )
      decoded = tuple(g.y_hat for g in groups)
      groups.append(part(y_k, hyper, decoded, quantise=quantise))
    return join(groups)
