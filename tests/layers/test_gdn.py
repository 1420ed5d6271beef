"""GDN: against tensorflow-compression, and inverse of its inverse."""

import jax
import jax.numpy as jnp
import numpy as np

from lic_jax.layers import gdn
from lic_jax.ops.gdn import norm1


def test_gdn1_and_igdn1_equal_tensorflow_compressions(golden):
  case = golden["gdn"]
  u, beta, gamma = (np.asarray(case[n]) for n in ("u", "beta", "gamma"))
  norm = norm1(u, beta, gamma)
  np.testing.assert_allclose(u / norm, case["gdn1"], rtol=1e-6)
  np.testing.assert_allclose(u * norm, case["igdn1"], rtol=1e-6)


def test_parameterisation_and_gradient_equal_tensorflow_compressions(golden):
  for name in ("beta", "gamma"):
    case = golden["gdn"][f"parameter_{name}"]
    p = jnp.asarray(case["stored"])
    value, pullback = jax.vjp(
      lambda p, case=case: gdn.effective(p, case["minimum"]), p
    )
    np.testing.assert_allclose(value, case["effective"], rtol=1e-4, atol=1e-11)
    for upstream, expected in zip(case["upstream"], case["gradient_stored"]):
      (gradient,) = pullback(jnp.full_like(p, upstream))
      np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-9)
    stored = gdn.stored(jnp.asarray(case["initial"]))
    np.testing.assert_allclose(stored, case["initial_stored"], rtol=1e-6)


def test_initial_norms_are_one_plus_a_tenth(rng):
  u = jnp.asarray(rng.normal(size=(1, 4, 4, 8)), jnp.float32)
  module = gdn.GDN1()
  out = module.apply(module.init(jax.random.key(0), u), u)
  np.testing.assert_allclose(out, u / (1 + 0.1 * jnp.abs(u)), rtol=1e-5)


def test_classical_gdn_and_its_inverse_share_the_norm(rng):
  u = jnp.asarray(rng.normal(size=(1, 4, 4, 8)), jnp.float32)
  forward, inverse = gdn.GDN(), gdn.GDN(inverse=True)
  params = forward.init(jax.random.key(0), u)
  product = forward.apply(params, u) * inverse.apply(params, u)
  np.testing.assert_allclose(product, u * u, rtol=1e-5)
