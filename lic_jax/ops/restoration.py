"""Restoration: what quantisation did to a picture, guessed and taken back.

A small residual network after the synthesis, in place of the deblocking and
loop filters of video codecs. It works at half resolution, and on pictures in
units of the error that is to be expected at their quality; so one network
serves every rate:

  x_hat + level R(x_hat / level),
  R: unshuffle -> 3x3 -> ReLU -> (+ 3x3, ReLU, 3x3) ... -> 3x3 -> shuffle

For NumPy and JAX arrays alike, as `ops.synthesis`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lic_jax.ops.subpixel import pixel_shuffle, pixel_unshuffle
from lic_jax.ops.synthesis import convolve, relu
from lic_jax.types import Array, Float

# Of the resolution that it works at.
FACTOR = 2


def restore(
  weights: Mapping[str, Any],
  x_hat: Float[Array, "b h w 3"],
  level: Float[Array, "b 1 1 1"],
  *,
  dtype: str = "float32",
) -> Float[Array, "b h w 3"]:
  """A picture, nearer to what was encoded.

  Args:
    weights: "first", "last" and "block0", ..., the last each of a "first" and a
      "second": kernels and biases of 3x3 convolutions.
    x_hat: output of a synthesis; sizes are even.
    level: the error that is to be expected, its root mean square.
    dtype: of the products.
  """
  t = pixel_unshuffle(x_hat / level, FACTOR)
  t = relu(convolve(weights["first"], t, dtype))
  for i in range(blocks(weights)):
    block = weights[f"block{i}"]
    u = relu(convolve(block["first"], t, dtype))
    t = t + convolve(block["second"], u, dtype)
  t = convolve(weights["last"], t, dtype)
  return x_hat + level * pixel_shuffle(t, FACTOR)


def blocks(weights: Mapping[str, Any]) -> int:
  """How many residual blocks a network has."""
  return sum(name.startswith("block") for name in weights)


def reach(weights: Mapping[str, Any]) -> int:
  """Pixels on each side of a pixel that its restoration may depend on."""
  return FACTOR * (2 + 2 * blocks(weights)) + FACTOR - 1


def level_at(
  levels: Float[np.ndarray, "rungs"], quality: float | int
) -> Float[np.ndarray, ""]:
  """The expected error at a quality, between whole ones geometrically."""
  logs = np.log(levels.astype(np.float64))
  log = np.interp(quality, np.arange(len(logs)), logs)
  return np.array(np.exp(log), np.float32)
