"""Operations are counted on the trace, and equal the papers' tables."""

import functools
import importlib
import json
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest

from lic_jax import complexity as entry
from lic_jax.evaluation.complexity import (
  Count,
  count,
  parameters,
  part_complexity,
)
from lic_jax.evaluation.model_report import model_report
from lic_jax.layers.convolution import depthwise
from lic_jax.models.build import build
from lic_jax.transforms import find
from lic_jax.types import LicError

ROOT = pathlib.Path(__file__).parents[2]
HEIGHT, WIDTH = 512, 768
PIXELS = HEIGHT * WIDTH


def shape(*sides: int) -> jax.ShapeDtypeStruct:
  return jax.ShapeDtypeStruct(sides, jnp.float32)


IMAGE = shape(1, HEIGHT, WIDTH, 3)
LATENT = shape(1, HEIGHT // 16, WIDTH // 16, 320)
HYPER_LATENT = shape(1, HEIGHT // 64, WIDTH // 64, 320)

CNN = {"aligned": "keras", "activation": "leaky_relu"}
LINEAR = {"aligned": "keras", "activation": "none"}
PLAIN = {"residual": False}

# Specification 1.9: transform, arguments, input, FLOP/px as it is printed,
# parameters.
SHALLOW_TABLE = [
  ("elic.Analysis", {}, IMAGE, "510845.5", 7_337_792),
  ("elic.Synthesis", {}, LATENT, "510847.25", 7_337_475),
  ("conv_gdn.Analysis", {}, IMAGE, "187583.098", 3_505_664),
  ("conv_gdn.Synthesis", {}, LATENT, "187584.848", 3_505_347),
  ("conv_gdn.Analysis", CNN, IMAGE, "163264.25", 3_394_496),
  ("conv_gdn.Synthesis", CNN, LATENT, "163266", 3_394_179),
  ("conv_gdn.Synthesis", LINEAR, LATENT, "163266", 3_394_179),
  (
    "conv_gdn.Analysis",
    {**CNN, "channels": (256, 256, 256, 320)},
    IMAGE,
    "281685.25",
    5_345_088,
  ),
  ("hyper.HyperAnalysis", {}, LATENT, "13451.64", 6_042_560),
  ("hyper.HyperSynthesis", {}, HYPER_LATENT, "30354.69", 9_166_240),
  ("shallow.JpegLike", {"kernel": 16}, LATENT, "1923", 245_763),
  ("shallow.JpegLike", {}, LATENT, "2433", 311_043),
  ("shallow.JpegLike", {"kernel": 20}, LATENT, "3003", 384_003),
  ("shallow.JpegLike", {"kernel": 26}, LATENT, "5073", 648_963),
  ("shallow.JpegLike", {"kernel": 32}, LATENT, "7683", 983_043),
  ("shallow.TwoLayer", {}, LATENT, "10680.0012", 1_299_003),
  ("shallow.TwoLayer", {**PLAIN, "channels": 24}, LATENT, "11349.0", 1_300_347),
  ("shallow.TwoLayer", {**PLAIN, "channels": 48}, LATENT, "23271.0", 2_601_843),
]


@functools.cache
def traced(name: str, arguments: str, x: jax.ShapeDtypeStruct):
  module = find.build({"name": name, **json.loads(arguments)})
  return part_complexity(name, module, x, pixels=PIXELS)[0]


def part(name: str, arguments: dict, x: jax.ShapeDtypeStruct):
  return traced(name, json.dumps(arguments), x)


@pytest.mark.parametrize(
  ("name", "arguments", "x", "flops", "numbers"), SHALLOW_TABLE
)
def test_the_shallow_papers_table_is_reproduced_to_the_printed_digit(
  name, arguments, x, flops, numbers
):
  found = part(name, arguments, x)
  digits = len(flops.partition(".")[2])
  assert f"{found.flop_per_pixel:.{digits}f}" == flops
  assert found.parameters == numbers


@pytest.mark.parametrize(
  ("name", "arguments", "x", "printed"),
  [
    ("elic.Analysis", {}, IMAGE, "255.42"),
    ("conv_gdn.Analysis", {}, IMAGE, "93.79"),
    ("conv_gdn.Synthesis", {}, LATENT, "93.79"),
    ("conv_gdn.Synthesis", CNN, LATENT, "81.63"),
    ("hyper.HyperAnalysis", {}, LATENT, "6.73"),
    ("hyper.HyperSynthesis", {}, HYPER_LATENT, "15.18"),
    ("shallow.JpegLike", {}, LATENT, "1.22"),
    ("shallow.TwoLayer", {}, LATENT, "5.34"),
  ],
)
def test_the_papers_kmac_per_pixel_are_reproduced(name, arguments, x, printed):
  assert f"{part(name, arguments, x).paper_kmac_per_pixel:.2f}" == printed


# LOC-LIC specification 1.2 and 1.3: kMAC/px with GDN, parameters.
@pytest.mark.parametrize(
  ("name", "x", "kmacs", "numbers"),
  [
    ("hierarchical.Analysis", IMAGE, "25.744", 1_075_776),
    ("hierarchical.Synthesis", LATENT, "44.800", 5_549_612),
  ],
)
def test_the_hierarchical_tables_are_reproduced_in_pure_macs(
  name, x, kmacs, numbers
):
  found = part(name, {}, x)
  assert f"{found.kmac_per_pixel:.3f}" == kmacs
  assert found.parameters == numbers


def test_a_matrix_product_counts_its_macs_and_twice_that_in_flops():
  found = count(lambda a, b: a @ b, shape(5, 3, 4), shape(4, 7))
  macs = 5 * 3 * 4 * 7
  assert found == Count(macs, macs, 2 * macs, {"dot_general": 840})


def test_element_wise_work_counts_its_outputs_and_movement_nothing():
  def function(a, b):
    return jnp.maximum(a * b - 1, 0.5).reshape(-1)[::2].astype("bfloat16")

  found = count(function, shape(6, 1), shape(1, 4))
  assert found.macs == 0
  assert found.by_primitive == {"mul": 24, "sub": 24, "max": 24}


def test_arithmetic_on_indices_is_not_counted():
  indices = jax.ShapeDtypeStruct((9,), jnp.int32)
  assert count(lambda i: 2 * i + 1, indices).flops == 0


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "sigmoid"])
def test_activations_are_free(name):
  assert count(getattr(jax.nn, name), shape(3, 4)).flops == 0


def conv(x, kernel, **options):
  return jax.lax.conv_general_dilated(
    x, kernel, dimension_numbers=("NHWC", "HWIO", "NHWC"), **options
  )


def test_a_strided_convolution_counts_at_its_output():
  found = count(
    lambda x, k: conv(x, k, window_strides=(2, 2), padding="SAME"),
    shape(2, 8, 6, 3),
    shape(5, 5, 3, 7),
  )
  assert found.macs == 2 * 4 * 3 * 7 * 25 * 3


def test_a_grouped_convolution_sees_only_its_group():
  found = count(
    lambda x, k: conv(
      x, k, window_strides=(1, 1), padding="SAME", feature_group_count=4
    ),
    shape(1, 8, 8, 4),
    shape(3, 3, 1, 4),
  )
  assert found.macs == 8 * 8 * 4 * 9


def test_a_depthwise_convolution_counts_as_a_grouped_one():
  found = count(depthwise, shape(1, 8, 8, 4), shape(3, 3, 1, 4))
  assert found.macs == found.layer_macs == 8 * 8 * 4 * 9
  assert found.flops == 2 * found.macs


def test_a_transposed_convolution_counts_at_its_input():
  found = count(
    lambda x, k: jax.lax.conv_transpose(x, k, (8, 8), "SAME"),
    shape(1, 4, 6, 3),
    shape(13, 13, 3, 2),
  )
  assert found.macs == 4 * 6 * 13 * 13 * 3 * 2


def test_overlap_add_is_free_but_the_products_inside_a_call_are_not():
  def overlap_add(a):
    return a[:-1] + a[1:]

  @jax.jit
  def relu(a):
    return (a @ a) * 2

  assert count(jax.jit(overlap_add), shape(9)).flops == 0
  assert count(overlap_add, shape(9)).flops == 8
  found = count(relu, shape(3, 3))
  assert (found.macs, found.flops) == (27, 54)


def test_nested_calls_are_followed_and_scans_multiplied():
  @jax.custom_jvp
  def square(a):
    return a * a

  square.defjvp(lambda a, t: (square(*a), 2 * a[0] * t[0]))

  @jax.custom_vjp
  def product(a):
    return a @ a

  product.defvjp(lambda a: (product(a), a), lambda a, g: (g @ a,))

  def step(a, _):
    return jax.checkpoint(lambda u: product(jax.jit(square)(u)))(a), None

  found = count(lambda a: jax.lax.scan(step, a, length=5)[0], shape(3, 3))
  assert found.macs == 5 * 27
  assert found.by_primitive == {"dot_general": 5 * 54, "mul": 5 * 9}


def test_a_branch_counts_as_its_dearest():
  def function(p, a):
    return jax.lax.cond(p > 0, lambda u: u @ u, lambda u: u + u, a)

  assert count(function, shape(), shape(3, 3)).flops == 54


def test_a_loop_of_unknown_length_is_refused():
  def function(a):
    return jax.lax.while_loop(lambda u: u < 9, lambda u: u + 1, a)

  with pytest.raises(LicError, match="unknown length"):
    count(function, shape())


def test_parameters_are_the_numbers_in_a_tree():
  assert parameters({"a": shape(2, 3), "b": [shape(), shape(5)]}) == 12


def config(name: str):
  path = ROOT / "configs" / f"{name}.py"
  spec = importlib.util.spec_from_file_location(f"config_{name}", path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module.get_config().model.to_dict()


def test_the_totals_are_the_sums_of_what_each_side_runs():
  parts = model_report(build(config("two_layer")), HEIGHT, WIDTH)
  named = {p.name: p for p in parts}
  macs = {name: p.macs for name, p in named.items()}
  assert list(named)[-3:] == ["total", "encode", "decode"]
  assert macs["total"] == macs["encode"] + macs["synthesis"]
  assert macs["decode"] == macs["synthesis"] + macs["hyper_synthesis"]
  assert macs["encode"] == (
    macs["analysis"] + macs["hyper_analysis"] + macs["hyper_synthesis"]
  )
  # Specification 1.9, decoder totals.
  assert f"{named['decode'].paper_kmac_per_pixel:.2f}" == "20.52"


@pytest.mark.parametrize(
  ("name", "total"), [("jpeg_like", "16.39"), ("mbt2018", "108.97")]
)
def test_the_decoder_totals_of_the_specification_are_reproduced(name, total):
  decode = model_report(build(config(name)), HEIGHT, WIDTH)[-1]
  assert f"{decode.paper_kmac_per_pixel:.2f}" == total


def test_the_default_codecs_hyper_synthesis_costs_at_most_5_kmac():
  parts = model_report(build(config("hierarchical_two_layer")), HEIGHT, WIDTH)
  named = {p.name: p for p in parts}
  assert named["hyper_synthesis"].paper_kmac_per_pixel <= 5
  assert f"{named['synthesis'].paper_kmac_per_pixel:.2f}" == "5.34"


def test_a_factorized_model_has_no_hyper_parts():
  parts = model_report(build(config("bls2017")), HEIGHT, WIDTH)
  assert [p.name for p in parts] == [
    "analysis",
    "synthesis",
    "total",
    "encode",
    "decode",
  ]
  # Specification 1.5: 41.04 each way.
  printed = [f"{p.paper_kmac_per_pixel:.2f}" for p in parts]
  assert printed == ["41.04", "41.04", "82.08", "41.04", "41.04"]


def test_padding_is_paid_for_by_the_pixels_of_the_image():
  model = build(config("smoke"))
  small, padded = model_report(model, 1, 1), model_report(model, 64, 64)
  assert small[0].macs == padded[0].macs
  assert small[0].kmac_per_pixel == 64**2 * padded[0].kmac_per_pixel
  with pytest.raises(LicError, match="no pixels"):
    model_report(model, 0, 64)


def test_the_table_and_the_json_hold_every_part():
  parts = model_report(build(config("smoke")), 64, 128)
  text = entry.table(parts, height=64, width=128)
  rows = json.loads(entry.as_json(parts, height=64, width=128))
  assert (rows["height"], rows["width"]) == (64, 128)
  for p, row in zip(parts, rows["parts"]):
    assert f"{p.kmac_per_pixel:.3f}" in text
    assert row["name"] == p.name
    assert row["parameters"] == p.parameters


@pytest.mark.parametrize(
  "arguments",
  [
    [],
    ["--config=configs/absent.py"],
    ["--config=configs/smoke.py", "--config.model.nmae=x"],
  ],
)
def test_a_usage_error_is_one_line_and_status_2(arguments):
  done = subprocess.run(
    [sys.executable, "-m", "lic_jax.complexity", *arguments],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 2
  assert done.stderr.startswith("complexity: ")
  assert len(done.stderr.splitlines()) == 1
