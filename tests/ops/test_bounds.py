"""Bounds: the forward clip, and the gradient that points back inside."""

import jax
import jax.numpy as jnp
import numpy as np

from lic_jax.ops.bounds import lower_bound, upper_bound


def test_bounds_and_their_gradients_equal_tensorflow_compressions(golden):
  case = golden["bounds"]
  x = jnp.asarray(case["x"])
  for name, function in (("lower", lower_bound), ("upper", upper_bound)):
    value, pullback = jax.vjp(lambda x, f=function: f(x, case["bound"]), x)
    np.testing.assert_array_equal(value, case[name])
    for sign in ("positive", "negative"):
      (gradient,) = pullback(jnp.full_like(x, case[f"upstream_{sign}"]))
      np.testing.assert_array_equal(gradient, case[f"gradient_{name}_{sign}"])
