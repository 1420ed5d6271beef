"""Iterative encoding gives ordinary files, and better ones."""

import numpy as np
import tiny_codec

from lic_jax.codec import container, decode
from lic_jax.codec import encode as codec
from lic_jax.sga import encode


def test_a_file_is_better_and_decodes_to_what_was_chosen(bundle):
  rgb = tiny_codec.photograph()[:150, :200]
  encoded = encode.encode(rgb, bundle, sweeps=0, steps=60)
  start = codec.analyse(rgb, bundle)
  chosen = encode.optimise(rgb[None], start, bundle, steps=60)
  decoded = decode.decode_latents(container.unpack(encoded.data), bundle)
  np.testing.assert_array_equal(decoded.y, encoded.latents.y)
  np.testing.assert_array_equal(decoded.y, chosen.y)
  if decoded.z is not None:
    np.testing.assert_array_equal(decoded.z, encoded.latents.z)
    np.testing.assert_array_equal(decoded.z, chosen.z)
  amortised = codec.encode(rgb, bundle)
  assert tiny_codec.loss(rgb, encoded, bundle) < 0.99 * tiny_codec.loss(
    rgb, amortised, bundle
  )


def test_a_seed_gives_the_same_bytes(hyperprior):
  rgb = tiny_codec.photograph()[:128, :128]
  files = [
    encode.encode(rgb, hyperprior, steps=20, seed=seed).data
    for seed in (1, 1, 2)
  ]
  assert files[0] == files[1] != files[2]


def test_windows_find_nearly_as_much_as_the_whole(hyperprior):
  rgb = tiny_codec.photograph()[:192, :256]
  seen = []
  options = dict(sweeps=0, steps=25, report=seen.append)
  whole = encode.encode(rgb, hyperprior, **options)
  assert {progress.windows for progress in seen} == {1}
  assert str(seen[-1]).startswith("step 25: ")
  parts = encode.encode(rgb, hyperprior, core=64, margin=0, **options)
  assert str(seen[-1]).startswith("window 12/12, step 25: ")
  amortised = tiny_codec.loss(rgb, codec.encode(rgb, hyperprior), hyperprior)
  gains = [
    amortised - tiny_codec.loss(rgb, e, hyperprior) for e in (whole, parts)
  ]
  assert gains[1] > 0.8 * gains[0] > 0


def test_a_picture_of_one_pixel(bundle):
  rgb = tiny_codec.photograph()[:1, :1]
  encoded = encode.encode(rgb, bundle, steps=3)
  assert decode.decode(encoded.data, bundle).shape == (1, 1, 3)
