"""Generalised divisive normalisation, from effective (non-negative) weights.

With alpha = epsilon = 1 (GDN1; shallow decoders, specification 1.3) the norm is
  n_i = beta_i + sum_j gamma[j, i] |u_j|,   GDN1: u / n,   IGDN1: u * n.
The classical form (LOC-LIC, specification 1.1) is
  n_i = sqrt(beta_i + sum_j gamma[j, i] u_j^2).
The parameterisation that keeps beta and gamma non-negative: `layers.gdn`.
"""

from lic_jax.ops.namespace import named, namespace
from lic_jax.types import Array, Float


@named
def norm1(
  u: Float[Array, "*b c"], beta: Float[Array, "c"], gamma: Float[Array, "c c"]
) -> Float[Array, "*b c"]:
  """beta + |u| gamma: the norm of GDN1 and IGDN1."""
  return abs(u) @ gamma + beta


@named
def norm2(
  u: Float[Array, "*b c"], beta: Float[Array, "c"], gamma: Float[Array, "c c"]
) -> Float[Array, "*b c"]:
  """sqrt(beta + u^2 gamma): the norm of classical GDN and IGDN."""
  return namespace(u).sqrt((u * u) @ gamma + beta)
