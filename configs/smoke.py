r"""A small codec in two minutes on two CPU cores, all the way through.

  python -m lic_jax.train --config=configs/smoke.py --workdir=DIR

Trains the default's layout with narrow layers on the photographs that come
with scikit-image. It shows that everything works, not how well it can.
"""

import ml_collections


def get_config() -> ml_collections.ConfigDict:
  config = ml_collections.ConfigDict()
  config.data = dict(
    train="bundled",  # folder, glob, tar, TFDS name or "bundled"
    validation="",  # empty: hold out a part of train
    holdout=0.1,
    validation_count=2,
    validation_size=256,
    loader="resident",  # or "grain"
    workers=0,  # processes of the grain loader
    crop=128,
    batch=2,
    downscale=(),
  )
  config.model = dict(
    name="mean_scale_hyperprior",
    analysis=dict(
      name="hierarchical.Analysis",
      channels=(16, 32, 64),
      latent_channels=192,
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
      name="hyper.HyperAnalysis", channels=32, companded=True
    ),
    hyper_synthesis=dict(
      name="hyper.HyperSynthesis", channels=32, latent_channels=192
    ),
    latent_channels=192,
    hyper_channels=32,
    quantisation="mixedq",
    dtype="float32",  # or "bfloat16": of the products
    gain_rungs=0,  # 7: one codec for lambdas from lmbda to 64 lmbda
  )
  config.loss = dict(
    distortion="mse",  # or "ms_ssim": 1 - MS-SSIM, lmbda 2.4 to 60.5
    lmbda=0.01,  # loss = bpp + lmbda * MSE on 0..255
    warmup_factor=1.0,
    warmup=0.2,
  )
  config.optimizer = dict(
    learning_rate=6e-4,
    warmup=0.02,  # share of the training
    decay="cosine",  # to zero at the end
    clip=1.0,  # global norm
    # Prefixes of the kernels that Muon updates, not Adam.
    muon=("analysis/down", "analysis/block", "analysis/latent"),
    # Relative rates: at 1 the small weights of the closed-form start would be
    # unlearned.
    factors={
      "synthesis": 0.08,
      "analysis/linear": 0.08,
      "hyper_analysis": 0.05,
    },
  )
  config.steps = 100_000
  config.budget_minutes = 2.0  # cosine to zero at this time
  config.seed = 0
  config.start = "klt"  # "random" or a run: lic_jax.training.start
  config.log = dict(
    every=100, validate_every=1_000, checkpoint_every=1_000, keep=2
  )
  return config.lock()
