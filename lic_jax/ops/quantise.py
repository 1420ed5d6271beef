"""Quantisation and its differentiable stand-ins; specification 2.3."""

import jax
import jax.numpy as jnp

from lic_jax.types import Array, Float


def hard(
  x: Float[Array, "*b"], offset: Float[Array, "*#b"]
) -> Float[Array, "*b"]:
  """round(x - offset) + offset, half to even: what a file can hold."""
  return jnp.round(x - offset) + offset


def straight_through(
  x: Float[Array, "*b"], offset: Float[Array, "*#b"]
) -> Float[Array, "*b"]:
  """`hard` forward; gradient: identity to x, none to the offset."""
  return x + jax.lax.stop_gradient(hard(x, offset) - x)


def uniform_noise(
  x: Float[Array, "b *n"], *, keys: Array, latent: int | None = None
) -> Array:
  """x + U(-1/2, 1/2), one key per example: the same on any device layout.

  Args:
    x: a latent.
    keys: one per example.
    latent: which of several it is, so that each has noise of its own.
  """

  def draw(key: Array) -> Array:
    key = key if latent is None else jax.random.fold_in(key, latent)
    return jax.random.uniform(key, x.shape[1:], minval=-0.5, maxval=0.5)

  return x + jax.vmap(draw)(keys)
