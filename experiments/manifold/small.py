r"""Four small codecs that differ in the synthesis alone, trained for minutes.

  python -m lic_jax.train --config=experiments/manifold/small.py:SYNTHESIS \
    --workdir=DIR --config.data.train=PHOTOGRAPHS

SYNTHESIS is jpeg_like, two_layer, cnn (mbt2018's with 48 channels for 192) or
hierarchical (LOC-LIC's with half its channels). The rest is `smoke`'s, from a
random start, since the closed form knows the two-layer synthesis alone. Two to
ten minutes each on two CPU cores: trained weights to look into, nothing to
compress with.
"""

import ml_collections

SYNTHESES = dict(
  jpeg_like=dict(name="shallow.JpegLike", kernel=18, stride=16),
  two_layer=dict(
    name="shallow.TwoLayer",
    channels=12,
    kernels=(13, 5),
    strides=(8, 2),
    residual=True,
  ),
  cnn=dict(
    name="conv_gdn.Synthesis",
    channels=(48, 48, 48, 3),
    activation="gdn",
    aligned="signal",
  ),
  hierarchical=dict(name="hierarchical.Synthesis", channels=(16, 32, 64)),
)


def get_config(synthesis: str) -> ml_collections.ConfigDict:
  config = ml_collections.ConfigDict()
  config.data = dict(
    train="",  # folder, glob, tar, TFDS name or "bundled"
    validation="",  # empty: hold out a part of train
    holdout=0.02,
    validation_count=4,
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
      latent_channels=96,
      linear=True,
    ),
    synthesis=SYNTHESES[synthesis],
    hyper_analysis=dict(name="hyper.HyperAnalysis", channels=32),
    hyper_synthesis=dict(
      name="hyper.HyperSynthesis", channels=32, latent_channels=96
    ),
    latent_channels=96,
    hyper_channels=32,
    quantisation="unoise",
    dtype="float32",  # or "bfloat16": of the products
    gain_rungs=0,  # 7: one codec for lambdas from lmbda to 64 lmbda
  )
  config.loss = dict(
    distortion="mse",  # or "ms_ssim": 1 - MS-SSIM, lmbda 2.4 to 60.5
    lmbda=0.01,  # loss = bpp + lmbda * MSE on 0..255
    warmup_factor=10.0,
    warmup=0.5,  # more than the paper's: a random latent has to grow first
  )
  config.optimizer = dict(
    learning_rate=2e-3,
    warmup=0.02,  # share of the training
    decay="cosine",  # to zero at the end
    clip=1.0,  # global norm
    muon=(),  # prefixes of the kernels that Muon updates, not Adam
    factors={},  # learning rates relative to it, by parameter prefix
  )
  config.steps = 2_500
  config.budget_minutes = 0.0  # > 0: cosine to zero at this time instead
  config.seed = 0
  config.start = "random"  # "klt" or a run: lic_jax.training.start
  config.log = dict(
    every=100, validate_every=500, checkpoint_every=2_500, keep=1
  )
  return config.lock()
