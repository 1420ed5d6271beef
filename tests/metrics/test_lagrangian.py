"""The loss is rate plus lambda times distortion."""

import numpy as np

from lic_jax.metrics.lagrangian import lagrangian


def test_the_loss_is_rate_plus_lambda_times_distortion_of_each_image():
  bpp, mse = np.array([0.5, 1.0]), np.array([100.0, 0.0])
  np.testing.assert_allclose(lagrangian(bpp, mse, 0.01), [1.5, 1.0])


def test_a_published_row_satisfies_the_loss():
  # kodim01 and kodim13, 2-layer synthesis at lambda 0.01 (authors' JSON,
  # mandt-lab/shallow-ntc at e0c48c7).
  bpp = np.array([0.7438644, 1.0456532])
  mse = np.array([59.085598, 79.043816])
  np.testing.assert_allclose(
    lagrangian(bpp, mse, 0.01), [1.3347204, 1.8360913], rtol=1e-6
  )
