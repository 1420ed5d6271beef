"""The quantity that is trained and that test-time optimisation lowers.

Yang and Mandt (2023), section 2: rate plus lambda times distortion, with the
rate in bits per pixel and the distortion as MSE on the 0..255 scale
(specification section 3: the lambdas 0.00125 to 0.08). Or, in training,
1 - MS-SSIM in its place (LOC-LIC specification 3.1: lambdas 2.4 to 60.5).
"""

from lic_jax.types import Array, Float


def lagrangian(
  bpp: Float[Array, "*b"], distortion: Float[Array, "*b"], lmbda: Array
) -> Float[Array, "*b"]:
  """bpp + lambda * distortion.

  Args:
    bpp: bits per pixel of the image.
    distortion: mean squared error on the 0..255 scale, or 1 - MS-SSIM; not
      rounded in training.
    lmbda: the trade-off, lambda.

  Returns:
    The loss, in bits per pixel.
  """
  return bpp + lmbda * distortion
