r"""The default codec: hierarchical analysis, two-layer synthesis, hyperprior.

  python -m lic_jax.train --config=configs/hierarchical_two_layer.py \
    --workdir=DIR --config.data.train=PHOTOGRAPHS --config.budget_minutes=7.3

Encoding 26.7 kMAC/pixel of analysis (LOC-LIC 32-64-128 + linear), decoding
18.8: 5.34 of two-layer synthesis (Yang & Mandt 2023), 4.3 of a hyper-synthesis
of width 112, where the paper's width of 320 costs 15.18, 9.1 of a restoration.
Result of these 7.3 minutes on one H100, 50740 steps: seven qualities on Kodak
from 0.208 bpp and 28.44 dB to 1.336 bpp and 37.92 dB, the middle one 0.591 bpp
and 33.29 dB, rounded and without a restoration (experiments/zoo): the codec
that ships.
A CPU needs a batch that it can bear, a lower rate with it, and products that it
has: BUILD.md has the flags.
"""

import ml_collections


def get_config() -> ml_collections.ConfigDict:
  config = ml_collections.ConfigDict()
  config.data = dict(
    train="",  # folder, glob, tar, TFDS name or "bundled"
    validation="",  # empty: hold out a part of train
    holdout=0.02,
    validation_count=16,
    validation_size=256,
    loader="resident",  # or "grain"
    workers=0,  # processes of the grain loader
    # A smaller crop has a hyper-latent of 2x2, all border: what the 5x5 layers
    # of the hyperprior learn on it does not hold inside a photograph.
    crop=256,
    batch=32,
    downscale=(),
  )
  config.model = dict(
    name="mean_scale_hyperprior",
    analysis=dict(
      name="hierarchical.Analysis",
      channels=(32, 64, 128),
      latent_channels=320,
      linear=True,
    ),
    synthesis=dict(
      name="shallow.TwoLayer",
      channels=12,
      kernels=(13, 5),
      strides=(8, 2),
      residual=True,
    ),
    hyper_analysis=dict(
      name="hyper.HyperAnalysis", channels=112, companded=True
    ),
    hyper_synthesis=dict(
      name="hyper.HyperSynthesis", channels=112, latent_channels=320
    ),
    latent_channels=320,
    hyper_channels=112,
    quantisation="mixedq",  # rounding for the synthesis; or "unoise"
    dtype="bfloat16",  # of the products; or "float32"
    gain_rungs=7,  # one codec for lambdas from lmbda to 64 lmbda; 0: for one
  )
  # Behind the synthesis, trained after all else: `lic_jax.fit_restoration`.
  config.restoration = dict(channels=24, blocks=3)
  config.loss = dict(
    distortion="mse",  # or "ms_ssim": 1 - MS-SSIM, lmbda 2.4 to 60.5
    lmbda=0.00125,  # of quality 0; loss = bpp + lmbda * MSE on 0..255
    warmup_factor=1.0,
    warmup=0.2,  # factor=10.0 for runs as long as the paper's
  )
  config.optimizer = dict(
    learning_rate=1.5e-3,
    warmup=0.02,  # share of the training
    decay="cosine",  # to zero at the end
    clip=50.0,  # global norm; those of batches are 4 to 33
    # Prefixes of the kernels that Muon updates, not Adam.
    muon=("analysis/down", "analysis/block", "analysis/latent"),
    # Relative rates. Adam moves every weight by about the rate, and those of
    # the closed-form start are small: 0.0025 in the synthesis, 0.05 in the
    # hyperprior. At 1 they would be unlearned (experiments/zoo).
    factors={
      "synthesis": 0.02,
      "analysis/linear": 0.16,
      "hyper_analysis": 0.1,
      "hyper_synthesis": 0.6,
    },
  )
  config.steps = 500_000
  config.budget_minutes = 0.0  # > 0: cosine to zero at this time instead
  config.seed = 0
  config.start = "klt"  # "random" or a run: lic_jax.training.start
  config.log = dict(
    every=100, validate_every=2_000, checkpoint_every=2_000, keep=2
  )
  return config.lock()
