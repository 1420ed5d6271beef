"""Better starts than a random one: what another run found, or a closed form.

A random start spends most of a short run on growing the latent's scale. What
another run found, with another lambda, distortion or schedule, is a good start
where there is one (LOC-LIC specification 3.2: models for MS-SSIM begin with
those for MSE): its work directory or a codec's bundle. Where there is none, the
Karhunen-Loeve transform of 16x16x3 blocks, with the quantiser step that suits
lambda, is already a codec; training bends it from there.

  analysis/linear    y_k = v_k . block / step
  synthesis          conv_res paints step * v_k as 12 channels at half
                     resolution, conv2 is a pixel shuffle, conv1 starts small
  hyper_synthesis    its last bias: mean 0, each channel's own scale; all of the
                     hyperprior, if it sees a companded latent: `hyper_start`
  context            in its place, where there is one: the last bias of both
                     passes of each slice; and a hyper-analysis that is awake
"""

import copy
import math
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from lic_jax.codec import bundle as bundles
from lic_jax.layers import gdn
from lic_jax.ops import scales
from lic_jax.training.checkpoint import load_params
from lic_jax.training.hyper_start import hyper_start
from lic_jax.types import Float, LicError, UInt8

BLOCK = 16  # side of a block, the stride of the latent
SMALL = 0.1  # factor on what would disturb the start


def parameters_of(folder: pathlib.Path, *, like: Any) -> Any:
  """Parameters of the newest checkpoint of another run, or of a bundle.

  Args:
    folder: its work directory, or the bundle's.
    like: parameters of the model that is to start.

  Raises:
    LicError: there is neither, or its parameters are not the model's.
  """
  if (folder / bundles.CARD).is_file():
    params = of_bundle(bundles.read(folder))
  else:
    try:
      params = load_params(folder)[1]
    except LicError as error:
      raise LicError(
        "start is neither 'random' nor 'klt' nor the folder of a run or a "
        f"codec: {error}"
      ) from error
  theirs, ours = (
    {
      jax.tree_util.keystr(path): leaf.shape
      for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }
    for tree in (params, like)
  )
  for name in sorted(theirs.keys() | ours.keys()):
    if theirs.get(name) != ours.get(name):
      raise LicError(
        f"cannot start from {folder}: its {name} is {theirs.get(name)}, the "
        f"model's {ours.get(name)}"
      )
  return params


def of_bundle(bundle: bundles.Bundle) -> dict[str, Any]:
  """What a bundle was made of: effective weights turned into parameters."""

  def stored(weights: Any) -> Any:
    if not isinstance(weights, Mapping):
      return weights
    if weights.keys() == {"beta", "gamma"}:
      return {name: np.asarray(gdn.stored(w)) for name, w in weights.items()}
    return {name: stored(inner) for name, inner in weights.items()}

  return bundles.read_encoder(bundle) | stored(bundle.decoder.weights)


def step_of(lmbda: float) -> float:
  """The quantiser step of an orthonormal transform, in units of pixels / 255.

  At high rate bpp falls by 3 log2(step) (three coefficients a pixel) and the
  MSE is step^2 / 12; the Lagrangian's minimum is where
  step^2 = 18 / (ln 2 * lambda * 255^2).
  """
  return math.sqrt(18 / (math.log(2) * lmbda)) / 255


def klt(
  patches: UInt8[np.ndarray, "n h w 3"],
) -> tuple[Float[np.ndarray, "768 768"], Float[np.ndarray, "768"]]:
  """Eigenvectors (columns) and variances of blocks, largest first.

  Blocks are flattened as (row, column, colour), pixels in [-0.5, 0.5].
  """
  n, h, w, _ = patches.shape
  x = patches[:, : h - h % BLOCK, : w - w % BLOCK].astype(np.float64)
  x = (x / 255 - 0.5).reshape(n, h // BLOCK, BLOCK, w // BLOCK, BLOCK, 3)
  x = x.transpose(0, 1, 3, 2, 4, 5).reshape(-1, 3 * BLOCK**2)
  variances, vectors = np.linalg.eigh(x.T @ x / len(x))
  return vectors[:, ::-1], np.maximum(variances[::-1], 0)


def klt_start(
  params: Any, patches: UInt8[np.ndarray, "n h w 3"], *, lmbda: float
) -> Any:
  """Parameters that start as a transform codec.

  Args:
    params: initial parameters of a model with a linear path in its analysis
      and the residual path in a two-layer synthesis (strides 8 and 2).
    patches: of training photographs.
    lmbda: the Lagrange multiplier of the run.

  Raises:
    LicError: the model has no such paths.
  """
  params = copy.deepcopy(params)
  try:
    linear = params["analysis"]["linear"]
    synthesis = params["synthesis"]
    painted = synthesis["conv_res"]
  except KeyError as error:
    raise LicError(
      f"start='klt' needs a linear and a residual path; {error} is missing"
    ) from error
  channels = linear["kernel"].shape[-1]
  step = step_of(lmbda)
  vectors, variances = klt(patches)
  vectors, variances = vectors[:, :channels], variances[:channels]
  basis = vectors.reshape(BLOCK, BLOCK, 3, channels)
  linear["kernel"] = (basis / step).astype(np.float32)
  painted["kernel"] = _half_resolution(step * basis, painted["kernel"].shape)
  synthesis["conv2"]["kernel"] = _pixel_shuffle(
    synthesis["conv2"]["kernel"].shape
  )
  synthesis["conv1"]["kernel"] *= SMALL * step
  # Training sees the latent with noise of variance 1/12 on it.
  deviation = np.sqrt(variances / step**2 + 1 / 12)
  if "context" in params:
    _start_slices(params["context"], deviation)
    _wake(params["hyper_analysis"])
  elif params["hyper_analysis"]["conv0"]["kernel"].shape[2] == 2 * channels:
    # A companded latent has twice the channels.
    hyper_start(params, _latents(patches, vectors / step))
  else:
    index = np.log(deviation / scales.SCALE_MIN) / scales.LOG_STEP
    s = np.log(np.clip(index, 1.0, scales.SCALE_COUNT - 1.0))
    bias = np.concatenate([np.zeros(channels), s]).astype(np.float32)
    params["hyper_synthesis"]["conv2"]["bias"] = bias
  return params


def _latents(
  patches: UInt8[np.ndarray, "n h w 3"], transform: Float[np.ndarray, "768 c"]
) -> Float[np.ndarray, "m 4 4 c"]:
  """The linear path's latents of squares of 4x4 blocks."""
  side = 4 * BLOCK
  n, h, w, _ = patches.shape
  x = patches[:, : h - h % side, : w - w % side].astype(np.float32) / 255 - 0.5
  x = x.reshape(n, h // side, 4, BLOCK, w // side, 4, BLOCK, 3)
  x = x.transpose(0, 1, 4, 2, 5, 3, 6, 7).reshape(-1, 4, 4, 3 * BLOCK**2)
  return x @ transform.astype(np.float32)


def _start_slices(context: Any, deviation: Float[np.ndarray, "c"]) -> None:
  """Last biases of a multi-reference model: deviations first, means second."""
  parts = np.split(deviation.astype(np.float32), len(context))
  for i, part in enumerate(parts):
    bias = np.concatenate([part, np.zeros_like(part)])
    for name in ("anchor_parameters", "nonanchor_parameters"):
      context[f"slice{i}"][name]["conv3"]["conv"]["bias"] = bias


def _wake(hyper_analysis: Any) -> None:
  """Gives its convolutions, GELUs between, the gain that keeps a signal's size.

  PyTorch's start has a sixth of that variance: after five layers z would round
  to zero everywhere, which nothing then changes (experiments/context).
  """
  for layer in hyper_analysis.values():
    layer["conv"]["kernel"] = layer["conv"]["kernel"] * np.float32(math.sqrt(6))


def _half_resolution(
  basis: Float[np.ndarray, "16 16 3 c"], shape: tuple[int, ...]
) -> Float[np.ndarray, "k k c n"]:
  """The basis as 2x2x3 = 12 channels of 8x8, inside the larger kernel.

  Raises:
    LicError: the hidden layer has fewer than 12 channels.
  """
  k, _, c, n = shape
  if n < 12 or k < 8:
    raise LicError(f"start='klt' needs 12 hidden channels of 8x8, not {shape}")
  blocks = basis.reshape(8, 2, 8, 2, 3, c).transpose(0, 2, 5, 1, 3, 4)
  kernel = np.zeros(shape, np.float32)
  origin = (k - 8) // 2
  inside = slice(origin, origin + 8)
  kernel[inside, inside, :, :12] = blocks.reshape(8, 8, c, 12)
  return kernel


def _pixel_shuffle(shape: tuple[int, ...]) -> Float[np.ndarray, "k k n 3"]:
  """Channel (dy, dx, colour) to the pixel (dy, dx) of a 2x2 cell."""
  k = shape[0]
  kernel = np.zeros(shape, np.float32)
  origin = (k - 2) // 2
  for dy in range(2):
    for dx in range(2):
      for colour in range(3):
        channel = (2 * dy + dx) * 3 + colour
        kernel[origin + dy, origin + dx, channel, colour] = 1
  return kernel
