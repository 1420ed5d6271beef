"""Post-training quantisation of the hyper-synthesis; see `entropy.integer`.

Called once, at export. Every output channel has a scale of its own for weights,
as fine as 11 bits allow. The ranges of activations are found on photographs,
and they have as many bits as the bound on sums leaves; where it leaves too few,
weights lose bits. The biases are those that leave the mean of every channel on
photographs as it was.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lic_jax.entropy import integer
from lic_jax.ops.scales import SCALE_COUNT
from lic_jax.ops.transposed import conv_transpose, same_origin
from lic_jax.types import Bool, Float, Int, LicError

# Weights have 11 bits with the sign, or up to 6 fewer where the bound asks so.
WEIGHT_TOP, FEWER_BITS = 1023, 6
# Of activations, the most wanted first.
ACTIVATION_BITS = (12, 11, 10, 9, 8)
# Largest bias that a layer has, and what is left below the bound for what
# rounding adds to it.
BIAS_TOP, SPARE = 1 << 22, 1 << 18
# Ranges are this many times what photographs reach; and the least of symbols.
MARGIN, LEAST_LIMIT = 2, 16


def quantise(
  weights: Mapping[str, Any],
  *,
  strides: Sequence[int],
  offsets: Float[np.ndarray, "c"],
  symbols: Int[np.ndarray, "b h w c"],
  steps_per_scale: int,
) -> integer.Network:
  """Turns a trained hyper-synthesis into an integer one.

  Args:
    weights: "conv0", ... with float "kernel" and "bias"; ReLU between them.
    strides: one per layer.
    offsets: of z's quantisation grid.
    symbols: of the hyper-latents of photographs.
    steps_per_scale: scale tables per unit of scale index.

  Raises:
    LicError: the bound does not hold with weights of 5 bits.
  """
  most = np.abs(symbols.astype(np.int64)).max((0, 1, 2))
  limits = np.minimum(MARGIN * most + LEAST_LIMIT, integer.BOUND)
  limits = limits.astype(np.int32)
  x, real = integer.with_ones(symbols, limits), symbols + offsets
  reach = integer.reach_of_symbols(limits)
  value = np.ones(len(limits))  # of one unit of x, per channel
  layers, tops, offset_kernel = {}, [], None
  for i, stride in enumerate(strides):
    layer = weights[f"conv{i}"]
    real = _real_sums(real, layer, stride)
    kernel = np.asarray(layer["kernel"], np.float64) * value[:, None]
    of_ones = kernel[:, :, :0]
    if i == 0:
      of_ones = np.einsum("pqio,i->pqo", kernel, offsets)[:, :, None]
    last = i == len(strides) - 1
    unit = _units(kernel, of_ones, layer["bias"], reach, stride, last)
    kernel, of_ones = np.rint(kernel / unit), np.rint(of_ones / unit)
    whole = np.concatenate([kernel, of_ones], axis=2)
    total = integer.sums(x, whole, np.zeros(len(unit)), stride)
    # The bias takes up what rounding the weights does to the mean.
    bias = np.rint((real / unit - total).mean((0, 1, 2)))
    if last:
      shift = -np.log2(unit)
    else:
      following = weights[f"conv{i + 1}"], strides[i + 1], i + 2 == len(strides)
      top, shift = _range(total + bias, unit, *following)
      x, real = integer.activate(total + bias, shift, top), np.maximum(real, 0)
      reach, value = integer.reach_of_activations(shift, top), unit * 2.0**shift
      tops.append(top)
    layers[f"conv{i}"] = integer.Layer(
      kernel.astype(np.int16), bias.astype(np.int32), shift.astype(np.int8)
    )
    if i == 0:
      offset_kernel = of_ones.astype(np.int32)
  network = integer.Network(
    layers=layers,
    strides=tuple(strides),
    limits=limits,
    tops=np.array(tops, np.int32),
    offset_kernel=offset_kernel,
    thresholds=_thresholds(steps_per_scale),
  )
  integer.check(network)
  return network


def _thresholds(steps_per_scale: int) -> Int[np.ndarray, "t"]:
  """The s at which the scale index exp(s) rounds to the next table's."""
  steps = np.arange(1, (SCALE_COUNT - 1) * steps_per_scale + 1)
  s = np.log((steps - 0.5) / steps_per_scale)
  return np.rint(np.ldexp(s, integer.GRID_BITS)).astype(np.int32)


def _real_sums(
  x: Float[np.ndarray, "b h w c"], layer: Mapping[str, Any], stride: int
) -> Float[np.ndarray, "b h2 w2 c2"]:
  """What a layer should give."""
  kernel = np.asarray(layer["kernel"], np.float64)
  origin = same_origin(kernel.shape[0], stride)
  x = x.astype(np.float64)
  return conv_transpose(x, kernel, layer["bias"], stride=stride, origin=origin)


def _units(
  kernel: Float[np.ndarray, "k k c c_out"],
  of_ones: Float[np.ndarray, "k k c_one c_out"],
  bias: Float[np.ndarray, "c_out"],
  reach: integer.Reach,
  stride: int,
  power_of_two: bool,
) -> Float[np.ndarray, "c_out"]:
  """What a unit of each output channel is worth: the finest that is allowed.

  Args:
    kernel, bias: real-valued.
    of_ones: kernel of the channel of ones, in the first layer.
    reach: of the input, that channel included.
    stride: of the layer.
    power_of_two: whether units must be.

  Raises:
    LicError: none is allowed.
  """
  unit = _finest(kernel, bias, power_of_two)
  whole = np.concatenate([kernel, of_ones], axis=2)
  for _ in range(FEWER_BITS + 1):
    over = _exceeds(whole, bias, unit, reach, stride)
    if not over.any():
      return unit
    unit = np.where(over, 2 * unit, unit)
  raise LicError(
    "the hyper-synthesis has no exact integer form: "
    f"sums of {int(over.sum())} channels exceed 2^24"
  )


def _finest(
  kernel: Float[np.ndarray, "k k c c_out"],
  bias: Float[np.ndarray, "c_out"],
  power_of_two: bool,
) -> Float[np.ndarray, "c_out"]:
  """Units with which weights and bias just fit their integers."""
  unit = np.abs(kernel).max((0, 1, 2)) / WEIGHT_TOP
  unit = np.maximum(unit, np.abs(bias, dtype=np.float64) / BIAS_TOP)
  unit = np.maximum(unit, 2.0**-integer.EXPONENT_TOP)
  return np.exp2(np.ceil(np.log2(unit))) if power_of_two else unit


def _exceeds(
  kernel: Float[np.ndarray, "k k c_in c_out"],
  bias: Float[np.ndarray, "c_out"],
  unit: Float[np.ndarray, "c_out"],
  reach: integer.Reach,
  stride: int,
) -> Bool[np.ndarray, "c_out"]:
  """Which channels' sums might reach the bound."""
  sums = integer.largest_sums(np.rint(kernel / unit), reach, stride)
  return sums + np.abs(bias / unit) >= integer.BOUND - SPARE


def _range(
  total: Float[np.ndarray, "b h w c"],
  unit: Float[np.ndarray, "c"],
  following: Mapping[str, Any],
  stride: int,
  power_of_two: bool,
) -> tuple[int, Int[np.ndarray, "c"]]:
  """The largest activation, and the shifts that bring sums to it.

  Args:
    total: sums on photographs.
    unit: what theirs is worth.
    following: the next layer, which limits the bits of activations.
    stride: of the next layer.
    power_of_two: whether its units must be.
  """
  # Where photographs never pass the ReLU, a part of what they have below it.
  most = MARGIN * np.maximum(total, -total / 8).max((0, 1, 2))
  kernel, bias = np.asarray(following["kernel"], np.float64), following["bias"]
  for bits in ACTIVATION_BITS:
    top = 2**bits - 1
    shift = np.ceil(np.log2(np.maximum(most / top, 1))).astype(np.int8)
    scaled = kernel * np.ldexp(unit, shift)[:, None]
    finest = _finest(scaled, bias, power_of_two)
    reach = integer.reach_of_activations(shift, top)
    if not _exceeds(scaled, bias, finest, reach, stride).any():
      break
  return top, shift
