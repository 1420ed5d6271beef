"""Slice by slice, anchors before the rest: the multi-reference procedure.

LOC-LIC specification 2.3; Jiang et al. 2023 (MLIC++), whose entropy model
LOC-LIC takes over. Of slice i, with the decoded slices Y before it:

  inter, channel = InterSlice(Y), ChannelContext(Y)                    if i > 0
  scale, mean of anchors = EntropyParameters([inter, channel, hyper])
  y_a = round(y - mean) + mean; + residual([hyper means, Y, y_a])   at anchors
  local, intra = LocalContext(y_a), IntraSlice(y_hat of i - 1, y_a)
  scale, mean of the rest = EntropyParameters([local, intra, inter, channel,
    hyper]);  y_n, y = y_a + y_n;  + residual([hyper means, Y, y])  at the rest

Everything a parameter is made of was decoded before its symbol. Training runs
this very procedure, on latents rounded straight through.
"""

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp

from lic_jax.entropy.checkerboard import Pass, join, keep
from lic_jax.entropy.multi_reference.channel import ChannelContext
from lic_jax.entropy.multi_reference.inter_slice import InterSlice
from lic_jax.entropy.multi_reference.intra_slice import IntraSlice
from lic_jax.entropy.multi_reference.local import LocalContext
from lic_jax.entropy.multi_reference.parameters import EntropyParameters
from lic_jax.entropy.multi_reference.residual import LatentResidual
from lic_jax.types import Array, DecodedLatent, Float

Grid = Float[Array, "b h w c"]
Quantise = Callable[[Array, Array], Array]  # y, mean -> y_hat


class Slice(nn.Module):
  """The networks of one slice, in the order in which they are asked.

  Attributes:
    index: number of slices before it.
    channels: of the slice.
    grid, queries, residual_passes, residual_kernel, width, dtype: as
      `MultiReference` has them.
  """

  index: int
  channels: int
  grid: str
  queries: str
  residual_passes: int
  residual_kernel: int
  width: int
  dtype: str

  def setup(self) -> None:
    common = {"width": self.width, "dtype": self.dtype}
    if self.index:
      self.inter = InterSlice(self.index, **common)
      self.channel = ChannelContext(**common)
      self.intra = IntraSlice(**common)
    self.local = LocalContext(self.queries, **common)
    self.anchor_parameters = EntropyParameters(
      self.channels, Pass.ANCHOR, self.grid, **common
    )
    self.nonanchor_parameters = EntropyParameters(
      self.channels, Pass.NON_ANCHOR, self.grid, **common
    )
    residual = {"kernel": self.residual_kernel, **common}
    if self.residual_passes > 1:
      self.anchor_residual = LatentResidual(self.channels, **residual)
    if self.residual_passes:
      self.residual = LatentResidual(self.channels, **residual)

  def __call__(
    self,
    y: Grid,
    hyper: Float[Array, "b h w m2"],
    decoded: tuple[Array, ...],
    *,
    quantise: Quantise,
  ) -> DecodedLatent:
    """Decodes the slice y, with `quantise` for what travels in the file.

    Args:
      y: the slice, continuous.
      hyper: output of the hyper-synthesis, means last.
      decoded: the slices before it.
      quantise: of y and a mean, what a file can hold.
    """
    references = self.references(decoded, hyper)
    scale_a, mean_a = self.anchor_prior(references)
    y_a = keep(quantise(y, mean_a), Pass.ANCHOR)
    y_a = self.corrected_anchors(y_a, decoded, hyper)
    scale_n, mean_n = self.nonanchor_prior(references, decoded, y_a)
    y_n = keep(quantise(y, mean_n), Pass.NON_ANCHOR)
    return DecodedLatent(
      y_hat=self.corrected(y_a + y_n, decoded, hyper),
      mean=mean_a + mean_n,
      scale=scale_a + scale_n,
    )

  def references(self, decoded: tuple[Array, ...], hyper: Array) -> Array:
    """What both passes see: [inter, channel, hyper]."""
    if not decoded:
      return hyper
    y = jnp.concatenate(decoded, axis=-1)
    return jnp.concatenate([self.inter(y), self.channel(y), hyper], axis=-1)

  def anchor_prior(self, references: Array) -> list[Array]:
    """Scale and mean at anchors, zero elsewhere."""
    return jnp.split(self.anchor_parameters(references), 2, axis=-1)

  def nonanchor_prior(
    self, references: Array, decoded: tuple[Array, ...], anchors: Array
  ) -> list[Array]:
    """Scale and mean at non-anchors, zero elsewhere."""
    contexts = [self.local(anchors)]
    if decoded:
      contexts.append(self.intra(decoded[-1], anchors))
    contexts = jnp.concatenate([*contexts, references], axis=-1)
    return jnp.split(self.nonanchor_parameters(contexts), 2, axis=-1)

  def corrected_anchors(
    self, y: Array, decoded: tuple[Array, ...], hyper: Array
  ) -> Array:
    """Anchors with their residual, if it is predicted in a pass of its own."""
    if self.residual_passes < 2:
      return y
    support = _support(hyper, decoded, y)
    return y + keep(self.anchor_residual(support), Pass.ANCHOR)

  def corrected(
    self, y: Array, decoded: tuple[Array, ...], hyper: Array
  ) -> Array:
    """The slice with the residual of what has none yet."""
    if not self.residual_passes:
      return y
    residual = self.residual(_support(hyper, decoded, y))
    if self.residual_passes == 1:
      return y + residual
    return y + keep(residual, Pass.NON_ANCHOR)


class MultiReference(nn.Module):
  """The entropy model of LOC-LIC and MLIC++, less the prior of z.

  Attributes:
    slices: into how many the channels of the latent are split, evenly.
    grid: where entropy parameters are computed: "full", as the authors do, or
      "half", the same numbers for half the arithmetic.
    queries: of the local context: "window" (the paper's) or "centre".
    residual_passes: of residual prediction in a slice: 2 (the paper's); 1, one
      for the whole slice, after both passes; or 0.
    residual_kernel: side of its first kernel; 3 in the paper.
    width: unit of the hidden widths; 32 in the paper.
    dtype: of the products of convolutions.
  """

  slices: int = 10
  grid: str = "half"
  queries: str = "window"
  residual_passes: int = 2
  residual_kernel: int = 3
  width: int = 32
  dtype: str = "float32"

  @nn.compact
  def __call__(
    self, y: Grid, hyper: Float[Array, "b h w m2"], *, quantise: Quantise
  ) -> DecodedLatent:
    """Decodes the latent; arguments as a slice's."""
    slices: list[DecodedLatent] = []
    for i, y_i in enumerate(jnp.split(y, self.slices, axis=-1)):
      part = Slice(
        index=i,
        channels=y_i.shape[-1],
        grid=self.grid,
        queries=self.queries,
        residual_passes=self.residual_passes,
        residual_kernel=self.residual_kernel,
        width=self.width,
        dtype=self.dtype,
        name=f"slice{i}",
      )
      decoded = tuple(s.y_hat for s in slices)
      slices.append(part(y_i, hyper, decoded, quantise=quantise))
    return join(slices)


def _support(hyper: Array, decoded: tuple[Array, ...], y: Array) -> Array:
  """[hyper means, decoded slices, this one]."""
  means = hyper[..., hyper.shape[-1] // 2 :]
  return jnp.concatenate([means, *decoded, y], axis=-1)
