"""Laws of MSE, PSNR and MS-SSIM, and TensorFlow's values of the latter."""

import hashlib
import json
import pathlib
import runpy

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import skimage.data

from lic_jax.metrics import distortion

ASSETS = pathlib.Path(__file__).parents[1] / "assets"
GOLDEN = json.loads((ASSETS / "ms_ssim_tensorflow.json").read_text())["pairs"]
MAKE = runpy.run_path(str(ASSETS / "degradations.py"))


def pair(row: dict) -> tuple[np.ndarray, np.ndarray]:
  image = getattr(skimage.data, pathlib.Path(row["photograph"]).stem)()
  image = MAKE["crop"](image, height=row["height"], width=row["width"])
  worse = MAKE["degrade"](image, kind=row["kind"], strength=row["strength"])
  return image, worse


def noisy(shape: tuple[int, ...], *, amplitude: float, seed: int = 0):
  random = np.random.RandomState(seed)
  x = random.uniform(0, 255, shape).astype(np.float32)
  return x, x + amplitude * random.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(
  "row",
  GOLDEN,
  ids=lambda r: f"{r['photograph']}-{r['height']}-{r['kind']}{r['strength']}",
)
def test_ms_ssim_equals_tensorflows_to_1e_4(row):
  x, worse = pair(row)
  assert hashlib.sha256(x.tobytes()).hexdigest() == row["sha256"]
  assert hashlib.sha256(worse.tobytes()).hexdigest() == row["sha256_worse"]
  value = distortion.ms_ssim(x[None], worse[None])
  np.testing.assert_allclose(value, [row["value"]], atol=1e-4)


def test_mse_and_psnr_are_per_image_on_the_255_scale():
  x = np.zeros((2, 4, 5, 3), np.uint8)
  worse = np.stack([np.full((4, 5, 3), 1), np.full((4, 5, 3), 255)])
  worse = worse.astype(np.uint8)
  np.testing.assert_allclose(distortion.mse(x, worse), [1, 65025])
  # Both ways round: bytes must not wrap.
  np.testing.assert_allclose(distortion.mse(worse, x), [1, 65025])
  np.testing.assert_allclose(
    distortion.psnr(x, worse), [48.130804, 0], atol=1e-4
  )


def test_psnr_of_equal_images_is_infinite():
  x = np.full((1, 3, 3, 3), 7, np.uint8)
  assert np.isposinf(distortion.psnr(x, x)).all()


def test_a_batch_gives_the_values_of_its_images():
  x, worse = noisy((2, 40, 170, 3), amplitude=20.0)
  together = distortion.ms_ssim(x, worse)
  assert together.shape == (2,)
  for i in range(2):
    alone = distortion.ms_ssim(x[i], worse[i])
    np.testing.assert_allclose(together[i], alone, rtol=1e-5)


def test_ms_ssim_is_symmetric_and_one_only_for_equal_images():
  x, worse = noisy((1, 180, 170, 3), amplitude=20.0)
  function = distortion.ms_ssim
  np.testing.assert_allclose(function(x, worse), function(worse, x), rtol=1e-5)
  np.testing.assert_allclose(function(x, x), 1, atol=1e-6)
  assert function(x, worse)[0] < 0.99


@pytest.mark.parametrize(
  ("height", "width", "scales"),
  [
    (1, 1, 1),
    (159, 159, 1),
    (160, 160, 4),
    (161, 161, 5),
    (512, 768, 5),
    (11, 4000, 1),
    (21, 4000, 2),
    (1, 200, 1),
    (81, 200, 4),
  ],
)
def test_ms_ssim_uses_the_scales_that_fit(height, width, scales):
  assert distortion.scale_count(height, width) == scales


@pytest.mark.parametrize(
  "size", [(1, 1), (1, 7), (10, 3), (1, 300), (12, 300), (30, 170), (160, 160)]
)
def test_every_size_has_a_finite_value_between_minus_one_and_one(size):
  x, worse = noisy((1, *size, 3), amplitude=30.0)
  value = distortion.ms_ssim(x, worse)
  assert np.isfinite(value).all()
  assert -1 <= value[0] <= 1
  np.testing.assert_allclose(distortion.ms_ssim(x, x), 1, atol=1e-5)


# d(ms_ssim)/d(worse), compiled once for the one shape of the tests below.
SHAPE = (1, 170, 161, 3)
value_and_gradient = jax.jit(
  jax.value_and_grad(lambda worse, x: distortion.ms_ssim(x, worse)[0])
)


def test_flat_images_and_their_gradient_are_finite():
  black = jnp.zeros(SHAPE)
  white = jnp.full(SHAPE, 255.0)
  for x, worse in ((black, black), (black, white)):
    value, gradient = value_and_gradient(worse, x)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_the_gradient_is_finite_where_contrast_is_inverted():
  x, _ = noisy(SHAPE, amplitude=0.0)
  value, gradient = value_and_gradient(255 - x, x)
  assert value == 0
  assert np.isfinite(gradient).all()


def test_ascending_the_gradient_raises_ms_ssim():
  x, worse = noisy(SHAPE, amplitude=60.0)
  value, gradient = value_and_gradient(worse, x)
  step = 200 * gradient / jnp.linalg.norm(gradient)
  assert value_and_gradient(worse + step, x)[0] > value
