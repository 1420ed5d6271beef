"""GDN with a parameterisation that keeps beta and gamma non-negative.

Specification 1.3: stored p = sqrt(v + 2^-36); value = max(p, bound)^2 - 2^-36,
with bound = sqrt(min + 2^-36), min = 1e-6 for beta and 0 for gamma. Initially
beta = 1 and gamma = 0.1 I.
"""

import flax.linen as nn
import jax.numpy as jnp

from lic_jax.ops.bounds import lower_bound
from lic_jax.ops.gdn import norm1, norm2
from lic_jax.types import Array, Float

PEDESTAL = 2.0**-36
BETA_MINIMUM = 1e-6


def stored(value: Float[Array, "*b"]) -> Float[Array, "*b"]:
  """The parameter that stands for a non-negative `value`."""
  return jnp.sqrt(jnp.maximum(value + PEDESTAL, PEDESTAL))


def effective(p: Float[Array, "*b"], minimum: float) -> Float[Array, "*b"]:
  """The value a stored parameter stands for; at least `minimum`."""
  bound = (minimum + PEDESTAL) ** 0.5
  return jnp.square(lower_bound(p, bound)) - PEDESTAL


class GDNWeights(nn.Module):
  """Effective beta (c,) and gamma (c, c), for `ops.gdn`."""

  @nn.compact
  def __call__(self, channels: int) -> dict[str, Array]:
    beta = self.param("beta", lambda key: stored(jnp.ones(channels)))
    gamma = self.param("gamma", lambda key: stored(0.1 * jnp.eye(channels)))
    return {
      "beta": effective(beta, BETA_MINIMUM),
      "gamma": effective(gamma, 0.0),
    }


class GDN1(nn.Module):
  """u / (beta + |u| gamma)."""

  @nn.compact
  def __call__(self, u: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    return u / norm1(u, **GDNWeights(name="weights")(u.shape[-1]))


class GDN(nn.Module):
  """u / sqrt(beta + u^2 gamma); multiplied instead where `inverse`."""

  inverse: bool = False

  @nn.compact
  def __call__(self, u: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    norm = norm2(u, **GDNWeights(name="weights")(u.shape[-1]))
    return u * norm if self.inverse else u / norm
