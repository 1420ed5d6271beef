"""MLIC++'s hyper-transforms: the specification's costs, scale and reach."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lic_jax.evaluation.complexity import part_complexity
from lic_jax.transforms import find

HEIGHT, WIDTH = 512, 768
LATENT = jax.ShapeDtypeStruct((1, HEIGHT // 16, WIDTH // 16, 320), jnp.float32)


# LOC-LIC specification 1.4: kMAC/px and parameters of LOC-LIC and of MLIC++.
@pytest.mark.parametrize(
  ("channels", "kmacs", "numbers"),
  [
    (128, ("2.340", "21.240"), (959_104, 16_501_280)),
    (192, ("4.185", "21.285"), (1_881_024, 16_685_600)),
  ],
)
def test_the_tables_costs_are_reproduced(channels, kmacs, numbers):
  x = LATENT
  for name, arguments, kmac, number in zip(
    ("HyperAnalysis", "HyperSynthesis"),
    ({"channels": channels}, {}),
    kmacs,
    numbers,
  ):
    name = f"multi_reference_hyper.{name}"
    module = find.build({"name": name, **arguments})
    part, x = part_complexity(name, module, x, pixels=HEIGHT * WIDTH)
    assert f"{part.kmac_per_pixel:.3f}" == kmac
    assert part.parameters == number
  assert x.shape == (*LATENT.shape[:3], 640)


def test_the_hyper_analysis_takes_the_sign_of_the_latent(rng):
  module = find.build(
    {"name": "multi_reference_hyper.HyperAnalysis", "channels": 4}
  )
  y = jnp.asarray(rng.normal(size=(1, 8, 4, 6)), jnp.float32)
  key = jax.random.key(0, impl="rbg")
  z, variables = jax.jit(module.init_with_output)(key, y)
  assert z.shape == (1, 2, 1, 4)
  assert np.abs(jax.jit(module.apply)(variables, -y) - z).max() > 1e-3
