"""Windows of an image: as wide as the decoder reaches."""

import jax
import jax.numpy as jnp
import numpy as np
import tiny_codec

from lic_jax.codec import encode as codec
from lic_jax.ops.windows import windows
from lic_jax.sga import encode, objective, optimizer


def test_a_change_in_the_core_costs_the_window_what_it_costs_the_image(
  hyperprior, rng
):
  """The margin is as wide as z reaches: no effect of the core escapes."""
  rgb = np.tile(tiny_codec.photograph()[:256, :256], (3, 3, 1))[:640, :640]
  whole = encode.problem(
    rgb[None], codec.analyse(rgb, hyperprior), hyperprior, seed=0
  )
  weights = optimizer.frozen_weights(hyperprior, "float32")

  @jax.jit
  def total(latents, target):
    latents, target = jax.tree.map(lambda a: a[0], (latents, target))
    _, terms = objective.terms(
      weights,
      hyperprior.decoder.functions,
      latents,
      target,
      0.01,
      lambda m, _: jnp.round(m),
    )
    return terms.loss * jnp.sum(target.real)

  before = jax.tree.map(np.array, whole.start)
  changed = jax.tree.map(
    lambda array: array + 3 * rng.normal(size=array.shape), before
  )
  for number, place in enumerate(windows(640, 640, core=64, margin=192)):
    if number not in (0, 5, 44, 99):
      continue
    after = jax.tree.map(np.array, before)
    encode.paste(after, encode.cut(whole, changed, place, number).start, place)
    differences = []
    for cut in (lambda v: (v, whole.target), None):
      parts = [
        cut(latents) if cut else encode.cut(whole, latents, place, number)[:2]
        for latents in (before, after)
      ]
      differences.append(float(total(*parts[1]) - total(*parts[0])))
    assert abs(differences[0]) > 100
    np.testing.assert_allclose(*differences, rtol=2e-3)
