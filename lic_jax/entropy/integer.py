"""The hyper-synthesis in integers: the same prior on every machine.

The scale index picks a symbol's probability table, so encoder and decoder must
agree on it exactly, and floating-point sums promise no such thing. Here every
weight and activation is an integer, and small enough that no sum reaches 2^24
(`check` proves it per channel, whatever symbols a file holds). Float32 has all
integers up to 2^24, so its matrix products are exact in any order, on any
device.

  symbols, 1 --conv0--> shift --conv1--> shift --conv2--> mean, s
  number of the scale table = how many thresholds are at most s

z_hat is symbol + offset. Of the offset, a constant picture, a transposed
convolution drops terms at the border like of any other, so it is convolved too:
a channel of ones with the kernel sum_c offset_c kernel_c.

Between layers, floor((v + 2^(shift - 1)) / 2^shift) limited to 0..top is both
ReLU and change of unit; the next layer's weights know what a unit is worth. The
last unit is a power of two, so that mean and s are exact float32 numbers.

Decoding runs `forward` on NumPy alone. `entropy.quantisation` makes a network
from a trained one, at export.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lic_jax.ops.namespace import namespace
from lic_jax.ops.transposed import conv_transpose, same_origin
from lic_jax.types import Array, Float, Int, LicError, Shaped, UInt8

BOUND = 1 << 24
# Thresholds on s are multiples of 2^-12: 0.015 of a quarter step at index 63.
GRID_BITS = 12
# Exponents of the last unit: far from where float32 ends.
EXPONENT_TOP = 60

# Least and largest input per channel, at most 0 and at least 0.
Reach = tuple[Float[np.ndarray, "c_in"], Float[np.ndarray, "c_in"]]


@dataclasses.dataclass(frozen=True)
class Layer:
  """A transposed convolution in integers.

  Attributes:
    kernel: int8 or int16, (k, k, c_in, c_out).
    bias: int32, (c_out,).
    shift: int8, (c_out,). An activation's unit is worth 2^shift of the sum's;
      in the last layer, whose sums are the result, theirs is worth 2^-shift.
  """

  kernel: Int[np.ndarray, "k k c_in c_out"]
  bias: Int[np.ndarray, "c_out"]
  shift: Int[np.ndarray, "c_out"]


@dataclasses.dataclass(frozen=True)
class Network:
  """A hyper-synthesis in integers.

  Attributes:
    layers: "conv0", "conv1", ...
    strides: one per layer.
    limits: symbols of channel c are limited to +-limits[c], int32, (c_in,).
    tops: largest activation after each layer but the last, int32, (n - 1,).
    offset_kernel: conv0's for the channel of ones, int32, (k, k, 1, c_out).
    thresholds: on s, in units of 2^-GRID_BITS, increasing, int32, (t,).
  """

  layers: Mapping[str, Layer]
  strides: Sequence[int]
  limits: Int[np.ndarray, "c_in"]
  tops: Int[np.ndarray, "hidden"]
  offset_kernel: Int[np.ndarray, "k k 1 c_hidden"]
  thresholds: Int[np.ndarray, "t"]


FIELDS = ("limits", "tops", "offset_kernel", "thresholds")


def forward(
  network: Network, symbols: Int[Array, "b h w c"]
) -> tuple[Float[Array, "b h4 w4 c2"], UInt8[Array, "b h4 w4 c2"]]:
  """Mean and scale-table number of the latent, the same on every machine.

  Args:
    network: the integer hyper-synthesis.
    symbols: of z, any integers.

  Returns:
    The mean, a multiple of a power of two, and the number of the table.
  """
  xp = namespace(symbols)
  x = with_ones(symbols, network.limits)
  last = len(network.strides) - 1
  for i, stride in enumerate(network.strides):
    layer = network.layers[f"conv{i}"]
    total = sums(x, _kernel(network, i), layer.bias, stride)
    if i < last:
      x = activate(total, layer.shift, network.tops[i])
  mean, s = xp.split(total * np.ldexp(np.float32(1), -layer.shift), 2, axis=-1)
  thresholds = np.ldexp(network.thresholds.astype(np.float32), -GRID_BITS)
  table = xp.searchsorted(xp.asarray(thresholds), s, side="right")
  return mean, table.astype("uint8")


def check(network: Network) -> None:
  """Proves that no sum reaches 2^24, whatever symbols a file holds.

  Raises:
    LicError: one might.
  """
  reach = reach_of_symbols(network.limits)
  last = len(network.strides) - 1
  for i, stride in enumerate(network.strides):
    layer = network.layers[f"conv{i}"]
    most = largest_sums(_kernel(network, i), reach, stride)
    most = most + np.abs(layer.bias.astype(np.float64))
    if i < last:
      most = most + _half(layer.shift)
      reach = reach_of_activations(layer.shift, network.tops[i])
    if np.any(most >= BOUND):
      raise LicError(f"conv{i} of the integer hyper-synthesis may exceed 2^24")


def largest_sums(
  kernel: Shaped[np.ndarray, "k k c_in c_out"],
  reach: Reach,
  stride: int,
) -> Float[np.ndarray, "c_out"]:
  """Largest magnitude that any partial sum of a transposed convolution has.

  An output sample sees the kernel's samples of its own phase, p mod stride and
  q mod stride, or fewer at the border. Each input may be zero, so a sum of some
  of the terms, in whatever order, lies between the sum of all least terms and
  the sum of all largest ones.

  Args:
    kernel: integers.
    reach: of the input.
    stride: of the convolution.
  """
  low, high = reach
  positive, negative = np.maximum(kernel, 0), np.minimum(kernel, 0)
  most = np.zeros(kernel.shape[3])
  for p in range(stride):
    for q in range(stride):
      up, down = (
        part[p::stride, q::stride].sum((0, 1), dtype=np.float64)
        for part in (positive, negative)
      )
      most = np.maximum(most, high @ up + low @ down)
      most = np.maximum(most, -(low @ up + high @ down))
  return most


def to_arrays(network: Network) -> dict[str, Any]:
  """The network's arrays by name, for a bundle; strides are not among them."""
  arrays = {field: getattr(network, field) for field in FIELDS}
  layers = network.layers.items()
  return arrays | {name: dataclasses.asdict(layer) for name, layer in layers}


def from_arrays(arrays: Mapping[str, Any], strides: Sequence[int]) -> Network:
  """Inverse of `to_arrays`.

  Raises:
    LicError: these are not the arrays of such a network, or `check` fails.
  """
  names = [f"conv{i}" for i in range(len(strides))]
  try:
    layers = {name: Layer(**arrays[name]) for name in names}
    network = Network(
      layers, tuple(strides), **{field: arrays[field] for field in FIELDS}
    )
  except (KeyError, TypeError) as error:
    raise LicError("the bundle lacks an integer hyper-synthesis") from error
  if not _is_whole(network):
    raise LicError("the bundle's integer hyper-synthesis has the wrong shape")
  check(network)
  return network


def _is_whole(network: Network) -> bool:
  """Whether shapes, types and ranges are those that `forward` relies on."""
  limits, tops = network.limits, network.tops
  offset_kernel = network.offset_kernel
  thresholds, last = network.thresholds, len(network.strides) - 1
  first = network.layers["conv0"].kernel
  whole = (
    limits.dtype == tops.dtype == np.int32
    and offset_kernel.dtype == thresholds.dtype == np.int32
    and limits.ndim == thresholds.ndim == 1
    and tops.shape == (last,)
    and tops.min() > 0
    and offset_kernel.shape == (*first.shape[:2], 1, *first.shape[3:])
    and limits.min() >= 0
    and np.all(np.diff(thresholds) > 0)
    and np.all(np.abs(thresholds.astype(np.int64)) < BOUND)
    and len(thresholds) < 256
  )
  channels = len(limits)
  for i, stride in enumerate(network.strides):
    layer = network.layers[f"conv{i}"]
    side, c_out = layer.kernel.shape[0], layer.kernel.shape[-1]
    least, most = (-EXPONENT_TOP, EXPONENT_TOP) if i == last else (0, 23)
    whole = (
      whole
      and layer.kernel.dtype in (np.int8, np.int16)
      and layer.shift.dtype == np.int8
      and layer.bias.dtype == np.int32
      and layer.kernel.shape == (side, side, channels, c_out)
      and layer.bias.shape == layer.shift.shape == (c_out,)
      and 1 <= stride <= side
      and np.all((layer.shift >= least) & (layer.shift <= most))
    )
    channels = c_out
  return bool(whole and channels % 2 == 0)


def _kernel(network: Network, i: int) -> Int[np.ndarray, "k k c_in c_out"]:
  """Kernel of a layer; in the first, that of the channel of ones is last."""
  kernel = network.layers[f"conv{i}"].kernel
  if i:
    return kernel
  return np.concatenate([kernel, network.offset_kernel], axis=2)


def with_ones(
  symbols: Int[Array, "b h w c"], limits: Int[np.ndarray, "c"]
) -> Float[Array, "b h w c1"]:
  """Symbols within their limits, and a channel of ones."""
  xp = namespace(symbols)
  x = xp.clip(symbols, -limits, limits).astype("float32")
  return xp.concatenate([x, xp.ones_like(x[..., :1])], axis=-1)


def reach_of_symbols(limits: Int[np.ndarray, "c"]) -> Reach:
  """Of the first layer's input: symbols within limits, and ones."""
  limits = limits.astype(np.float64)
  return np.append(-limits, 0.0), np.append(limits, 1.0)


def reach_of_activations(
  shift: Int[np.ndarray, "c"], top: int | np.integer
) -> Reach:
  """Of a later layer's input, what `activate` gives."""
  return np.zeros(len(shift)), np.full(len(shift), float(top))


def sums(
  x: Float[Array, "b h w c"],
  kernel: Shaped[np.ndarray, "k k c c2"],
  bias: Shaped[np.ndarray, "c2"],
  stride: int,
) -> Float[Array, "b h2 w2 c2"]:
  """A layer before its shift: integers, exact in float32."""
  return conv_transpose(
    x,
    kernel,
    bias.astype(np.float32),
    stride=stride,
    origin=same_origin(kernel.shape[0], stride),
    exact=True,
  )


def activate(
  total: Float[Array, "b h w c"],
  shift: Int[np.ndarray, "c"],
  top: int | np.integer,
) -> Float[Array, "b h w c"]:
  """floor((total + half) / 2^shift) within 0..top."""
  xp = namespace(total)
  scaled = (total + _half(shift)) * np.ldexp(np.float32(1), -shift)
  return xp.clip(xp.floor(scaled), 0, np.float32(top))


def _half(shift: Int[np.ndarray, "c"]) -> Float[np.ndarray, "c"]:
  """2^(shift - 1), or 0 where nothing is shifted."""
  return np.floor(np.ldexp(np.float32(0.5), shift))
