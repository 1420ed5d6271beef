r"""Factorized prior of Balle, Laparra and Simoncelli 2017.

  python -m lic_jax.train --config=configs/bls2017.py --workdir=DIR \
    --config.data.train=coco/2017

Shallow-decoder specification 1.5: three layers of 256 with GDN1 each way, 41
kMAC/pixel each. 1.8 M steps. Published on Kodak (a later factorized model,
bmshj2018-factorized, of CompressAI):
0.4404 bpp, 31.28 dB. Not trained here yet.
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
    name="factorized_prior",
    analysis=dict(
      name="conv_gdn.Analysis",
      channels=(256, 256, 256),
      kernels=(9, 5, 5),
      strides=(4, 2, 2),
      activation="gdn",
      aligned="signal",
      last_bias=False,
    ),
    synthesis=dict(
      name="conv_gdn.Synthesis",
      channels=(256, 256, 3),
      kernels=(5, 5, 9),
      strides=(2, 2, 4),
      activation="gdn",
      aligned="signal",
    ),
    latent_channels=256,
    quantisation="unoise",
    dtype="float32",  # or "bfloat16": of the products
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
