"""What all arms have in common: the config of a small codec, trained briefly.

The layout of `configs/smoke.py` with fewer channels, one rate, and numbers of
steps in place of minutes, so that no arm is paid for what else the machine did.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import ml_collections

CHANNELS = 128  # of the latent
HYPER = 32
HIERARCHICAL = dict(
  name="hierarchical.Analysis",
  channels=(16, 32, 64),
  latent_channels=CHANNELS,
  linear=True,
)
TWO_LAYER = dict(
  name="shallow.TwoLayer",
  channels=12,
  kernels=(13, 5),
  strides=(8, 2),
  residual=True,
)


@dataclasses.dataclass(frozen=True)
class Arm:
  """A codec, by its transforms.

  Attributes:
    name: of its runs and results.
    synthesis: `model.synthesis` of its config.
    analysis: `model.analysis`.
    closed: prefix of the analysis' parameters that hold the closed form.
  """

  name: str
  synthesis: Mapping[str, Any] = dataclasses.field(
    default_factory=TWO_LAYER.copy
  )
  analysis: Mapping[str, Any] = dataclasses.field(
    default_factory=HIERARCHICAL.copy
  )
  closed: str = "analysis/linear"


def get_config(
  arm: Arm, *, train: str = "", lmbda: float, steps: int, seed: int = 0
) -> ml_collections.ConfigDict:
  """The config of one run of an arm."""
  config = ml_collections.ConfigDict()
  config.data = dict(
    train=train,
    validation="",
    holdout=0.02,
    validation_count=2,
    validation_size=256,
    loader="resident",
    workers=0,
    crop=128,
    batch=2,
    downscale=(),
  )
  config.model = dict(
    name="mean_scale_hyperprior",
    analysis=dict(arm.analysis),
    synthesis=dict(arm.synthesis),
    hyper_analysis=dict(
      name="hyper.HyperAnalysis", channels=HYPER, companded=True
    ),
    hyper_synthesis=dict(
      name="hyper.HyperSynthesis", channels=HYPER, latent_channels=CHANNELS
    ),
    latent_channels=CHANNELS,
    hyper_channels=HYPER,
    quantisation="mixedq",
    dtype="float32",
    gain_rungs=0,
  )
  config.loss = dict(
    distortion="mse", lmbda=lmbda, warmup_factor=1.0, warmup=0.2
  )
  config.optimizer = dict(
    learning_rate=1e-3,
    warmup=0.02,
    decay="cosine",
    clip=1.0,
    muon=(),  # compiles longer than these runs would gain
    # Adam moves every weight by about the rate, and those of the closed form
    # are small: 0.01 in the synthesis, 0.05 in the hyperprior.
    factors={
      "synthesis": 0.1,
      arm.closed: 0.1,
      "hyper_analysis": 0.05,
      "hyper_synthesis": 0.3,
    },
  )
  config.steps = steps
  config.budget_minutes = 0.0
  config.seed = seed
  config.start = "klt"  # in the form of `start.py`
  config.log = dict(
    every=100, validate_every=steps, checkpoint_every=steps, keep=1
  )
  return config.lock()
