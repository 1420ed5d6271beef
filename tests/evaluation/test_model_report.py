"""LOC-LIC's tables: what each mechanism of a context model costs."""

import functools
import importlib.util
import pathlib

import jax
import jax.numpy as jnp
import pytest

from lic_jax.evaluation.complexity import count
from lic_jax.evaluation.model_report import context_parts, model_report
from lic_jax.models.build import build

CONFIGS = pathlib.Path(__file__).parents[2] / "configs"
HEIGHT, WIDTH = 512, 768
# The specification's prior of z has 61 numbers per channel, of which three are
# quantiles, and five layers; ours solves for quantiles and has three layers.
PRIOR, OUR_PRIOR = 61, 28


@functools.cache
def model_of(name, grid):
  path = CONFIGS / f"{name}.py"
  spec = importlib.util.spec_from_file_location(f"config_{name}", path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  config = module.get_config().model.to_dict()
  config["context"]["grid"] = grid
  return build(config)


@functools.cache
def report(name, grid):
  parts = model_report(model_of(name, grid), HEIGHT, WIDTH)
  return {part.name: part for part in parts}


# Specification 1.4: kMAC/px and parameters. It counts the attention of
# `intra` on the full grid, 2.591; keys and queries have half of it.
LOC_LIC_TABLE = {
  "analysis": (25.744, 1_075_776),
  "synthesis": (44.800, 5_549_612),
  "hyper_analysis": (2.340, 959_104),
  "hyper_synthesis": (21.240, 16_501_280),
  "local": (4.482, 755_220),
  "channel": (22.680, 5_810_112),
  "inter": (18.408, 4_633_344),
  "intra": (2.573, 659_232),
  "anchor_parameters": (14.960, 3_837_440),
  "nonanchor_parameters": (16.480, 4_226_560),
  "anchor_residual": (50.580, 12_952_320),
  "residual": (50.580, 12_952_320),
}


def test_loc_lics_table_is_reproduced_part_by_part():
  parts = report("loc_lic", "full")
  sums = {"total", "encode", "decode"}
  assert set(parts) - sums == set(LOC_LIC_TABLE)
  for name, (kmacs, numbers) in LOC_LIC_TABLE.items():
    assert parts[name].kmac_per_pixel == pytest.approx(kmacs, abs=1e-3), name
    assert parts[name].parameters == numbers, name


# Specification 0, 1.4, 1.5 and 2.6: kMAC/px in layers, of all and to decode.
@pytest.mark.parametrize(
  ("name", "grid", "layers", "total", "decode"),
  [
    ("loc_lic", "full", 271.4, 274.9, 246.8),
    ("loc_lic", "half", 255.7, 259.2, 231.1),
    ("mlicpp", "full", 1126.9, 1153.0, 777.8),
    ("elic", "full", 585.9, 585.9, 327.6),
    ("loc_lic_small", "full", 145.4, 148.0, 121.1),
    ("loc_lic_lite", "half", 168.5, 170.5, 142.4),
  ],
)
def test_the_totals_are_the_specifications(name, grid, layers, total, decode):
  parts = report(name, grid)
  near = functools.partial(pytest.approx, abs=0.1)
  assert parts["total"].layer_kmac_per_pixel == near(layers)
  assert parts["total"].kmac_per_pixel == near(total)
  assert parts["decode"].kmac_per_pixel == near(decode)


@pytest.mark.parametrize(
  ("name", "hyper_channels", "numbers"),
  [("loc_lic", 128, 69_920_128), ("mlicpp", 192, 83_501_408)],
)
def test_parameters_are_the_published_ones_but_for_the_prior_of_z(
  name, hyper_channels, numbers
):
  without_prior = numbers - PRIOR * hyper_channels
  assert report(name, "full")["total"].parameters == without_prior
  model = model_of(name, "full")
  variables = jax.eval_shape(
    model.init, jax.random.key(0), jnp.zeros((1, 64, 64, 3))
  )
  found = sum(leaf.size for leaf in jax.tree.leaves(variables))
  assert found == without_prior + OUR_PRIOR * hyper_channels
  local = variables["params"]["context"]["slice7"]["local"]
  assert sum(leaf.size for leaf in jax.tree.leaves(local)) == 75_522


def test_elics_context_and_hyper_transforms_are_the_specifications():
  parts = report("elic", "full")
  context = ("channel", "spatial", "parameters")
  assert sum(parts[name].kmac_per_pixel for name in context) == pytest.approx(
    67.2, abs=0.1
  )
  hyper = ("hyper_analysis", "hyper_synthesis")
  assert sum(parts[name].kmac_per_pixel for name in hyper) == pytest.approx(
    8.8, abs=0.1
  )


@pytest.mark.parametrize("name", ["loc_lic_small", "elic"])
def test_the_mechanisms_are_the_whole_of_the_context_model(name):
  context = model_of(name, "full").context
  channels = 192 if name == "loc_lic_small" else 320
  y = jax.ShapeDtypeStruct((1, 8, 8, channels), jnp.float32)
  hyper = jax.ShapeDtypeStruct((1, 8, 8, 384), jnp.float32)

  def run(variables, y, hyper):
    decoded = context.apply(variables, y, hyper, quantise=lambda y, mean: y)
    return decoded.y_hat, decoded.mean, decoded.scale

  variables = jax.eval_shape(
    functools.partial(context.init, quantise=lambda y, mean: y),
    jax.random.key(0),
    y,
    hyper,
  )
  parts = context_parts(context, y, hyper, pixels=128**2)
  whole = count(run, variables, y, hyper)
  assert sum(part.macs for part in parts) == whole.macs
  assert sum(part.layer_macs for part in parts) == whole.layer_macs
  numbers = sum(leaf.size for leaf in jax.tree.leaves(variables))
  assert sum(part.parameters for part in parts) == numbers
