r"""ELIC (He et al. 2022): uneven groups with a space-channel context.

  python -m lic_jax.train --config=configs/elic.py --workdir=DIR \
    --config.data.train=PHOTOGRAPHS

585.9 kMAC/pixel: transforms 509.9, hyper-transforms 8.7, context and entropy
parameters 67.2. With --config.model.context.grid=half 13.3 less, and the same
numbers. Days on one data-centre GPU. Published on Kodak (the paper's, by
CompressAI): 0.491 bpp, 34.58 dB. Not trained here yet.
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
    batch=16,
    downscale=(),
  )
  config.model = dict(
    name="context_hyperprior",
    analysis=dict(name="elic.Analysis", channels=(192, 192, 192, 320)),
    synthesis=dict(name="elic.Synthesis", channels=(192, 192, 192, 3)),
    hyper_analysis=dict(name="hyper.HyperAnalysis", channels=192),
    hyper_synthesis=dict(
      name="hyper.HyperSynthesis",
      channels=192,
      latent_channels=192,  # half of its output, not the latent's width
    ),
    context=dict(
      name="space_channel",
      groups=(16, 16, 32, 64, 192),
      grid="full",  # as counted elsewhere; "half": the same numbers, cheaper
    ),
    latent_channels=320,
    hyper_channels=192,
    quantisation="mixedq",  # noise for the rate, rounding for what follows
    dtype="float32",  # or "bfloat16": of the products
  )
  config.loss = dict(
    distortion="mse",  # or "ms_ssim": 1 - MS-SSIM, lmbda 2.4 to 60.5
    lmbda=0.013,  # loss = bpp + lmbda * MSE on 0..255; MLIC++'s six values:
    # 0.0018, 0.0035, 0.0067, 0.013, 0.025, 0.0483
    warmup_factor=1.0,
    warmup=0.0,
  )
  config.optimizer = dict(
    learning_rate=1e-4,
    warmup=0.0,  # share of the training
    decay="step",  # a tenth after 80 %
    clip=1.0,  # global norm
    muon=(),  # prefixes of the kernels that Muon updates, not Adam
    factors={},  # learning rates relative to it, by parameter prefix
  )
  config.steps = 2_000_000
  config.budget_minutes = 0.0  # > 0: cosine to zero at this time instead
  config.seed = 0
  config.start = "random"  # or a run: lic_jax.training.start
  config.log = dict(
    every=100, validate_every=10_000, checkpoint_every=10_000, keep=2
  )
  return config.lock()
