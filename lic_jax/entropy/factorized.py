"""Deep factorized prior: a learned density per channel of the hyper-latent.

Shallow-decoder specification 2.1; Balle et al. 2018, appendix 6.1, with
tensorflow-compression's (3, 3) filters and initial scale 10. Per channel, the
logit of the cumulative distribution is a small monotone network
  l <- softplus(M_i) l + b_i;  between layers  l <- l + tanh(a_i) tanh(l),
and a bin has P = sigmoid(l(x + 1/2)) - sigmoid(l(x - 1/2)).
"""

import itertools
import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from lic_jax.entropy.gaussian import log1mexp
from lic_jax.types import Array, Float

FILTERS = (3, 3)
INIT_SCALE = 10.0
_WIDTHS = (1, *FILTERS, 1)


def cdf_logits(params: dict, x: Float[Array, "*b c"]) -> Float[Array, "*b c"]:
  """Logit of the cumulative distribution; increasing in x.

  Args:
    params: "matrix{i}" (c, d_out, d_in), "bias{i}" (c, d_out), "factor{i}".
    x: values, channels last.
  """
  logits = x[..., None]  # ..., c, d
  for i in range(len(_WIDTHS) - 1):
    matrix = jax.nn.softplus(params[f"matrix{i}"])
    logits = jnp.einsum("coi,...ci->...co", matrix, logits)
    logits = logits + params[f"bias{i}"]
    if f"factor{i}" in params:
      logits = logits + jnp.tanh(params[f"factor{i}"]) * jnp.tanh(logits)
  return logits[..., 0]


def bits(params: dict, x: Float[Array, "*b c"]) -> Float[Array, "*b c"]:
  """-log2 of the probability of a unit bin around x; no floor.

  Both ends of the bin are taken in the tail that holds x, in the log domain.
  """
  left, right = cdf_logits(params, x - 0.5), cdf_logits(params, x + 0.5)
  flip = left + right > 0  # upper tail: use the survival function
  big = jax.nn.log_sigmoid(jnp.where(flip, -left, right))
  small = jax.nn.log_sigmoid(jnp.where(flip, -right, left))
  return -(big + log1mexp(small - big)) / math.log(2)


def medians(params: dict) -> Float[Array, "c"]:
  """Where the cumulative distribution is one half, by bisection."""
  channels = params["bias0"].shape[0]
  # +-2^20 bounds any latent; 60 halvings go below float32's resolution.
  low = jnp.full(channels, -(2.0**20))
  high = -low

  def halve(_: Array, interval: tuple[Array, Array]) -> tuple[Array, Array]:
    low, high = interval
    middle = (low + high) / 2
    above = cdf_logits(params, middle) > 0
    return jnp.where(above, low, middle), jnp.where(above, middle, high)

  low, high = jax.lax.fori_loop(0, 60, halve, (low, high))
  return jax.lax.stop_gradient((low + high) / 2)


def offsets(params: dict) -> Float[Array, "c"]:
  """Offset of the quantisation grid, median - round(median) (spec 2.3)."""
  m = medians(params)
  return m - jnp.round(m)


def _initial_matrix(
  key: Array, channels: int, d_in: int, d_out: int
) -> Float[Array, "c o i"]:
  del key
  layers = len(_WIDTHS) - 1
  value = math.log(math.expm1(1 / (INIT_SCALE ** (1 / layers) * d_out)))
  return jnp.full((channels, d_out, d_in), value, jnp.float32)


class FactorizedPrior(nn.Module):
  """The parameters of the prior, 28 per channel.

  Attributes:
    channels: of the variable it models.
  """

  channels: int

  @nn.compact
  def __call__(self) -> dict[str, Array]:
    params = {}
    c = self.channels
    for i, (d_in, d_out) in enumerate(itertools.pairwise(_WIDTHS)):
      params[f"matrix{i}"] = self.param(
        f"matrix{i}", _initial_matrix, c, d_in, d_out
      )
      params[f"bias{i}"] = self.param(
        f"bias{i}",
        lambda key, shape: jax.random.uniform(
          key, shape, minval=-0.5, maxval=0.5
        ),
        (c, d_out),
      )
      if i < len(FILTERS):
        params[f"factor{i}"] = self.param(
          f"factor{i}", nn.initializers.zeros, (c, d_out)
        )
    return params
