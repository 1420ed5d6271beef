"""The objective: what the model says, and what the coder says."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import tiny_codec

from lic_jax.codec import encode as codec
from lic_jax.sga import encode, objective, optimizer
from lic_jax.sga.objective import Target


def _terms(bundle, problem, relax):
  @jax.jit
  def terms(weights, latents, target):
    functions = bundle.decoder.functions
    return objective.terms(weights, functions, latents, target, 0.01, relax)

  one = jax.tree.map(lambda array: array[0], problem[:2])
  return terms(optimizer.frozen_weights(bundle, "float32"), *one)


def _begin(bundle):
  """What the optimizer begins with: the rounded start, as in a file."""
  return functools.partial(
    optimizer.begin,
    functions=bundle.decoder.functions,
    lmbda=0.01,
    network=bundle.decoder.hyper_synthesis,
  )


def _problem(bundle, rgb):
  return encode.problem(rgb[None], codec.analyse(rgb, bundle), bundle, seed=0)


def test_rounded_it_is_the_rate_and_distortion_of_the_file(bundle):
  rgb = tiny_codec.photograph()[:130, :150]  # padded on both sides
  state = jax.jit(jax.vmap(_begin(bundle), (None, 0)))(
    optimizer.frozen_weights(bundle, "float32"), _problem(bundle, rgb)
  )
  rounded, terms = jax.tree.map(lambda array: array[0], state[2:])
  encoded = codec.encode(rgb, bundle)
  np.testing.assert_array_equal(rounded.y, encoded.latents.y[0])
  pixels = 130 * 150
  # The estimate has the coder's floor of 2^-24 for a symbol, this has not.
  estimated = codec.estimated_bits(encoded, bundle) / pixels
  np.testing.assert_allclose(terms.bpp, estimated, rtol=0.01)
  overhead = 64 * 8 / pixels
  real = len(encoded.data) * 8 / pixels
  np.testing.assert_allclose(terms.bpp, real, rtol=0.01, atol=overhead)
  decoder = bundle.decoder
  x_hat = objective.run(
    decoder.functions["synthesis"],
    decoder.weights["synthesis"],
    rounded.y,
  )[:130, :150]
  error = (x_hat + 0.5) * 255 - rgb  # this untrained one leaves 0..255
  np.testing.assert_allclose(terms.mse, np.mean(error**2), rtol=1e-3)
  np.testing.assert_allclose(terms.loss, terms.bpp + 0.01 * terms.mse)


def test_padding_costs_no_distortion(hyperprior):
  rgb = tiny_codec.photograph()[:100, :100]
  problem = _problem(hyperprior, rgb)
  x, real = problem.target
  spoilt = problem._replace(target=Target(np.where(real > 0, x, 9.0), real))
  for relax in (lambda m, _: jnp.round(m), lambda m, _: m):
    _, terms = _terms(hyperprior, problem, relax)
    _, same = _terms(hyperprior, spoilt, relax)
    assert terms == same
