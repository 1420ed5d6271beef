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
  lmbda: Float[Array, ""],
  keys: Array,
  distortion: str = "mse",
) -> tuple[Float[Array, ""], Terms]:
  """The Lagrangian of relaxed latents, and what it is made of."""
  output = model.apply({"params": params}, x, mode="train", keys=keys)
  pixels = x.shape[1] * x.shape[2]
  bpp_y = jnp.mean(output.bits_y) / pixels
  bpp_z = jnp.mean(output.bits_z) / pixels
  mse = 255**2 * jnp.mean(jnp.square(output.x_hat - x))
  terms = {"bpp_y": bpp_y, "bpp_z": bpp_z, "mse": mse}
  if distortion == "ms_ssim":
    similarity = jnp.mean(ms_ssim(to_levels(x), to_levels(output.x_hat)))
    terms["ms_ssim"] = similarity
    loss = lagrangian(bpp_y + bpp_z, 1 - similarity, lmbda)
  else:
    loss = lagrangian(bpp_y + bpp_z, mse, lmbda)
  return loss, {"loss": loss, **terms}


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
  """Gradient of the loss, mean over devices, Adam.

  Args:
    state: before the step.
    pixels: this device's share of the batch.
    progress: share of the training done after this step.
    keys: one random key per image of the share.
    model, optimizer: as built from the config.
    config: the config, for its `loss` and `optimizer` blocks.
    axis: name of the mapped axis over which gradients are averaged.
  """
  loss, optim = config["loss"], config["optimizer"]
  lmbda = schedule.lagrange_multiplier(
    progress,
    target=loss["lmbda"],
    factor=loss["warmup_factor"],
    until=loss["warmup"],
  )
  rate = schedule.learning_rate(
    progress,
    peak=optim["learning_rate"],
    warmup=optim["warmup"],
    decay="cosine" if config["budget_minutes"] else optim["decay"],
  )
  gradients, terms = jax.grad(
    lambda params: loss_terms(
      model,
      params,
      to_unit(pixels),
      lmbda=lmbda,
      keys=keys,
      distortion=loss["distortion"],
    ),
    has_aux=True,
  )(state.params)
  if axis is not None:
    gradients, terms = jax.lax.pmean((gradients, terms), axis)
  direction, opt_state = optimizer.update(gradients, state.opt_state)
  updates = jax.tree.map(
    lambda d, factor: -rate * factor * d,
    direction,
    rate_factors(state.params, optim["factors"]),
  )
  terms |= {
    "gradient_norm": jnp.sqrt(
      sum(jnp.sum(jnp.square(g)) for g in jax.tree.leaves(gradients))
    ),
    "learning_rate": rate,
    "lmbda": lmbda,
  }
  return (
    TrainState(
      params=optax.apply_updates(state.params, updates),
      opt_state=opt_state,
      step=state.step + 1,
    ),
    terms,
  )


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
