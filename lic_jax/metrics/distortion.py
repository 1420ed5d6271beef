"""Distortion of a decoded image: MSE, PSNR and MS-SSIM.

Specification section 5 (shallow decoders): figures are taken on 8-bit RGB,
image by image, then averaged. All functions take pixels on the 0..255 scale,
uint8 or float, with any leading axes; on floats they are differentiable, so
that each may also be trained for.

MS-SSIM is that of Wang, Simoncelli and Bovik (2003) in the reading of
`tf.image.ssim_multiscale`: 11x11 Gaussian of sigma 1.5 without padding,
2x2 means between scales (an odd side first repeats its last row), contrast
clipped at zero, mean over space and then over the three colours.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from lic_jax.types import Array, Float, Num

PEAK = 255.0
WINDOW = 11
SIGMA = 1.5
K1, K2 = 0.01, 0.03
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# Spec section 5: with both sides below this, plain SSIM.
PLAIN_SSIM_BELOW = 160
# x**0.0448 has an infinite slope at zero; below this the gradient is zero.
SMALLEST = 1e-12
BLOCK = 64  # rows filtered by one product; speed only


def mse(
  x: Num[Array, "*b h w c"], x_hat: Num[Array, "*b h w c"]
) -> Float[Array, "*b"]:
  """Mean squared error of each image, on the 0..255 scale squared."""
  x, x_hat = _as_float(x), _as_float(x_hat)
  return jnp.mean(jnp.square(x - x_hat), axis=(-3, -2, -1))


def psnr(
  x: Num[Array, "*b h w c"], x_hat: Num[Array, "*b h w c"]
) -> Float[Array, "*b"]:
  """Peak signal to noise ratio of each image in dB, peak 255.

  Images that are equal give +inf. The figure of a data set is the mean of
  these, not the PSNR of the mean error (they differ by up to 0.6 dB).
  """
  return 10 * jnp.log10(PEAK**2 / mse(x, x_hat))


@jax.jit
def ssim(
  x: Num[Array, "*b h w c"], x_hat: Num[Array, "*b h w c"]
) -> Float[Array, "*b"]:
  """Structural similarity of each image, `tf.image.ssim` with its defaults.

  A side shorter than the window narrows the window to that side.
  """
  similarity, _ = _similarity(_as_float(x), _as_float(x_hat))
  return jnp.mean(similarity, axis=-1)


@jax.jit
def ms_ssim(
  x: Num[Array, "*b h w c"], x_hat: Num[Array, "*b h w c"]
) -> Float[Array, "*b"]:
  """Multi-scale structural similarity of each image; 1 where they are equal.

  Every size has a value. With both sides below 160 it is plain `ssim`
  (spec section 5). Otherwise it uses the five scales of the paper as far as
  the 11x11 window fits the short side (five from 161 pixels up), with the
  weights of the scales in use divided by their sum; TensorFlow refuses
  these images. With one scale left this is again `ssim`.

  Args:
    x: pixels in 0..255.
    x_hat: pixels in 0..255, same shape.

  Returns:
    Values in [0, 1]; plain SSIM may lie down to -1.
  """
  height, width = x.shape[-3:-1]
  scales = scale_count(height, width)
  if scales == 1:
    return ssim(x, x_hat)
  weights = np.array(SCALE_WEIGHTS[:scales], np.float32)
  weights = weights / weights.sum() if scales < len(SCALE_WEIGHTS) else weights
  x, x_hat = _as_float(x), _as_float(x_hat)
  factors = []
  for scale in range(scales):
    if scale:
      x, x_hat = _halve(x), _halve(x_hat)
    similarity, contrast = _similarity(x, x_hat)
    factors.append(similarity if scale == scales - 1 else contrast)
  powers = [_power(f, float(w)) for f, w in zip(factors, weights)]
  return jnp.mean(jnp.prod(jnp.stack(powers), axis=0), axis=-1)


def scale_count(height: int, width: int) -> int:
  """Scales that `ms_ssim` uses for an image of this size, 1 to 5."""
  if max(height, width) < PLAIN_SSIM_BELOW:
    return 1
  side, count = min(height, width), 1
  while count < len(SCALE_WEIGHTS) and (side := -(-side // 2)) >= WINDOW:
    count += 1
  return count


def _as_float(x: Num[Array, "*b h w c"]) -> Float[Array, "*b h w c"]:
  return jnp.asarray(x).astype(jnp.float32)


def _similarity(
  x: Float[Array, "*b h w c"], x_hat: Float[Array, "*b h w c"]
) -> tuple[Float[Array, "*b c"], Float[Array, "*b c"]]:
  """SSIM and its contrast-structure factor alone, each a mean over space."""
  x, x_hat = x / PEAK, x_hat / PEAK
  c1, c2 = K1**2, K2**2
  moments = jnp.stack([x, x_hat, x * x_hat, jnp.square(x) + jnp.square(x_hat)])
  mean, mean_hat, mixed, total = _gaussian(moments)
  product = 2 * mean * mean_hat
  squares = jnp.square(mean) + jnp.square(mean_hat)
  luminance = (product + c1) / (squares + c1)
  covariance, variance = 2 * mixed - product, total - squares
  contrast = (covariance + c2) / (variance + c2)
  space = (-3, -2)
  return jnp.mean(luminance * contrast, space), jnp.mean(contrast, space)


def _gaussian(x: Float[Array, "*b h w c"]) -> Float[Array, "*b h2 w2 c"]:
  """Gaussian mean without padding, one axis after the other."""
  return _gaussian_axis(_gaussian_axis(x, x.ndim - 3), x.ndim - 2)


def _gaussian_axis(x: Float[Array, "*b"], axis: int) -> Float[Array, "*b2"]:
  """Gaussian mean along one axis, as products with one banded matrix.

  The axis is cut into blocks, each with the rows after it that its last
  windows see; a product per block has a gradient that is another product
  (ten times faster on a CPU than that of a sum of shifted slices).
  """
  side = x.shape[axis]
  weights = _window(min(WINDOW, side))
  halo = len(weights) - 1
  kept = side - halo
  block = max(min(BLOCK, kept), halo)
  blocks = -(-kept // block)
  before, after = x.shape[:axis], x.shape[axis + 1 :]
  x = x.reshape(math.prod(before), side, math.prod(after))
  x = jnp.pad(x, ((0, 0), (0, (blocks + 1) * block - side), (0, 0)))
  x = x.reshape(x.shape[0], blocks + 1, block, -1)
  x = jnp.concatenate([x[:, :-1], x[:, 1:, :halo]], axis=2)
  band = np.zeros((block, block + halo), np.float32)
  for row in range(block):
    band[row, row : row + halo + 1] = weights
  x = jnp.matmul(band, x, precision=jax.lax.Precision.HIGHEST)
  x = x.reshape(*before, blocks * block, *after)
  return jax.lax.slice_in_dim(x, 0, kept, axis=axis)


def _window(size: int) -> np.ndarray:
  """Gaussian weights (size,) of sum 1."""
  offsets = np.arange(size) - (size - 1) / 2
  weights = np.exp(-0.5 * np.square(offsets / SIGMA))
  return weights / weights.sum()


def _halve(x: Float[Array, "*b h w c"]) -> Float[Array, "*b h2 w2 c"]:
  """Means of 2x2 pixels; an odd side repeats its last row first."""
  *batch, height, width, channels = x.shape
  odd = [(0, 0)] * len(batch) + [(0, height % 2), (0, width % 2), (0, 0)]
  x = jnp.pad(x, odd, mode="edge")
  h2, w2 = -(-height // 2), -(-width // 2)
  return x.reshape(*batch, h2, 2, w2, 2, channels).mean(axis=(-4, -2))


def _power(x: Float[Array, "*b c"], exponent: float) -> Float[Array, "*b c"]:
  """max(x, 0)**exponent with a finite gradient everywhere."""
  return jnp.where(x > 0, jnp.maximum(x, SMALLEST) ** exponent, 0.0)
