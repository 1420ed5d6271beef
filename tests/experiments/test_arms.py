"""Arms begin alike, and what is measured of them: laws of experiments/arms."""

import functools
import importlib
import pathlib

import numpy as np
import pytest

from lic_jax.models.build import build

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def importable():
  """The experiments' packages, as `python -m` at the root finds them."""
  with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(ROOT)
    yield


@functools.cache
def load(name: str):
  return importlib.import_module(f"experiments.{name}")


def test_arms_begin_as_one_synthesis():
  config, start = load("arms.config"), load("arms.start")
  rng = np.random.default_rng(0)
  patches = rng.integers(0, 255, (8, 64, 64, 3)).cumsum(1).cumsum(2)
  codec = start.known_codec(0.01, (patches >> 8).astype(np.uint8))
  y = 10 * rng.standard_normal((1, 3, 3, config.CHANNELS), dtype=np.float32)

  def decoded(arm):
    found = config.get_config(arm, lmbda=0.01, steps=1, seed=1)
    params = start.closed_form(found, codec)
    synthesis = build(found.model.to_dict()).synthesis
    return synthesis.apply({"params": params["synthesis"]}, y)

  plain = load("two_layer_ablation.run").plain
  arms = [
    config.Arm("known"),
    load("jpeg_like_kernel.run").jpeg_like(18),
    plain("leaky", "leaky_relu"),
    config.Arm("wide", {**config.TWO_LAYER, "channels": 24, "kernels": (9, 3)}),
  ]
  first, *others = [decoded(arm) for arm in arms]
  assert np.std(first) > 0.1
  for other in others:
    np.testing.assert_allclose(other, first, atol=1e-5)


def test_arms_begin_as_one_analysis():
  config, start = load("arms.config"), load("arms.start")
  rng = np.random.default_rng(0)
  patches = rng.integers(0, 255, (8, 64, 64, 3)).cumsum(1).cumsum(2)
  codec = start.known_codec(0.01, (patches >> 8).astype(np.uint8))
  x = rng.uniform(-0.5, 0.5, (1, 64, 64, 3)).astype(np.float32)
  blocks = x.reshape(4, 16, 4, 16, 3).transpose(0, 2, 1, 3, 4).reshape(16, -1)
  kernel = codec["analysis"]["linear"]["kernel"]
  expected = (blocks @ kernel.reshape(768, -1)).reshape(1, 4, 4, -1)

  def analysed(arm):
    found = config.get_config(arm, lmbda=0.01, steps=1, seed=1)
    params = start.closed_form(found, codec)
    analysis = build(found.model.to_dict()).analysis
    return analysis.apply({"params": params["analysis"]}, x)

  arms = {arm.name: arm for arm in load("analysis_ablation.run").ARMS}
  np.testing.assert_allclose(analysed(arms["linear"]), expected, atol=1e-4)
  # GDNs that are only almost linear.
  np.testing.assert_allclose(analysed(arms["cnn"]), expected, atol=0.02)


def test_rate_at_equal_mse():
  run, config = load("arms.run"), load("arms.config")
  arms = [config.Arm("a"), config.Arm("b")]

  def row(bpp, loss):
    return {"estimated_bpp": bpp, "loss": loss}

  runs = {
    "a": {"0": row(0.5, 1.0), "1": row(0.4, 0.9)},
    "b": {"0": row(0.6, 1.1), "1": row(0.4, 0.86)},
  }
  changes = run.compared(arms, runs)["b"]["rate_change_percent"]
  assert changes["seeds"] == {"0": 20.0, "1": -10.0}
  assert changes["mean"] == 5.0


def test_blocking_tells_blocks_from_noise(rng):
  blocking = load("jpeg_like_kernel.blocking").blocking
  x = rng.integers(64, 192, (128, 192, 3)).astype(np.uint8)
  noise = rng.integers(-5, 6, x.shape)
  blocks = rng.integers(-5, 6, (8, 12, 3)).repeat(16, 0).repeat(16, 1)
  assert blocking(x, (x + noise).astype(np.uint8)) == pytest.approx(1, abs=0.05)
  assert blocking(x, (x + noise + blocks).astype(np.uint8)) > 1.2
  shifted = np.roll(blocks, 8, (0, 1))
  assert blocking(x, (x + noise + shifted).astype(np.uint8)) < 1
