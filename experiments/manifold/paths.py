"""Straight paths through a latent space, decoded: section 3.1's measures.

Yang and Mandt (2023), shallow-decoder specification 7A. Between the latents z0
and z1 of two images x0 and x1, with a synthesis g:

  gamma(t) = (1-t) z0 + t z1        the path, straight in the latent
  g(gamma(t))                       the decoded curve
  (1-t) g(z0) + t g(z1)             the straight line between its ends
  (1-t) x0 + t x1                   the mixture of the images ("mixup")

No quantisation; pixels in [-0.5, 0.5]. The curve's speed is the derivative of
g along z1 - z0, by `jax.jvp`; its length is the integral of the speed.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import simpson

from lic_jax.types import Array, Float

Image = Float[np.ndarray, "h w 3"]
Synthesis = Callable[[Any, Array], Array]


@functools.partial(jax.jit, static_argnums=0)
def _point(
  synthesis: Synthesis, weights: Any, z0: Array, z1: Array, t: Array
) -> tuple[Array, Array]:
  """The decoded curve and its velocity at t."""
  decode = functools.partial(synthesis, weights)
  return jax.jvp(decode, ((1 - t) * z0 + t * z1,), (z1 - z0,))


def decoded_curve(
  synthesis: Synthesis,
  weights: Any,
  z0: Float[np.ndarray, "h w c"],
  z1: Float[np.ndarray, "h w c"],
  *,
  times: Float[np.ndarray, "n"],
) -> tuple[Float[np.ndarray, "n h2 w2 3"], Float[np.ndarray, "n"]]:
  """The decoded curve at some times, and its speed, in float64.

  Args:
    synthesis: of weights and a latent; differentiable by JAX.
    weights: its weights.
    z0: where the path begins.
    z1: where it ends.
    times: in [0, 1].
  """
  curve, speed = [], []
  for t in times:
    point, velocity = _point(synthesis, weights, z0, z1, jnp.float32(t))
    curve.append(np.asarray(point, np.float64))
    speed.append(np.linalg.norm(np.asarray(velocity, np.float64)))
  return np.stack(curve), np.array(speed)


def measure(
  curve: Float[np.ndarray, "n h w 3"],
  speed: Float[np.ndarray, "n"],
  x0: Image,
  x1: Image,
  *,
  times: Float[np.ndarray, "n"],
) -> dict[str, Any]:
  """How straight a decoded curve is, and how well it mixes the images.

  Args:
    curve: at `times`, which begin with 0 and end with 1, evenly spaced.
    speed: of the curve, by `decoded_curve`.
    x0: the image whose latent the path begins with.
    x1: the image whose latent it ends with.
    times: an odd number of them, for Simpson's rule.

  Returns:
    "straight": MSE to the straight line, at each time; "mixup": MSE to the
    mixture of the images; "line_mixup": the straight line's to it; "length"
    of the curve; "distance" of its ends; "along" and "aside": position along
    the straight line and distance from it, in units of "distance".
  """
  mix = times[:, None, None, None]
  line = (1 - mix) * curve[0] + mix * curve[-1]
  mixture = (1 - mix) * x0 + mix * x1

  def mse(a: np.ndarray, b: np.ndarray) -> list[float]:
    return np.mean((a - b) ** 2, axis=(1, 2, 3)).tolist()

  step = curve[-1] - curve[0]
  distance = np.linalg.norm(step)
  along = np.tensordot(curve - curve[0], step, 3) / distance**2
  aside = curve - curve[0] - along[:, None, None, None] * step
  return {
    "straight": mse(curve, line),
    "mixup": mse(curve, mixture),
    "line_mixup": mse(line, mixture),
    "length": float(simpson(speed, x=times)),
    "distance": float(distance),
    "along": along.tolist(),
    "aside": (np.sqrt(np.sum(aside**2, axis=(1, 2, 3))) / distance).tolist(),
  }
