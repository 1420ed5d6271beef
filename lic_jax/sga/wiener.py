"""The post-filter of a picture: coefficients that are worth their bits.

For each colour, with the features F of `ops.postfilter` and what is missing, e,

  minimise lambda * 255^2 / 3 * |e - F k|^2 + bits of k

over whole numbers k: the normal equations' solution, rounded (Wiener 1949),
then one coefficient after the other, then whole groups of them.
"""

import numpy as np

from lic_jax.codec import coefficients, container
from lic_jax.codec import encode as codec
from lic_jax.codec.bundle import STEPS_PER_QUALITY, Bundle
from lic_jax.codec.coefficients import MOST
from lic_jax.codec.encode import Encoded
from lic_jax.codec.painter import Painter
from lic_jax.ops import postfilter
from lic_jax.ops.windows import windows
from lic_jax.sga import rdoq
from lic_jax.sga.rdoq import CORE
from lic_jax.types import Float, Int, LicError, UInt8

COUNT = coefficients.COLOURS * postfilter.FEATURES
# How often the coefficients are gone over, at most.
ROUNDS = 20
# Bits that a file with a filter has in its header, besides.
HEADER = 8.0


def is_possible(bundle: Bundle) -> bool:
  """Whether a codec has what this needs: as `rdoq`, and a restoration."""
  return rdoq.is_possible(bundle) and bundle.decoder.restoration is not None


def filtered(
  rgb: UInt8[np.ndarray, "h w 3"],
  encoded: Encoded,
  bundle: Bundle,
  *,
  core: int = CORE,
) -> Encoded:
  """A file that has a filter, or the file as it is if none is worth its bits.

  Args:
    rgb: the image.
    encoded: it, encoded without a filter.
    bundle: the codec.
    core: side of what is painted at once, pixels, a multiple of 64.

  Raises:
    LicError: the codec is none that `is_possible`.
  """
  if not is_possible(bundle):
    raise LicError(
      "a post-filter is for codecs of the squared error with a restoration"
    )
  number = container.unpack(encoded.data).header.quality
  painter = Painter.of(bundle.decoder, number / STEPS_PER_QUALITY)
  gram, product = equations(rgb, encoded.latents.y, painter, core=core)
  if not np.isfinite(gram).all():
    return encoded
  weight = bundle.lagrange_multiplier(number) * 255**2 / 3
  gram, product = weight * gram, weight * product
  found = [least(gram, column) for column in product.T]
  saved = -sum(cost(k, gram, column) for k, column in zip(found, product.T))
  if saved <= HEADER:
    return encoded
  return codec.with_filter(encoded, np.stack(found).reshape(coefficients.SHAPE))


def equations(
  rgb: UInt8[np.ndarray, "h w 3"],
  y_hat: Float[np.ndarray, "1 h2 w2 c"],
  painter: Painter,
  *,
  core: int,
) -> tuple[Float[np.ndarray, "n n"], Float[np.ndarray, "n 3"]]:
  """F^T F and F^T e of an image, float64, F in units of a coefficient.

  Args:
    rgb: the image.
    y_hat: its latent, as it will be decoded.
    painter: of its quality.
    core: side of what is painted at once, pixels, a multiple of the codec's
      stride.
  """
  scale = painter.scale
  height, width = scale * y_hat.shape[1], scale * y_hat.shape[2]
  gram, product = np.zeros((COUNT, COUNT)), np.zeros((COUNT, 3))
  places = windows(height, width, core=core, margin=scale * painter.reach)
  for rows, columns in places:
    pixels = rgb[rows.core(1), columns.core(1)]
    real = tuple(
      slice(span.first - span.start, span.first - span.start + size)
      for span, size in zip((rows, columns), pixels.shape)
    )
    target = pixels.astype(np.float32) / np.float32(255) - np.float32(0.5)
    features = np.empty((COUNT, *pixels.shape[:2]), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
      x, added = painter(y_hat[:, rows.window(scale), columns.window(scale)])
      for i in range(COUNT):
        colour, number = divmod(i, postfilter.FEATURES)
        plane = postfilter.feature(
          number, x[..., colour], added[..., colour], painter.level
        )
        features[i] = postfilter.UNIT * plane[0][real]
      features = features.reshape(COUNT, -1)
      missing = (target - x[0][real]).reshape(-1, 3)
      gram += features @ features.T
      product += features @ missing
  return gram, product


def cost(
  k: Int[np.ndarray, "n"],
  gram: Float[np.ndarray, "n n"],
  product: Float[np.ndarray, "n"],
) -> float:
  """Bits, and error above that of no filter, of one colour's coefficients."""
  bits = coefficients.bits(k.reshape(coefficients.SHAPE[1:]))
  return k @ gram @ k - 2 * k @ product + bits


def least(
  gram: Float[np.ndarray, "n n"], product: Float[np.ndarray, "n"]
) -> Int[np.ndarray, "n"]:
  """Whole numbers whose `cost` is small."""
  exact = np.linalg.lstsq(gram, product)[0]
  k = np.rint(np.clip(exact, -MOST, MOST)).astype(np.int64)
  k = _descend(k, gram, product, np.arange(len(k)))
  numbers = np.arange(len(k)).reshape(coefficients.SHAPE[1:])
  for group in coefficients.groups(numbers):
    without = k.copy()
    without[group] = 0
    others = np.setdiff1d(np.flatnonzero(k), group)
    without = _descend(without, gram, product, others)
    if cost(without, gram, product) < cost(k, gram, product):
      k = without
  return k


def _descend(
  k: Int[np.ndarray, "n"],
  gram: Float[np.ndarray, "n n"],
  product: Float[np.ndarray, "n"],
  free: Int[np.ndarray, "m"],
) -> Int[np.ndarray, "n"]:
  """One coefficient after the other, each to what is best of a few."""
  k = k.copy()
  left = product - gram @ k
  for _ in range(ROUNDS):
    before = k.copy()
    for i in free[gram[free, free] > 0]:
      best = k[i] + left[i] / gram[i, i]
      few = np.array([0, np.floor(best), np.ceil(best), k[i]])
      few = np.clip(few, -MOST, MOST).astype(np.int64)
      errors = gram[i, i] * np.square(few - best)
      chosen = few[np.argmin(errors + coefficients.gamma_bits(few))]
      left -= gram[i] * (chosen - k[i])
      k[i] = chosen
    if np.array_equal(k, before):
      break
  return k
