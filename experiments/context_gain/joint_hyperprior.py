r"""The mean-scale hyperprior, all of it trained from the closed form.

  python -m lic_jax.train \
    --config=experiments/context_gain/joint_hyperprior.py \
    --workdir=DIR --config.data.train=PHOTOGRAPHS

The default's transforms with a latent of 192 channels, beside those of
`joint_multi_reference.py`.
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
    batch=2,
    downscale=(),
  )
  config.model = dict(
    name="mean_scale_hyperprior",
    analysis=dict(
      name="hierarchical.Analysis",
      channels=(32, 64, 128),
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
      name="hyper.HyperAnalysis", channels=112, companded=True
    ),
    hyper_synthesis=dict(
      name="hyper.HyperSynthesis", channels=112, latent_channels=192
    ),
    latent_channels=192,
    hyper_channels=112,
    quantisation="mixedq",
    dtype="float32",  # or "bfloat16": of the products
    gain_rungs=0,  # 7: one codec for lambdas from lmbda to 64 lmbda
  )
  config.loss = dict(
    distortion="mse",  # or "ms_ssim": 1 - MS-SSIM, lmbda 2.4 to 60.5
    lmbda=0.01,  # loss = bpp + lmbda * MSE on 0..255
    warmup_factor=1.0,
    warmup=0.2,  # factor=10.0 for runs as long as the paper's
  )
  config.optimizer = dict(
    learning_rate=1e-3,
    warmup=0.02,  # share of the training
    decay="cosine",  # to zero at the end
    clip=10.0,  # global norm
    # Prefixes of the kernels that Muon updates, not Adam.
    muon=("analysis/down", "analysis/block", "analysis/latent"),
    # Relative rates: Adam moves every weight by about the rate, and those of
    # the closed-form start are small (experiments/zoo).
    factors={
      "synthesis": 0.02,
      "analysis/linear": 0.16,
      "hyper_analysis": 0.1,
      "hyper_synthesis": 0.3,
    },
  )
  config.steps = 3_000
  config.budget_minutes = 0.0  # > 0: cosine to zero at this time instead
  config.seed = 0
  config.start = "klt"  # "random" or a run: lic_jax.training.start
  config.log = dict(every=100, validate_every=500, checkpoint_every=500, keep=2)
  return config.lock()
