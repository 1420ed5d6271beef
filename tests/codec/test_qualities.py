"""One codec for every rate: files of all its qualities."""

import dataclasses

import numpy as np
import pytest
import tiny_codec

from lic_jax.codec import bundle as bundles
from lic_jax.codec import container, decode, encode, target
from lic_jax.codec import decoder as decoder_bytes
from lic_jax.ops.scales import LOG_STEP
from lic_jax.sga import encode as iterative
from lic_jax.types import LicError

QUARTERS = np.arange(0, 2.25, 0.25)


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
  return tiny_codec.gains(tmp_path_factory.mktemp("codecs") / "gains")


@pytest.fixture(scope="module")
def rgb():
  return tiny_codec.photograph()[60:190, 100:300]


@pytest.fixture(scope="module")
def files(codec, rgb):
  return {q: encode.encode(rgb, codec, quality=q) for q in QUARTERS.tolist()}


def test_every_quality_decodes_to_the_encoders_own_latent(codec, files):
  for quality, encoded in files.items():
    file = container.unpack(encoded.data)
    assert file.header.quality == 64 * quality
    latents = decode.decode_latents(file, codec)
    np.testing.assert_array_equal(latents.y, encoded.latents.y)


def test_a_quarter_more_is_a_larger_file_and_a_better_latent(codec, rgb, files):
  # An untrained synthesis makes no picture of it.
  y = encode.analyse(rgb, codec).y
  sizes = [len(encoded.data) for encoded in files.values()]
  errors = [np.square(e.latents.y - y).mean() for e in files.values()]
  assert (np.diff(sizes) > 0).all()
  assert (np.diff(errors) < 0).all()


def test_files_are_as_large_as_the_model_estimates(codec, files):
  for encoded in files.values():
    estimated = encode.estimated_bits(encoded, codec) / 8
    assert abs(len(encoded.data) - estimated) < 0.01 * estimated + 64


def test_a_gain_moves_tables_by_its_logarithm(codec):
  # Gains of one, and of eight quarter steps less.
  table = np.zeros((3, 5), np.float32)
  table[0] = -8 * LOG_STEP / 4
  decoder = dataclasses.replace(codec.decoder, gains=table)
  index = np.array([[[[0, 5, 8, 100, 252]]]], np.uint8)
  steps, moved = decode.at_quality(decoder, 64, index)
  np.testing.assert_array_equal(moved, index)
  np.testing.assert_array_equal(steps, 1)
  steps, moved = decode.at_quality(decoder, 0, index)
  np.testing.assert_array_equal(moved, [[[[0, 0, 0, 92, 244]]]])
  np.testing.assert_allclose(steps, np.exp(8 * LOG_STEP / 4), rtol=1e-6)


def test_the_highest_quality_is_the_codec_without_gains(
  codec, rgb, files, tmp_path
):
  plain = tiny_codec.hyperprior(tmp_path / "plain")
  encoded = encode.encode(rgb, plain)
  for field in ("y", "z"):
    ours, theirs = (getattr(e.symbols, field) for e in (files[2.0], encoded))
    np.testing.assert_array_equal(ours, theirs)


def test_a_size_that_is_asked_for_is_met_within_three_percent(
  codec, rgb, files
):
  def coded(number):
    quality = number / bundles.STEPS_PER_QUALITY
    return encode.encode(rgb, codec, quality=quality).data

  for quality in (0.25, 1.0, 1.75):
    wanted = len(files[quality].data) + 7.0
    found = target.within(coded, codec.qualities, most_bytes=wanted)
    assert 0.97 * wanted < len(found) <= wanted


@pytest.mark.parametrize("quality", [-0.1, 2.02, np.nan, np.inf])
def test_a_quality_beyond_the_ladder_is_refused(codec, rgb, quality):
  with pytest.raises(LicError, match="it has 0 to 2"):
    encode.encode(rgb, codec, quality=quality)


def test_without_a_quality_it_is_the_middle(codec, rgb, files):
  assert encode.encode(rgb, codec).data == files[1.0].data


@pytest.mark.parametrize("quality", [0.5, 2.0])
def test_iterative_encoding_lowers_the_lagrangian_of_its_quality(
  codec, rgb, files, quality
):
  lmbda = codec.card["lambda"] * 2**quality

  def loss(encoded):
    decoded = decode.decode(encoded.data, codec).astype(float)
    bpp = 8 * len(encoded.data) / decoded[..., 0].size
    return bpp + lmbda * np.square(decoded - rgb).mean()

  better = iterative.encode(rgb, codec, quality=quality, steps=25)
  assert container.unpack(better.data).header.quality == 64 * quality
  assert loss(better) < loss(files[quality])


def test_a_table_of_gains_that_is_none_is_refused(codec):
  for gains in (
    codec.decoder.gains[:1],
    codec.decoder.gains + np.float32(np.nan),
    codec.decoder.gains.astype(np.float64),
  ):
    decoder = dataclasses.replace(codec.decoder, gains=gains)
    with pytest.raises(LicError, match="damaged"):
      decoder_bytes.parse(decoder_bytes.serialise(decoder))
