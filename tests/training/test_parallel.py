"""A step is compiled once: its result has the types and places of its input."""

import jax
import numpy as np
from test_step import smoke

from lic_jax.models.build import build
from lic_jax.training import parallel
from lic_jax.training.state import create_params


def test_a_replicated_state_lies_where_a_step_leaves_it():
  before = parallel.replicate(np.ones(3, np.float32))
  after = jax.pmap(lambda x: x + 1, axis_name=parallel.AXIS)(before)
  assert before.sharding == after.sharding


def test_parameters_are_of_the_type_that_an_update_gives():
  params = create_params(build(smoke()["model"]), 0)
  weak = [
    jax.tree_util.keystr(path)
    for path, leaf in jax.tree_util.tree_leaves_with_path(params)
    if leaf.weak_type
  ]
  assert not weak
