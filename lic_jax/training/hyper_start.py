"""The closed-form start of a hyperprior: what tells how strong the latent is.

Photographs are not stationary: the scale of a latent channel changes with the
place by far more than the mean over photographs shows. A hyperprior that starts
at random takes long to see it, and its rate is felt at once, so that it often
switches itself off instead. This one starts as a transform codec of its own:

  maps    mean of log(1 + |y|) over bands of channels, 4x4 places
  z       the Karhunen-Loeve transform of these 16 maps' samples, all bands
  s       logarithm of the scale index, linear in the maps that z gives back

and every step of it fits the layers of `transforms.hyper` with a companded
latent: maps are non-negative, so that the ReLUs let them through. The prior of
each channel of z starts as wide as that channel is.

  conv0   a band's mean                           hyper-analysis
  conv1   four places to four channels
  conv2   the transform
  conv0   its transpose                           hyper-synthesis
  conv1   four channels to four places
  conv2   the regression
"""

import itertools
import math
from typing import Any

import numpy as np

from lic_jax.entropy import factorized
from lic_jax.ops import scales
from lic_jax.types import Float

PLACES = 4  # latent samples per hyper-latent sample, along each side
FLOOR = 1 / 12  # on y^2: below a rounding error the scale does not matter
NARROWEST = 0.1  # scale of a channel of z
LOG_SIGMA = (-4, 8)  # beyond the scale table on either side
# The regression: steps of scoring, the damping and the bounds that keep a few
# outliers from leading it, and a ridge for bands that are nearly alike.
ITERATIONS, DAMPING, SCORE, RIDGE = 12, 0.6, (-1, 3), 0.01


def hyper_start(params: Any, y: Float[np.ndarray, "n 4 4 c"]) -> None:
  """Sets the parameters of a companded hyper-analysis and a hyper-synthesis.

  Args:
    params: of the model; `hyper_analysis`, `hyper_synthesis` and `prior` are
      changed.
    y: latents of photographs, one hyper-latent sample each.
  """
  analysis, synthesis = params["hyper_analysis"], params["hyper_synthesis"]
  width = analysis["conv2"]["kernel"].shape[-1]
  bands = _bands(y.shape[-1], width // PLACES)
  count = bands.shape[-1]
  maps = (np.log1p(np.abs(y)) @ bands).reshape(len(y), -1)
  mean, basis = _klt(maps, width)
  z = np.rint((maps - mean) @ basis)
  given = np.maximum(mean + z @ basis.T, 0).reshape(-1, count)
  weights, bias = _log_indices(given, y.reshape(-1, y.shape[-1]))
  _fit(params["prior"], z.std(0))

  # Signed values come first in a companded latent, magnitudes second.
  magnitudes, maps_in = slice(len(bands), None), slice(0, count)
  places_in = slice(0, 4 * count)
  # Rows and columns of the basis: which half of the 4x4 places, which place of
  # the half. The halves become taps of a kernel, the places channels.
  taps = basis.reshape(2, 2, 2, 2, count, -1).transpose(0, 2, 1, 3, 4, 5)
  taps = taps.reshape(2, 2, 4 * count, -1)
  shuffle = np.zeros((2, 2, count, 4 * count), np.float32)
  for i, (dy, dx) in enumerate(np.ndindex(2, 2)):
    shuffle[dy, dx, :, i * count : (i + 1) * count] = np.eye(count)
  # One bias for all places: the mean does not depend on the place.
  level = np.tile(mean.reshape(-1, count).mean(0), 4)
  # The prior's mean is the first half of what the last layer gives: zero.
  weights = np.concatenate([np.zeros_like(weights), weights], axis=1)
  bias = np.concatenate([np.zeros_like(bias), bias])
  _put(analysis["conv0"], magnitudes, bands)
  _put(analysis["conv1"], maps_in, shuffle)
  _put(analysis["conv2"], places_in, taps, bias=-mean @ basis)
  _put(synthesis["conv0"], slice(None), taps.swapaxes(2, 3), bias=level)
  _put(synthesis["conv1"], places_in, shuffle.swapaxes(2, 3))
  _put(synthesis["conv2"], maps_in, weights, bias=bias)


def _bands(channels: int, count: int) -> Float[np.ndarray, "c b"]:
  """Averages over at most so many bands of channels, each wider than the last.

  Channels are sorted by their variance, as those of a KLT are.
  """
  edges = np.geomspace(1, channels + 1, count + 1)
  edges = np.unique(np.rint(edges).astype(int)) - 1
  bands = np.zeros((channels, len(edges) - 1), np.float32)
  for i, (first, last) in enumerate(itertools.pairwise(edges)):
    bands[first:last, i] = 1 / (last - first)
  return bands


def _klt(
  samples: Float[np.ndarray, "n d"], count: int
) -> tuple[Float[np.ndarray, "d"], Float[np.ndarray, "d k"]]:
  """Mean and first basis vectors, as columns, of at most so many."""
  mean = samples.mean(0)
  covariance = np.cov(samples, rowvar=False)
  vectors = np.linalg.eigh(covariance)[1][:, ::-1]
  return mean, vectors[:, :count]


def _log_indices(
  maps: Float[np.ndarray, "n b"], y: Float[np.ndarray, "n c"]
) -> tuple[Float[np.ndarray, "b c"], Float[np.ndarray, "c"]]:
  """Logarithm of the scale index of each channel as weights and bias of maps.

  First the most likely log sigma that is linear in the maps, by scoring, which
  for a Gaussian needs one matrix for all channels; then least squares to the
  logarithm of the index that it has in the table.
  """
  a = np.concatenate([maps, np.ones((len(maps), 1))], axis=1)
  project = np.linalg.solve(a.T @ a + RIDGE * np.eye(a.shape[1]), a.T)
  energy = np.square(y) + FLOOR
  solution = np.zeros((a.shape[1], y.shape[1]))
  solution[-1] = 0.5 * np.log(energy.mean(0))
  for _ in range(ITERATIONS):
    log_sigma = np.clip(a @ solution, *LOG_SIGMA)
    score = energy * np.exp(-2 * log_sigma) - 1
    solution += DAMPING * project @ np.clip(score, *SCORE)
  log_sigma = np.clip(a @ solution, *LOG_SIGMA)
  index = (log_sigma - math.log(scales.SCALE_MIN)) / scales.LOG_STEP
  index = np.clip(index, 1, scales.SCALE_COUNT - 1)
  solution = project @ np.log(index)
  return solution[:-1], solution[-1]


def _fit(prior: Any, deviation: Float[np.ndarray, "k"]) -> None:
  """Gives the first channels of a new factorized prior these deviations.

  It starts as a logistic distribution of scale INIT_SCALE, of a deviation of
  pi / sqrt(3) times that.
  """
  scale = np.maximum(deviation * math.sqrt(3) / math.pi, NARROWEST)
  matrix = np.array(prior["matrix0"], np.float64)
  slope = np.log1p(np.exp(matrix[: len(scale)]))
  slope *= factorized.INIT_SCALE / scale[:, None, None]
  matrix[: len(scale)] = np.log(np.expm1(slope))
  prior["matrix0"] = matrix.astype(np.float32)


def _put(
  layer: Any,
  inputs: slice,
  weights: np.ndarray,
  *,
  bias: np.ndarray | None = None,
) -> None:
  """Lets the first outputs of a layer be these functions of these inputs.

  Args:
    layer: its kernel (k, k, c_in, c_out) and bias, which are changed.
    inputs: which channels.
    weights: (inputs, outputs), which look at one place, at the centre; or
      (2, 2, inputs, outputs), for 2x2 places by a kernel of 5 with stride 2, up
      or down.
    bias: of the outputs; None for zero.
  """
  kernel = np.array(layer["kernel"])
  outputs = slice(0, weights.shape[-1])
  kernel[..., outputs] = 0
  taps = slice(1, 3) if weights.ndim == 4 else len(kernel) // 2
  kernel[taps, taps, inputs, outputs] = weights
  layer["kernel"] = kernel.astype(np.float32)
  if bias is not None:
    layer["bias"] = np.array(layer["bias"])
    layer["bias"][outputs] = bias
