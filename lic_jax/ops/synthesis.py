"""The decoders as pure functions of their weights: latent to image or prior.

These are the only networks a decoder runs, so they are written for NumPy and
JAX arrays alike: training (`transforms`, which declare the weights) and the
JAX-free `codec.decode` call the very same function. Weights are nested dicts
of effective float32 arrays; a transposed convolution is {"kernel", "bias"}, a
GDN {"beta", "gamma"}. Arguments after the star are what a codec bundle stores.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lic_jax.ops.gdn import norm1, norm2
from lic_jax.ops.gelu import gelu
from lic_jax.ops.namespace import named, namespace
from lic_jax.ops.subpixel import pixel_shuffle
from lic_jax.ops.transposed import conv_transpose, same_origin, signal_origin
from lic_jax.types import Array, Float

Latent = Float[Array, "b h w c"]
Image = Float[Array, "b h2 w2 3"]


@named
def relu(x: Array) -> Array:
  """max(x, 0)."""
  return namespace(x).maximum(x, 0)


@named
def leaky_relu(x: Array) -> Array:
  """Slope 0.2 below zero (specification 1.2)."""
  return namespace(x).where(x >= 0, x, 0.2 * x)


@named
def sigmoid(x: Array) -> Array:
  """1 / (1 + exp(-x)), in a form that never overflows."""
  return 0.5 + 0.5 * namespace(x).tanh(0.5 * x)


def upsample(
  weights: Any, x: Array, stride: int, dtype: str, aligned: str = "keras"
) -> Array:
  """Transposed convolution; products in `dtype`.

  A layer that was arranged for one purpose (`sga.frozen`) may stand in place of
  the weights; it is called.
  """
  if callable(weights):
    return weights(x)
  kernel = weights["kernel"]
  return conv_transpose(
    x.astype(dtype),
    kernel,
    weights["bias"],
    stride=stride,
    origin=origin_of(kernel.shape[0], stride, aligned),
  )


def origin_of(kernel: int, stride: int, aligned: str) -> int:
  """Where a patch starts; `aligned` is "keras" or "signal"."""
  if aligned == "signal":
    return signal_origin(kernel)
  return same_origin(kernel, stride)


def layer_strides(
  function: Mapping[str, Any], weights: Mapping[str, Any]
) -> dict[str, int]:
  """Stride of each transposed convolution among a function's weights.

  Args:
    function: "function", the name of one in this module, and its arguments.
    weights: its weights.
  """
  if "stride" in function:
    return {"conv": function["stride"]}
  # "conv1", "conv2" of the two-layer synthesis, "conv0" ... of all others.
  if "strides" not in function:  # no transposed convolutions
    return {}
  layers = sorted(
    name for name in weights if name[4:].isdecimal() and name.startswith("conv")
  )
  strides = dict(zip(layers, function["strides"]))
  if "conv_res" in weights:
    strides["conv_res"] = strides["conv1"]
  return strides


def geometry(
  function: Mapping[str, Any], weights: Mapping[str, Any]
) -> tuple[int, int]:
  """How a function's output lies over its input.

  Sample i of layer's input reaches from s * i - origin on, for k samples; so an
  output sample depends on what is at most max(origin, k - 1 - origin) / s away.

  Args:
    function: as in `layer_strides`.
    weights: its weights.

  Returns:
    Output samples per input sample, and input samples on each side of an output
    sample that it may depend on.
  """
  if function["function"] == "hierarchical":
    # 3x3 convolutions: two and one at the latent's resolution, then one more,
    # two and one at twice that, and so on; one at half the image's.
    return 16, math.ceil(3 + (1 + 3) / 2 + (1 + 3) / 4 + (1 + 2 + 1) / 8)
  if function["function"] == "elic":
    # Three 3x3 convolutions in an attention or in three bottlenecks; 5x5
    # kernels reach three output samples.
    return 16, math.ceil(3 + (3 + 3) / 2 + (3 + 6) / 4 + (3 + 3) / 8 + 3 / 16)
  aligned = function.get("aligned", "keras")
  scale, reach = 1, 0.0
  for name, stride in layer_strides(function, weights).items():
    if name == "conv_res":  # beside conv1, and alike
      continue
    size = weights[name]["kernel"].shape[0]
    origin = origin_of(size, stride, aligned)
    scale *= stride
    reach += max(origin, size - 1 - origin) / scale
  return scale, math.ceil(reach)


def jpeg_like(
  weights: dict, y: Latent, *, stride: int, dtype: str = "float32"
) -> Image:
  """One transposed convolution: every latent channel paints a k x k image.

  Specification 1.7; an affine map, like JPEG's inverse DCT with overlap.
  """
  return upsample(weights["conv"], y, stride, dtype)


def two_layer(
  weights: dict,
  y: Latent,
  *,
  strides: Sequence[int],
  dtype: str = "float32",
) -> Image:
  """Two transposed convolutions around an IGDN1; specification 1.8.

  y -> conv1 -> IGDN1 -> (+) -> conv2 -> x_hat
    `-> conv_res ---------^          the residual path, if it has weights
  """
  hidden = upsample(weights["conv1"], y, strides[0], dtype)
  hidden = hidden * norm1(hidden, **weights["igdn"])
  if "conv_res" in weights:
    hidden = hidden + upsample(weights["conv_res"], y, strides[0], dtype)
  return upsample(weights["conv2"], hidden, strides[1], dtype)


def convolutional(
  weights: dict,
  y: Latent,
  *,
  strides: Sequence[int],
  activation: str,
  aligned: str,
  dtype: str = "float32",
) -> Image:
  """A chain of transposed convolutions with an activation between them.

  Specification 1.1 (MBT2018), 1.2 (CNN) and 1.5 (BLS2017).

  Args:
    weights: "conv0", "conv1", ...; "igdn0", ... where the activation is "gdn".
    y: latent.
    strides: one per layer.
    activation: "gdn", "leaky_relu" or "none" (a linear synthesis).
    aligned: "keras" or "signal"; see `ops.transposed`.
    dtype: of the products.
  """
  hidden = y
  for i, stride in enumerate(strides):
    hidden = upsample(weights[f"conv{i}"], hidden, stride, dtype, aligned)
    if i == len(strides) - 1:
      break
    if activation == "gdn":
      hidden = hidden * norm1(hidden, **weights[f"igdn{i}"])
    elif activation == "leaky_relu":
      hidden = leaky_relu(hidden)
  return hidden


def hierarchical(weights: dict, y: Latent, *, dtype: str = "float32") -> Image:
  """LOC-LIC's synthesis, few channels at high resolution; specification 1.3.

  y -> block0 -> up0 -> block1 -> up1 -> block2 -> up2 -> block3 -> image

  with 3x3 convolutions in plain and upsampling residual blocks, and at the end
  one convolution and a pixel shuffle.
  """
  x = y
  for i in range(3):
    x = residual_block(weights[f"block{i}"], x, dtype)
    x = residual_up(weights[f"up{i}"], x, dtype)
  x = residual_block(weights["block3"], x, dtype)
  return pixel_shuffle(convolve(weights["image"], x, dtype))


def elic(weights: dict, y: Latent, *, dtype: str = "float32") -> Image:
  """ELIC's synthesis; shallow-decoder specification 1.6.

  attention convT RBx3, convT attention RBx3, convT RBx3, convT
  """
  x = attention(weights["attention0"], y, dtype)
  for stage in range(4):
    x = upsample(weights[f"conv{stage}"], x, 2, dtype)
    if stage == 1:
      x = attention(weights["attention1"], x, dtype)
    if stage < 3:
      x = bottlenecks(weights[f"blocks{stage}"], x, dtype)
  return x


def attention(weights: dict, u: Latent, dtype: str) -> Latent:
  """u + T(u) sigmoid(B(u)); T three bottlenecks, B three and a 1x1."""
  trunk = bottlenecks(weights["trunk"], u, dtype)
  mask = bottlenecks(weights["mask"], u, dtype)
  mask = convolve(weights["mask_conv"], mask, dtype)
  return u + trunk * sigmoid(mask)


def bottlenecks(weights: dict, u: Latent, dtype: str) -> Latent:
  """Three times u + [1x1 c/2, ReLU, 3x3 c/2, ReLU, 1x1 c](u)."""
  for i in range(3):
    block = weights[f"block{i}"]
    t = relu(convolve(block["conv0"], u, dtype))
    t = relu(convolve(block["conv1"], t, dtype))
    u = u + convolve(block["conv2"], t, dtype)
  return u


def residual_block(
  weights: dict, x: Latent, dtype: str
) -> Float[Array, "b h w c2"]:
  """[3x3, GELU, 3x3, GELU](x) + skip; 1x1 skip if the width changes."""
  t = gelu(convolve(weights["first"], x, dtype))
  t = gelu(convolve(weights["second"], t, dtype))
  if "skip" in weights:
    x = convolve(weights["skip"], x, dtype)
  return t + x


def residual_up(
  weights: dict, x: Latent, dtype: str
) -> Float[Array, "b h2 w2 c2"]:
  """x2: [3x3 and shuffle, GELU, 3x3, IGDN](x) + 3x3 and shuffle (x)."""
  t = gelu(pixel_shuffle(convolve(weights["first"], x, dtype)))
  t = convolve(weights["second"], t, dtype)
  t = t * norm2(t, **weights["igdn"])
  return t + pixel_shuffle(convolve(weights["skip"], x, dtype))


def convolve(weights: dict, x: Latent, dtype: str) -> Float[Array, "b h w c2"]:
  """A convolution of odd side k with k // 2 zeros around; products in `dtype`.

  A transposed convolution of stride 1 paints with the kernel turned round.
  """
  turned = {**weights, "kernel": weights["kernel"][::-1, ::-1]}
  return upsample(turned, x, 1, dtype, "signal")


def hyper_synthesis(
  weights: dict,
  z: Latent,
  *,
  strides: Sequence[int],
  dtype: str = "float32",
) -> Float[Array, "b h4 w4 c2"]:
  """z_hat -> [mean, s] of the latent's prior; specification 1.4.

  conv0 x2 -> ReLU -> conv1 x2 -> ReLU -> conv2 x1, widths w, 1.5 w, 2 c.
  """
  hidden = relu(upsample(weights["conv0"], z, strides[0], dtype))
  hidden = relu(upsample(weights["conv1"], hidden, strides[1], dtype))
  return upsample(weights["conv2"], hidden, strides[2], dtype)
