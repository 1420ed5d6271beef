"""Muon beside Adam: which parameter gets which, and what an update is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lic_jax.training.state import make_optimizer
from lic_jax.types import LicError


@pytest.fixture(scope="module")
def gradients():
  rng = np.random.default_rng(0)
  shapes = {"kernel": (3, 3, 4, 8), "bias": (8,)}
  return {
    branch: {
      name: jnp.asarray(rng.normal(size=shape), jnp.float32)
      for name, shape in shapes.items()
    }
    for branch in ("analysis", "synthesis")
  }


def first_update(gradients, muon):
  optimizer = make_optimizer(1e6, muon)
  params = jax.tree.map(jnp.zeros_like, gradients)
  return optimizer.update(gradients, optimizer.init(params), params)[0]


def test_adams_first_update_is_minus_the_sign(gradients):
  updates = first_update(gradients, ())
  jax.tree.map(
    lambda u, g: np.testing.assert_allclose(u, -jnp.sign(g), atol=1e-4),
    updates,
    gradients,
  )


def test_muon_takes_the_kernels_it_is_told_and_makes_them_orthogonal(gradients):
  updates = first_update(gradients, ("analysis",))
  update = np.asarray(updates["analysis"]["kernel"]).reshape(-1, 8)
  # 0.2 of Adam's root mean square: all singular values 0.2 sqrt(36). Five
  # iterations of Newton and Schulz leave them within 0.68 and 1.13 of it.
  singular = np.linalg.svd(update, compute_uv=False) / (0.2 * np.sqrt(36))
  assert singular.min() > 0.6 and singular.max() < 1.25
  assert (
    np.sum(update * np.asarray(gradients["analysis"]["kernel"]).reshape(-1, 8))
    < 0
  )
  # The rest is Adam's: every number moves as far.
  for branch, name in (("analysis", "bias"), ("synthesis", "kernel")):
    update, gradient = updates[branch][name], gradients[branch][name]
    np.testing.assert_array_equal(jnp.sign(update), -jnp.sign(gradient))
    assert np.ptp(np.abs(update)) < 1e-4


def test_a_prefix_without_kernels_is_refused(gradients):
  with pytest.raises(LicError, match=r"optimizer\.muon.*analysis/bias"):
    first_update(gradients, ("analysis/bias",))
