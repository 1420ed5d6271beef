"""Restoration: what quantisation did to a picture, guessed and taken back.

A small residual network after the synthesis, in place of the deblocking and
loop filters of video codecs. It works at half resolution, and on pictures in
units of the error that is to be expected at their quality,

  x_hat + level R(x_hat / level),
  R: unshuffle -> 3x3 -> ReLU -> (+ 3x3, ReLU, 3x3) ... -> 3x3 -> shuffle.

Every weight is a few numbers, for qualities evenly spread over the codec's, and
lies on the line between two of them (`at_quality`). A bias depends on the place
in a block of latent, for so does the error. Neither costs a multiplication.

For NumPy and JAX arrays alike, as `ops.synthesis`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lic_jax.ops.namespace import namespace
from lic_jax.ops.subpixel import pixel_shuffle, pixel_unshuffle
from lic_jax.ops.synthesis import convolve, relu
from lic_jax.types import Array, Float, Shaped

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
    weights: those of a quality: "first", "last" and "block0", ..., the last
      each of a "first" and a "second": kernels of 3x3 convolutions, and biases
      of p x p places.
    x_hat: output of a synthesis; sizes are multiples of p * FACTOR.
    level: the error that is to be expected, its root mean square.
    dtype: of the products.
  """
  t = pixel_unshuffle(x_hat / level, FACTOR)
  t = relu(_layer(weights["first"], t, dtype))
  for i in range(blocks(weights)):
    block = weights[f"block{i}"]
    u = relu(_layer(block["first"], t, dtype))
    t = t + _layer(block["second"], u, dtype)
  t = _layer(weights["last"], t, dtype)
  return x_hat + level * pixel_shuffle(t, FACTOR)


def _layer(
  layer: Mapping[str, Any], t: Float[Array, "b h w c"], dtype: str
) -> Float[Array, "b h w c2"]:
  bias = layer["bias"]
  out = convolve({"kernel": layer["kernel"], "bias": None}, t, dtype)
  b, h, w, c = out.shape
  period = len(bias)
  blocks = out.reshape(b, h // period, period, w // period, period, c)
  return (blocks + bias[:, None]).reshape(out.shape)


def at_quality(
  network: Mapping[str, Any], share: Float[Array, ""]
) -> Mapping[str, Any]:
  """The weights of a quality.

  Args:
    network: as `restore` takes weights, each with a leading axis of qualities.
    share: of the way from the lowest quality to the highest.
  """
  xp = namespace(share)

  def weight(anchors: Float[Array, "a *w"]) -> Float[Array, "*w"]:
    count = len(anchors)
    distance = xp.abs(share * (count - 1) - np.arange(count, dtype=np.float32))
    return xp.tensordot(xp.maximum(0, 1 - distance), anchors, 1)

  def of(network: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
      name: of(part) if isinstance(part, Mapping) else weight(part)
      for name, part in network.items()
    }

  return of(network)


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


def of_quality(
  restorer: Mapping[str, Any], quality: float | int
) -> tuple[Float[np.ndarray, "1 1 1 1"], Mapping[str, Any]]:
  """Level and weights of a quality, as `restore` takes them.

  Args:
    restorer: "levels" and "network", of a decoder.
    quality: 0 to that of the last level.
  """
  levels = restorer["levels"]
  share = share_of(levels, np.array(quality))
  level = level_at(levels, quality).reshape(1, 1, 1, 1)
  return level, at_quality(restorer["network"], share)


def share_of(
  levels: Float[np.ndarray, "rungs"], quality: Shaped[np.ndarray, "*n"]
) -> Float[np.ndarray, "*n"]:
  """Qualities as `at_quality` takes them; 0 in a codec of one rate."""
  return np.asarray(quality / max(1, len(levels) - 1), np.float32)
