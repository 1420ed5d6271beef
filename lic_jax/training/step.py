"""One training step and one validation step: pure functions.

loss = bpp + lambda * distortion, mean over the batch, no rounding or clipping
of pixels. The distortion is the MSE on the 0..255 scale (shallow-decoder
specification 3) or 1 - MS-SSIM (LOC-LIC specification 3.2).
"""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from lic_jax.metrics.distortion import ms_ssim
from lic_jax.metrics.lagrangian import lagrangian
from lic_jax.ops import gain
from lic_jax.training import schedule
from lic_jax.training.state import TrainState, rate_factors
from lic_jax.types import Array, Float, LicError, UInt8

Terms = dict[str, Float[Array, ""]]
DISTORTIONS = ("mse", "ms_ssim")


def to_unit(pixels: UInt8[Array, "b h w 3"]) -> Float[Array, "b h w 3"]:
  """0..255 -> [-0.5, 0.5]."""
  return pixels.astype(jnp.float32) / 255 - 0.5


def to_levels(x: Float[Array, "b h w 3"]) -> Float[Array, "b h w 3"]:
  """[-0.5, 0.5] -> 0..255, neither rounded nor clipped."""
  return 255 * (x + 0.5)


def check_distortion(name: str) -> str:
  """`name` if it is a distortion.

  Raises:
    LicError: it is not.
  """
  if name not in DISTORTIONS:
    raise LicError(f"loss.distortion is {name!r}, not one of {DISTORTIONS}")
  return name


def loss_terms(
  model: nn.Module,
  params: Any,
  x: Float[Array, "b h w 3"],
  *,
  lmbda: Float[Array, "*b"],
  keys: Array,
  distortion: str = "mse",
  quality: Float[Array, "b"] | None = None,
  weight: Float[Array, "*b"] | float = 1.0,
) -> tuple[Float[Array, ""], Terms]:
  """The Lagrangian of relaxed latents, weighted, and what it is made of.

  Args:
    model: the model.
    params: its parameters.
    x: images in [-0.5, 0.5].
    lmbda: the trade-off, of all images or of each.
    keys: one random key per image.
    distortion: one of `DISTORTIONS`.
    quality: of each image, for a model with gains.
    weight: of all images or of each.
  """
  given = {} if quality is None else {"quality": quality}
  output = model.apply({"params": params}, x, mode="train", keys=keys, **given)
  pixels = x.shape[1] * x.shape[2]
  bpp_y, bpp_z = output.bits_y / pixels, output.bits_z / pixels
  mse = 255**2 * jnp.mean(jnp.square(output.x_hat - x), axis=(1, 2, 3))
  terms = {"bpp_y": bpp_y, "bpp_z": bpp_z, "mse": mse}
  lost = mse
  if distortion == "ms_ssim":
    terms["ms_ssim"] = ms_ssim(to_levels(x), to_levels(output.x_hat))
    lost = 1 - terms["ms_ssim"]
  terms["loss"] = lagrangian(bpp_y + bpp_z, lost, lmbda)
  loss = jnp.mean(weight * terms["loss"])
  return loss, {name: jnp.mean(values) for name, values in terms.items()}


def train_step(
  state: TrainState,
  pixels: UInt8[Array, "b h w 3"],
  progress: Float[Array, ""],
  keys: Array,
  *,
  model: nn.Module,
  optimizer: optax.GradientTransformation,
  config: Mapping[str, Any],
  axis: str | None = None,
) -> tuple[TrainState, Terms]:
  """Gradient of the loss, mean over devices, the optimizer's update.

  Args:
    state: before the step.
    pixels: this device's share of the batch.
    progress: share of the training done after this step.
    keys: one random key per image of the share.
    model, optimizer: as built from the config.
    config: the config, for its `loss` and `optimizer` blocks and the number of
      qualities: with gains every image has one of its own, and
      `loss.lmbda` is that of the lowest.
    axis: name of the mapped axis over which gradients are averaged.
  """
  loss, optim = config["loss"], config["optimizer"]
  lmbda = schedule.lagrange_multiplier(
    progress,
    target=loss["lmbda"],
    factor=loss["warmup_factor"],
    until=loss["warmup"],
  )
  quality, weight = None, 1.0
  if rungs := config["model"].get("gain_rungs", 0):
    quality = qualities(keys, rungs)
    lmbda = gain.lagrange_multiplier(lmbda, quality)
    weight = gain.weight(quality, rungs=rungs)
  rate = schedule.learning_rate(
    progress,
    peak=optim["learning_rate"],
    warmup=optim["warmup"],
    decay="cosine" if config["budget_minutes"] else optim["decay"],
  )
  factors = rate_factors(state.params, optim["factors"])
  gradients, terms = jax.grad(
    lambda params: loss_terms(
      model,
      _frozen(params, factors),
      to_unit(pixels),
      lmbda=lmbda,
      keys=keys,
      distortion=loss["distortion"],
      quality=quality,
      weight=weight,
    ),
    has_aux=True,
  )(state.params)
  if axis is not None:
    gradients, terms = jax.lax.pmean((gradients, terms), axis)
  updates, opt_state = optimizer.update(
    gradients, state.opt_state, state.params
  )
  updates = jax.tree.map(
    lambda update, factor: rate * factor * update,
    updates,
    factors,
  )
  terms |= {
    "gradient_norm": jnp.sqrt(
      sum(jnp.sum(jnp.square(g)) for g in jax.tree.leaves(gradients))
    ),
    "learning_rate": rate,
    "lmbda": jnp.mean(lmbda),
  }
  return (
    TrainState(
      params=optax.apply_updates(state.params, updates),
      opt_state=opt_state,
      step=state.step + 1,
    ),
    terms,
  )


def _frozen(params: Any, factors: Any) -> Any:
  """The parameters; those with a factor of 0 cost no gradient."""
  return jax.tree.map(
    lambda leaf, factor: leaf if factor else jax.lax.stop_gradient(leaf),
    params,
    factors,
  )


def qualities(keys: Array, rungs: int) -> Float[Array, "b"]:
  """A real quality for every image, uniform from 0 to rungs - 1."""

  def draw(key: Array) -> Array:
    # Noise takes the numbers of the latents, 0 and 1.
    return jax.random.uniform(jax.random.fold_in(key, 2), maxval=rungs - 1.0)

  return jax.vmap(draw)(keys)


def validation_step(
  params: Any,
  pixels: UInt8[Array, "b h w 3"],
  *,
  model: nn.Module,
  lmbda: float,
  distortion: str = "mse",
) -> tuple[Terms, UInt8[Array, "b h w 3"]]:
  """Estimated rate and distortion with hard quantisation, rounded pixels.

  Returns:
    Means over images of estimated_bpp, psnr (dB), loss and, if that is the
    distortion, ms_ssim; and the pictures.
  """
  output = model.apply({"params": params}, to_unit(pixels), mode="hard")
  bits = output.bits_y + output.bits_z
  bpp = bits / (pixels.shape[1] * pixels.shape[2])
  decoded = jnp.clip(jnp.round((output.x_hat + 0.5) * 255), 0, 255)
  mse = jnp.mean(
    jnp.square(decoded - pixels.astype(jnp.float32)), axis=(1, 2, 3)
  )
  # A perfect 8-bit copy has no finite PSNR; 1e-3 reads as 78 dB.
  psnr = 10 * jnp.log10(255**2 / jnp.maximum(mse, 1e-3))
  terms = {
    "estimated_bpp": jnp.mean(bpp),
    "psnr": jnp.mean(psnr),
    "loss": jnp.mean(lagrangian(bpp, mse, lmbda)),
  }
  if distortion == "ms_ssim":
    similarity = ms_ssim(pixels, decoded)
    terms["ms_ssim"] = jnp.mean(similarity)
    terms["loss"] = jnp.mean(lagrangian(bpp, 1 - similarity, lmbda))
  return terms, decoded.astype(jnp.uint8)
