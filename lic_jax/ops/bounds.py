"""Bounds whose gradient still points back inside.

Specification 1.3 and 2.2: the forward pass clips; the gradient passes where the
input is inside, or where a descent step would move it towards the inside
("identity_if_towards"), so that a parameter stuck at a bound can leave it.
"""

import functools

import jax
import jax.numpy as jnp

from lic_jax.types import Array, Float


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def lower_bound(x: Float[Array, "*b"], bound: float) -> Float[Array, "*b"]:
  """max(x, bound); the gradient passes if x >= bound or it is negative."""
  return jnp.maximum(x, bound)


def _lower_forward(x: Array, bound: float) -> tuple[Array, Array]:
  return jnp.maximum(x, bound), x >= bound


def _lower_backward(bound: float, inside: Array, g: Array) -> tuple[Array]:
  del bound
  return (jnp.where(inside | (g < 0), g, 0),)


lower_bound.defvjp(_lower_forward, _lower_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def upper_bound(x: Float[Array, "*b"], bound: float) -> Float[Array, "*b"]:
  """min(x, bound); the gradient passes if x <= bound or it is positive."""
  return jnp.minimum(x, bound)


def _upper_forward(x: Array, bound: float) -> tuple[Array, Array]:
  return jnp.minimum(x, bound), x <= bound


def _upper_backward(bound: float, inside: Array, g: Array) -> tuple[Array]:
  del bound
  return (jnp.where(inside | (g > 0), g, 0),)


upper_bound.defvjp(_upper_forward, _upper_backward)
