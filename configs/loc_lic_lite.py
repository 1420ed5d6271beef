r"""LOC-LIC with a lighter entropy model: 102 kMAC/pixel less to decode.

  python -m lic_jax.train --config=configs/loc_lic_lite.py --workdir=DIR \
    --config.data.train=PHOTOGRAPHS

170.5 kMAC/pixel in all (168.5 in convolutions and linear layers), 142.4 of them
for decoding. Against loc_lic: entropy parameters on the half grid, one residual
prediction per slice, which begins 1x1, and the centre query alone in the local
context (LOC-LIC specification 2.6). No published figures: the variant is ours.
Not trained here yet.
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
    analysis=dict(
      name="hierarchical.Analysis",
      channels=(32, 64, 128),
      latent_channels=320,
    ),
    synthesis=dict(name="hierarchical.Synthesis", channels=(32, 64, 128)),
    hyper_analysis=dict(
      name="multi_reference_hyper.HyperAnalysis", channels=128
    ),
    hyper_synthesis=dict(
      name="multi_reference_hyper.HyperSynthesis", latent_channels=320
    ),
    context=dict(
      name="multi_reference",
      slices=10,
      grid="half",  # the same numbers as on the full grid
      queries="centre",  # the paper: "window", all 25 of it
      residual_passes=1,  # for the whole slice; 2 in the paper
      residual_kernel=1,
    ),
    latent_channels=320,
    hyper_channels=128,
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
    warmup=0.1,  # share of the training
    decay="cosine",  # to zero; the authors' to 1e-5
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
