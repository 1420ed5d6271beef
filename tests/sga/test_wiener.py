"""Post-filters: fitted to a picture, worth their bits, through the file."""

import dataclasses

import numpy as np
import pytest
import tiny_codec

from lic_jax.codec import coefficients, container, decode
from lic_jax.codec import encode as codec
from lic_jax.codec.painter import Painter
from lic_jax.ops import postfilter
from lic_jax.sga import encode, wiener
from lic_jax.types import LicError


def test_a_filtered_file_is_better(restored):
  rgb = tiny_codec.photograph()[:150, :200]
  plain = codec.encode(rgb, restored, quality=0)
  found = wiener.filtered(rgb, plain, restored)
  assert tiny_codec.loss(rgb, found, restored) < 0.99 * tiny_codec.loss(
    rgb, plain, restored
  )
  np.testing.assert_array_equal(found.symbols.y, plain.symbols.y)


def test_it_is_what_encoding_does_where_it_can(restored, hyperprior):
  rgb = tiny_codec.photograph()[:64, :80]
  assert container.unpack(encode.encode(rgb, restored).data).header.has_filter
  plain = encode.encode(rgb, restored, postfilter=False)
  assert not container.unpack(plain.data).header.has_filter
  other = encode.encode(rgb, hyperprior)
  assert not container.unpack(other.data).header.has_filter


def test_windows_give_the_equations_of_the_whole(restored):
  rgb = tiny_codec.photograph()[:150, :280]
  y_hat = codec.encode(rgb, restored).latents.y
  painter = Painter.of(restored.decoder, 1)
  whole = wiener.equations(rgb, y_hat, painter, core=1024)
  parts = wiener.equations(rgb, y_hat, painter, core=64)
  for ours, theirs in zip(parts, whole):
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-6)


def test_they_say_what_a_filter_leaves_of_the_error(restored, rng):
  rgb = tiny_codec.photograph()[:100, :130]
  y_hat = codec.encode(rgb, restored).latents.y
  painter = Painter.of(restored.decoder, 1)
  gram, product = wiener.equations(rgb, y_hat, painter, core=64)
  k = rng.integers(-9, 10, size=coefficients.SHAPE)
  x, added = painter(y_hat)
  filtered = postfilter.apply(k, x, added, painter.level)
  x, filtered = x[0, :100, :130], filtered[0, :100, :130]
  target = rgb / 255 - 0.5
  for out in range(3):
    before, after = (
      np.sum(np.square(target - picture)[..., out]) for picture in (x, filtered)
    )
    one = k[out].ravel()
    expected = one @ gram @ one - 2 * one @ product[:, out]
    np.testing.assert_allclose(after - before, expected, rtol=1e-3)


def test_where_bits_are_cheap_it_is_the_wiener_filter(rng):
  features = rng.normal(size=(500, wiener.COUNT))
  planted = rng.integers(-30, 31, size=wiener.COUNT)
  missing = features @ planted + 0.01 * rng.normal(size=500)
  found = wiener.least(features.T @ features * 1e6, features.T @ missing * 1e6)
  np.testing.assert_array_equal(found, planted)


def test_where_bits_are_dear_there_is_no_filter(rng):
  features = rng.normal(size=(500, wiener.COUNT))
  gram, product = features.T @ features, features.T @ rng.normal(size=500)
  assert not wiener.least(1e-3 * gram, 1e-3 * product).any()


def test_it_costs_no_more_than_none(rng):
  for scale in np.geomspace(1e-3, 1e3, 13):
    features = rng.normal(size=(200, 3)) @ rng.normal(size=(3, wiener.COUNT))
    gram = scale * features.T @ features
    product = scale * features.T @ rng.normal(size=200)
    found = wiener.least(gram, product)
    zero = np.zeros_like(found)
    assert wiener.cost(found, gram, product) <= wiener.cost(zero, gram, product)


def test_a_flat_image_gets_no_filter_or_a_better_file(restored):
  rgb = np.full((64, 64, 3), 128, np.uint8)
  plain = codec.encode(rgb, restored)
  found = wiener.filtered(rgb, plain, restored)
  losses = [tiny_codec.loss(rgb, one, restored) for one in (found, plain)]
  assert losses[0] <= losses[1]


def test_a_grey_image_is_filtered_too(restored):
  grey = tiny_codec.photograph()[:128, :128, 1]
  encoded = encode.encode(grey, restored)
  assert container.unpack(encoded.data).header.has_filter
  plain = encode.encode(grey, restored, postfilter=False)
  errors = [
    np.square(decode.decode(one.data, restored) - grey.astype(float)).mean()
    for one in (encoded, plain)
  ]
  assert errors[0] < errors[1]


def test_a_changed_filter_is_noticed(restored):
  rgb = tiny_codec.photograph()[:64, :80]
  file = container.unpack(encode.encode(rgb, restored).data)
  other = bytearray(file.postfilter)
  other[1] ^= 4
  file = dataclasses.replace(file, postfilter=bytes(other))
  with pytest.raises(LicError, match="checksum"):
    decode.decode_file(file, restored)


def test_none_is_fitted_to_a_codec_without_restoration(hyperprior):
  with pytest.raises(LicError, match="with a restoration"):
    encode.encode(
      tiny_codec.photograph()[:64, :64], hyperprior, postfilter=True
    )


def test_a_codec_without_restoration_refuses_a_filter(hyperprior):
  encoded = codec.encode(tiny_codec.photograph()[:64, :64], hyperprior)
  some = np.ones(coefficients.SHAPE, np.int32)
  encoded = codec.with_filter(encoded, some)
  with pytest.raises(LicError, match="no use for"):
    decode.decode(encoded.data, hyperprior)
