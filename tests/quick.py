"""What keeps tests of networks with many small parts short.

Compiling takes nearly all of their time: of initialisers, which these
parameters do without, and of optimisations that one run does not pay back.
"""

import jax
import jax.numpy as jnp
import numpy as np


def random_params(init, *arguments):
  """Random values, biases too, for every parameter that `init` makes."""
  rng = np.random.default_rng(1)

  def fill(path, leaf):
    fan_in = max(1, np.prod(leaf.shape[:-1]))
    values = rng.normal(size=leaf.shape) / np.sqrt(fan_in)
    # Those of GDN stand for numbers that are not negative.
    values = np.abs(values) if "gdn" in jax.tree_util.keystr(path) else values
    return jnp.asarray(values, jnp.float32)

  shapes = jax.eval_shape(init, jax.random.key(0), *arguments)
  return jax.tree_util.tree_map_with_path(fill, shapes)


def compiled(function, *arguments):
  """`function`, compiled without optimisation for arguments like these."""
  lowered = jax.jit(function).lower(*arguments)
  return lowered.compile(compiler_options={"xla_backend_optimization_level": 0})
