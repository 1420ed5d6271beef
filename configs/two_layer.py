r"""Two-layer synthesis with ELIC analysis, as in the paper's tables.

  python -m lic_jax.train --config=configs/two_layer.py --workdir=DIR \
    --config.data.train=coco/2017

Yang & Mandt 2023; shallow-decoder specification 0, 1.6, 1.8 and 3. Decoding
20.5 kMAC/pixel. 1.8 M steps, about 1.6e18 FLOP per lambda: days on one GPU.
Published on Kodak at lmbda=0.01: 0.4620 bpp, 32.57 dB. Not trained here yet.
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
    loader="grain",  # or "resident"
    workers=0,  # processes of the grain loader
    crop=256,
    batch=8,
    downscale=(0.6, 1.0),  # of each image, before the crop
  )
  config.model = dict(
    name="mean_scale_hyperprior",
    analysis=dict(name="elic.Analysis", channels=(192, 192, 192, 320)),
    synthesis=dict(
      name="shallow.TwoLayer",
      channels=12,
      kernels=(13, 5),
      strides=(8, 2),
      residual=True,
    ),
    hyper_analysis=dict(name="hyper.HyperAnalysis", channels=320),
    hyper_synthesis=dict(
      name="hyper.HyperSynthesis", channels=320, latent_channels=320
    ),
    latent_channels=320,
    hyper_channels=320,
    quantisation="unoise",
    dtype="float32",  # or "bfloat16": of the products
    gain_rungs=0,  # 7: one codec for lambdas from lmbda to 64 lmbda
  )
  config.loss = dict(
    distortion="mse",  # or "ms_ssim": 1 - MS-SSIM, lmbda 2.4 to 60.5
    lmbda=0.01,  # loss = bpp + lmbda * MSE on 0..255
    warmup_factor=10.0,
    warmup=0.2,  # the paper's, for lmbda <= 0.01; factor=1.0 above
  )
  config.optimizer = dict(
    learning_rate=1e-4,
    warmup=0.02,  # share of the training
    decay="step",  # a tenth after 80 %
    clip=1.0,  # global norm
    muon=(),  # prefixes of the kernels that Muon updates, not Adam
    factors={},  # learning rates relative to it, by parameter prefix
  )
  config.steps = 1_800_000
  config.budget_minutes = 0.0  # > 0: cosine to zero at this time instead
  config.seed = 0
  config.start = "random"  # "klt" or a run: lic_jax.training.start
  config.log = dict(
    every=100, validate_every=10_000, checkpoint_every=10_000, keep=2
  )
  return config.lock()
