"""One codec for every rate: a ladder of qualities, and gains between its rungs.

Quality q stands for the trade-off lambda_0 2^q. At every whole q each channel
has a gain, which its symbols are multiplied by before rounding; in between, it
is interpolated geometrically (Cui et al. 2021, "asymmetric gained deep image
compression with continuous rate adaptation").
"""

from lic_jax.ops.namespace import namespace
from lic_jax.types import Array, Float


def log_gain(
  table: Float[Array, "rungs c"], quality: Float[Array, "b"]
) -> Float[Array, "b c"]:
  """Logarithm of the gains at real qualities, from those at whole ones.

  Args:
    table: logarithms at qualities 0, 1, ...
    quality: limited to the table's.
  """
  xp = namespace(quality)
  last = table.shape[0] - 1
  quality = xp.clip(quality, 0, last)
  low = xp.clip(xp.floor(quality), 0, last - 1).astype("int32")
  share = (quality - low)[:, None]
  return (1 - share) * table[low] + share * table[low + 1]


def lagrange_multiplier(first: float, quality: Array) -> Array:
  """lambda_0 2^q."""
  return first * 2.0**quality


def weight(quality: Array, *, rungs: int) -> Array:
  """What the loss of an image of this quality counts for in training; 1 midway.

  The rate grows about as sqrt(lambda), so that by its root each quality's
  share of the loss is about the same. Unweighted, the highest would have the
  say.
  """
  return 2.0 ** (((rungs - 1) / 2 - quality) / 2)
