"""One transform codec in the forms that the arms' transforms can hold.

`lic_jax.training.start` knows the closed form of the residual path of a
two-layer synthesis. Others begin as the same linear map:

  JPEG-like              the blocks; zeros around them in a larger kernel
  two layers, residual   the blocks as 12 channels at half resolution
  two layers, plain      the same in its only path; through a leaky ReLU as 12
                         channels and their negatives: f(u) - f(-u) = 1.2 u

Analyses:

  with a linear path     the blocks; what is beside it starts at random
  one convolution        the blocks
  four convolutions      pixels to channels, by 2 three times; then the blocks

Hidden channels to spare start small and random, and are not heard yet.
"""

from typing import Any

import jax
import ml_collections
import numpy as np

from experiments.arms.config import Arm, get_config
from lic_jax.layers import gdn
from lic_jax.models.build import build
from lic_jax.training.start import SMALL, klt_start, step_of
from lic_jax.training.state import create_params
from lic_jax.types import Float, UInt8

PAINTED = 12  # hidden channels: 2x2 pixels of three colours
LEAKY_GAIN = 1.2  # leaky_relu(u) - leaky_relu(-u), in units of u
ALMOST_LINEAR = 1e-3  # gamma of a GDN through which signals pass

Kernel = Float[np.ndarray, "k k n m"]


def known_codec(lmbda: float, patches: UInt8[np.ndarray, "n h w 3"]) -> Any:
  """Parameters of the form that the package knows.

  Args:
    lmbda: the Lagrange multiplier of the runs.
    patches: of training photographs.
  """
  config = get_config(Arm("known"), lmbda=lmbda, steps=1)
  return klt_start(_random(config), patches, lmbda=lmbda)


def closed_form(config: ml_collections.ConfigDict, codec: Any) -> Any:
  """Parameters with which a run of an arm begins.

  Args:
    config: of the run.
    codec: `known_codec` of its lambda.
  """
  params = _random(config)
  params |= {
    box: codec[box] for box in ("hyper_analysis", "hyper_synthesis", "prior")
  }
  transform = codec["analysis"]["linear"]["kernel"]
  _analysis(params["analysis"], transform)
  synthesis = params["synthesis"]
  step = step_of(config.loss.lmbda)
  if "conv" in synthesis:
    # The analysis divides by the step what the synthesis multiplies by it.
    _put(synthesis["conv"], step**2 * transform.swapaxes(2, 3))
  else:
    paired = config.model.synthesis.get("activation") == "leaky_relu"
    _two_layers(synthesis, codec["synthesis"], paired, spare=SMALL * step)
  return params


def _analysis(analysis: Any, transform: Kernel) -> None:
  """The transform in an analysis, which is changed."""
  if "linear" in analysis:
    analysis["linear"]["kernel"] = transform
    return
  if "conv1" not in analysis:
    analysis["conv0"]["kernel"] = transform
    return
  channels = 3
  for i in range(3):
    # A cell of 2x2 places to 4 times the channels.
    gathered = np.eye(4 * channels, dtype=np.float32)
    gathered = gathered.reshape(2, 2, channels, 4 * channels)
    _put(analysis[f"conv{i}"], gathered, spare=SMALL)
    _almost_linear(analysis[f"gdn{i}"]["weights"])
    channels *= 4
  # Bits of rows and of columns, the highest first: the last layer sees one of
  # each, those before it have gathered the others, the lowest first.
  bits = transform.reshape(*[2] * 8, 3, -1)
  blocks = bits.transpose(0, 4, 1, 5, 2, 6, 3, 7, 8, 9)
  _put(analysis["conv3"], blocks.reshape(2, 2, channels, -1))


def _almost_linear(weights: Any) -> None:
  """Makes a GDN, or its inverse, one through which signals pass."""
  channels = len(weights["beta"])
  gamma = ALMOST_LINEAR * np.eye(channels, dtype=np.float32)
  weights["gamma"] = np.asarray(gdn.stored(gamma))


def _two_layers(
  synthesis: Any, known: Any, paired: bool, *, spare: float
) -> None:
  """The residual path of a known synthesis in this one.

  Args:
    synthesis: is changed.
    known: with a residual path that paints.
    paired: whether each hidden channel has its negative beside it.
    spare: as in `_put`.
  """
  blocks = _middle(known["conv_res"]["kernel"], 8)[..., :PAINTED]
  shuffle = _middle(known["conv2"]["kernel"], 2)[:, :, :PAINTED]
  if paired:
    blocks = np.concatenate([blocks, -blocks], axis=-1)
    shuffle = np.concatenate([shuffle, -shuffle], axis=2) / LEAKY_GAIN
  if "conv_res" in synthesis:
    _put(synthesis["conv1"], np.zeros_like(blocks), spare=spare)
    _put(synthesis["conv_res"], blocks, spare=spare)
    _put(synthesis["conv2"], shuffle)
    return
  _put(synthesis["conv0"], blocks, spare=spare)
  _put(synthesis["conv1"], shuffle)
  if "igdn0" in synthesis:
    _almost_linear(synthesis["igdn0"])


def _random(config: ml_collections.ConfigDict) -> Any:
  """What Flax begins with, as NumPy arrays."""
  model = build(config.model.to_dict())
  return jax.tree.map(np.array, create_params(model, config.seed))


def _middle(kernel: Kernel, side: int) -> Kernel:
  """The patch in the middle of a kernel."""
  inside = _inside(len(kernel), side)
  return kernel[inside, inside]


def _put(layer: Any, patch: Kernel, *, spare: float = 0.0) -> None:
  """Makes a layer paint this patch, in the middle of its kernel.

  Args:
    layer: its kernel is changed.
    patch: for the first of its inputs and outputs.
    spare: factor on what other outputs begin with.
  """
  kernel = spare * layer["kernel"]
  kernel[..., : patch.shape[3]] = 0
  inside = _inside(len(kernel), len(patch))
  kernel[inside, inside, : patch.shape[2], : patch.shape[3]] = patch
  layer["kernel"] = kernel


def _inside(side: int, inner: int) -> slice:
  """Where a patch lies in a kernel, as 'SAME' aligns them."""
  origin = (side - inner) // 2
  return slice(origin, origin + inner)
