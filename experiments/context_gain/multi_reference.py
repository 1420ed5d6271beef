r"""The context model of `loc_lic_lite` on the shipped codec's transforms.

  python -m lic_jax.train --config=experiments/context_gain/multi_reference.py \
    --workdir=DIR --config.data.train=PHOTOGRAPHS --config.start=RUN

As `hyperprior.py` beside it, but for the context model; from a run that
`as_hyperprior.py` has planted, or one that follows it.
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
    batch=4,
    downscale=(),
  )
  config.model = dict(
    name="context_hyperprior",
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
    context=dict(
      name="multi_reference",
      slices=10,
      grid="half",
      queries="centre",
      residual_passes=1,
      residual_kernel=1,
    ),
    latent_channels=320,
    hyper_channels=112,
    quantisation="mixedq",
    dtype="float32",  # or "bfloat16": of the products
  )
  config.loss = dict(
    distortion="mse",  # or "ms_ssim": 1 - MS-SSIM, lmbda 2.4 to 60.5
    lmbda=0.01,  # loss = bpp + lmbda * MSE on 0..255
    warmup_factor=1.0,
    warmup=0.2,  # factor=10.0 for runs as long as the paper's
  )
  config.optimizer = dict(
    learning_rate=5e-4,
    warmup=0.02,  # share of the training
    decay="cosine",  # to zero at the end
    clip=1.0,  # global norm
    muon=(),  # prefixes of the kernels that Muon updates, not Adam
    # Relative rates. The transforms are the shipped codec's, and stay so.
    factors={
      "analysis": 0.0,
      "synthesis": 0.0,
      "hyper_analysis": 0.1,
      "hyper_synthesis": 0.3,
    },
  )
  config.steps = 2_000
  config.budget_minutes = 0.0  # > 0: cosine to zero at this time instead
  config.seed = 0
  config.start = ""  # a run
  config.log = dict(every=100, validate_every=500, checkpoint_every=500, keep=2)
  return config.lock()
