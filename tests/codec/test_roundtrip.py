"""Whole images through real files."""

import dataclasses
import subprocess
import sys

import jax
import numpy as np
import pytest
import tiny_codec

from lic_jax import types
from lic_jax.codec import bundle as bundles
from lic_jax.codec import container, decode, encode, tables
from lic_jax.models import build
from lic_jax.ops import quantise, scales, synthesis

SIZES = [(1, 1), (1, 7), (17, 3), (63, 65), (64, 64), (130, 200)]


def _crop(height: int, width: int) -> np.ndarray:
  return tiny_codec.photograph()[60 : 60 + height, 100 : 100 + width]


@pytest.mark.parametrize("size", SIZES)
def test_a_file_decodes_to_the_encoders_own_reconstruction(bundle, size):
  rgb = _crop(*size)
  encoded = encode.encode(rgb, bundle)
  decoded = decode.decode(encoded.data, bundle)
  assert decoded.shape == rgb.shape
  expected = decode.reconstruct(
    bundle.decoder, encoded.latents.y, *size, quality=0
  )
  np.testing.assert_array_equal(decoded, expected)
  latents = decode.decode_latents(container.unpack(encoded.data), bundle)
  np.testing.assert_array_equal(latents.y, encoded.latents.y)


@pytest.mark.parametrize("name", ["hyperprior", "factorized"])
def test_the_decoder_agrees_with_the_model_that_was_trained(name, request):
  bundle = request.getfixturevalue(name)
  rgb = _crop(128, 192)
  encoded = encode.encode(rgb, bundle)
  model = build.build(bundle.card["model"])
  params = bundles.read_encoder(bundle)
  x = rgb[None].astype(np.float32) / 255 - 0.5

  @jax.jit
  def analyse(params, x):
    latents = model.apply({"params": params}, x, method="analyse")
    return latents.y, latents.z

  latents = types.Latents(*analyse(params, x))
  offset = bundle.decoder.channel_offsets
  if latents.z is None:
    y_hat = np.rint(latents.y - offset) + offset
  else:
    z = np.rint(np.asarray(latents.z) - offset).astype(np.int32)
    mean, _ = decode.prior(bundle.decoder, z)
    y_hat = np.rint(latents.y - mean) + mean
  arguments = dict(bundle.decoder.functions["synthesis"])
  function = getattr(synthesis, arguments.pop("function"))
  x_hat = function(bundle.decoder.weights["synthesis"], y_hat, **arguments)
  levels = np.clip(np.rint((np.asarray(x_hat) + 0.5) * 255), 0, 255)
  decoded = decode.decode(encoded.data, bundle)
  assert np.abs(levels[0] - decoded).max() <= 1


def test_a_context_model_codes_nearly_what_was_trained(context):
  # Rounding may fall the other way where fixed point moves a mean.
  rgb = _crop(128, 192)
  encoded = encode.encode(rgb, context)
  model = build.build(context.card["model"])
  params = bundles.read_encoder(context)
  latents = encode.analyse(rgb, context)

  @jax.jit
  def decoded(params, y, z_hat):
    def run(model):
      hyper = model.hyper_synthesis(z_hat)
      return model.context(y, hyper, quantise=quantise.hard).y_hat

    return model.apply({"params": params}, method=run)

  y_hat = np.asarray(decoded(params, latents.y, encoded.latents.z))
  difference = np.abs(y_hat - encoded.latents.y)
  assert np.mean(difference > 0.01) < 0.01
  assert np.median(difference) < 1e-3


@pytest.mark.parametrize("core", [64, 128])
def test_strips_change_no_symbol_and_no_pixel(bundle, monkeypatch, core):
  rgb = _crop(230, 300)
  encoded = encode.encode(rgb, bundle)
  whole = decode.decode(encoded.data, bundle)
  monkeypatch.setattr(decode, "CORE_HEIGHT", core)
  again = encode.encode_latents(
    encode.analyse(rgb, bundle), bundle, height=230, width=300
  )
  assert again.data == encoded.data
  np.testing.assert_array_equal(decode.decode(encoded.data, bundle), whole)


def test_windows_change_no_symbol_and_hardly_a_pixel(bundle, monkeypatch):
  rgb = _crop(230, 300)
  encoded = encode.encode(rgb, bundle)
  whole = decode.decode(encoded.data, bundle)
  monkeypatch.setattr(decode, "CORE_WIDTH", 64)
  difference = decode.decode(encoded.data, bundle).astype(int) - whole
  assert np.abs(difference).max() <= 1 and np.mean(difference != 0) < 1e-3


def test_an_analysis_in_windows_gives_nearly_the_same_file(bundle, monkeypatch):
  rgb = _crop(230, 440)
  whole = encode.encode(rgb, bundle)
  monkeypatch.setattr(encode, "CORE", 64)
  monkeypatch.setattr(encode, "MARGIN", 192)
  parts = encode.encode(rgb, bundle)
  for name in ("y", "z"):
    ours, theirs = (getattr(e.symbols, name) for e in (parts, whole))
    if ours is not None:
      # Rounding may fall the other way where the last bit differs.
      assert np.mean(ours != theirs) < 1e-3
      assert np.abs(ours - theirs).max() <= 1


def test_a_small_file_cannot_claim_a_large_image(bundle):
  file = container.unpack(encode.encode(_crop(64, 64), bundle).data)
  header = dataclasses.replace(file.header, width=10_000, height=10_000)
  data = container.pack(dataclasses.replace(file, header=header))
  with pytest.raises(types.LicError, match="too few for an image of 10000x"):
    decode.decode(data, bundle)


def _within_promise(encoded: encode.Encoded, bundle: bundles.Bundle) -> bool:
  """Real size against the estimate: 0.5 % and 64 bytes."""
  estimated = encode.estimated_bits(encoded, bundle) / 8
  assert estimated > 300
  return abs(len(encoded.data) - estimated) < 0.005 * estimated + 64


@pytest.mark.parametrize("name", ["chelsea", "coffee", "rocket"])
def test_a_photographs_file_is_as_large_as_the_model_estimates(bundle, name):
  rgb = tiny_codec.photograph(name)[:384, :384]
  assert _within_promise(encode.encode(rgb, bundle), bundle)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_file_of_latents_as_the_model_expects_them_has_the_estimated_size(
  hyperprior, seed
):
  rng = np.random.default_rng(seed)
  z = rng.normal(size=(1, 6, 6, tiny_codec.HYPER), scale=3).astype(np.float32)
  offset = hyperprior.decoder.channel_offsets
  symbols = np.rint(z - offset).astype(np.int32)
  mean, table = decode.prior(hyperprior.decoder, symbols)
  index = table / tables.STEPS_PER_SCALE
  scale = scales.SCALE_MIN * np.exp(scales.LOG_STEP * index)
  y = mean + scale * rng.normal(size=mean.shape) + rng.random(mean.shape) - 0.5
  latents = types.Latents(y=y.astype(np.float32), z=z)
  encoded = encode.encode_latents(latents, hyperprior, height=384, width=384)
  assert _within_promise(encoded, hyperprior)


def test_a_file_of_surprising_latents_has_the_estimated_size(hyperprior):
  # Most symbols are escapes here.
  encoded = encode.encode(_crop(128, 128), hyperprior)
  latents = dataclasses.replace(encoded.latents, y=encoded.latents.y + 50)
  encoded = encode.encode_latents(latents, hyperprior, height=128, width=128)
  assert _within_promise(encoded, hyperprior)


def test_hostile_symbols_of_z_give_a_prior(hyperprior):
  z = np.full((1, 2, 3, tiny_codec.HYPER), 2**31 - 1, np.int32)
  z[..., ::2] = -(2**31)
  mean, table = decode.prior(hyperprior.decoder, z)
  assert np.all(np.isfinite(mean))
  assert table.max() < hyperprior.decoder.scale_tables.count


def test_encoding_twice_gives_the_same_bytes(bundle):
  rgb = _crop(100, 100)
  first, second = (encode.encode(rgb, bundle).data for _ in range(2))
  assert first == second


def test_a_flat_image_takes_hardly_more_than_its_header(hyperprior):
  rgb = np.full((64, 64, 3), 128, np.uint8)
  assert len(encode.encode(rgb, hyperprior).data) < 400


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e9])
def test_latents_that_no_file_can_hold_are_refused(bundle, value):
  latents = encode.analyse(_crop(64, 64), bundle)
  outer = "y" if latents.z is None else "z"
  for field in {"y", outer}:
    array = np.array(getattr(latents, field))
    array[0, 0, 0, 0] = value
    with pytest.raises(types.LicError, match="finite"):
      changed = dataclasses.replace(latents, **{field: array})
      encode.encode_latents(changed, bundle, height=64, width=64)


def test_latents_of_any_32_bit_size_round_trip(bundle):
  latents = encode.analyse(_crop(64, 64), bundle)
  y = np.array(latents.y)
  y[0, 0, 0, :3] = 2e9, -2e9, 70_000
  latents = dataclasses.replace(latents, y=y)
  encoded = encode.encode_latents(latents, bundle, height=64, width=64)
  file = container.unpack(encoded.data)
  decoded = decode.decode_latents(file, bundle)
  np.testing.assert_array_equal(decoded.y, encoded.latents.y)
  expected = y[0, 0, 0, :3]
  if bundle.decoder.context is not None:  # whose numbers end at 4096
    expected = np.clip(expected, -4096, 4096)
  assert np.abs(decoded.y[0, 0, 0, :3] - expected).max() <= 128


def test_latents_of_another_size_are_refused(bundle):
  latents = encode.analyse(_crop(64, 64), bundle)
  with pytest.raises(types.LicError, match="expects"):
    encode.encode_latents(latents, bundle, height=65, width=64)


def test_grey_comes_back_as_the_mean_of_the_channels(bundle):
  grey = _crop(50, 70)[..., 1]
  encoded = encode.encode(grey, bundle)
  decoded = decode.decode(encoded.data, bundle)
  assert decoded.shape == grey.shape and decoded.dtype == np.uint8
  colour = encode.encode(np.dstack([grey] * 3), bundle)
  assert len(colour.data) == len(encoded.data)
  channels = decode.decode(colour.data, bundle)
  inside = ((channels > 0) & (channels < 255)).all(axis=-1)
  mean = channels.mean(axis=-1)
  assert inside.any() and np.abs(decoded - mean)[inside].max() <= 1


@pytest.mark.parametrize(
  "rgb",
  [
    np.zeros((0, 5, 3), np.uint8),
    np.zeros((0, 5), np.uint8),
    np.zeros((5,), np.uint8),
    np.zeros((5, 5, 3), np.uint16),
    np.zeros((5, 5, 4), np.uint8),
  ],
)
def test_an_array_that_is_no_picture_is_refused(hyperprior, rgb):
  # Under the tests' shape checker the annotation refuses first.
  with pytest.raises((types.LicError, TypeError)):
    encode.encode(rgb, hyperprior)


def test_a_quality_that_the_codec_lacks_is_refused(bundle):
  with pytest.raises(types.LicError, match="no quality 7; it has 0"):
    encode.encode(_crop(8, 8), bundle, quality=7)
  file = container.unpack(encode.encode(_crop(8, 8), bundle).data)
  header = dataclasses.replace(file.header, quality=7 * 64)
  data = container.pack(dataclasses.replace(file, header=header))
  with pytest.raises(types.LicError, match="no quality 7"):
    decode.decode(data, bundle)


def test_a_file_of_another_codec_is_refused(hyperprior, factorized):
  data = encode.encode(_crop(8, 8), hyperprior).data
  with pytest.raises(types.LicError, match="made by the codec"):
    decode.decode(data, factorized)


def test_no_flipped_bit_gives_a_wrong_picture(bundle):
  encoded = encode.encode(_crop(64, 64), bundle)
  right = decode.decode(encoded.data, bundle)
  rng = np.random.default_rng(0)
  # A context model takes ten times as long to decode, and is told by the same
  # checksum.
  flips = 200 if bundle.decoder.context is None else 50
  for bit in rng.choice(len(encoded.data) * 8, flips, replace=False):
    damaged = bytearray(encoded.data)
    damaged[bit // 8] ^= 1 << bit % 8
    try:
      decoded = decode.decode(bytes(damaged), bundle)
    except types.LicError:
      continue
    np.testing.assert_array_equal(decoded, right)


def test_swapped_symbols_do_not_match_the_checksum(bundle):
  one, other = (
    container.unpack(encode.encode(image, bundle).data)
    for image in (_crop(64, 64), _crop(64, 64)[::-1])
  )
  spliced = dataclasses.replace(other, header=one.header)
  with pytest.raises(types.LicError):
    decode.decode(container.pack(spliced), bundle)


def test_a_decoder_function_that_is_not_a_synthesis_is_refused(hyperprior):
  decoder = dataclasses.replace(
    hyperprior.decoder,
    functions={"synthesis": {"function": "namespace"}},
  )
  with pytest.raises(types.LicError, match="not known here"):
    y_hat = np.zeros((1, 4, 4, 24), np.float32)
    decode.reconstruct(decoder, y_hat, 64, 64, quality=0)


def test_pixels_round_and_saturate():
  levels = np.array([-9.0, -0.4, 0.4, 0.6, 127.5, 254.6, 255.4, 900.0])
  x = np.repeat((levels / 255 - 0.5)[:, None, None], 3, axis=2)
  got = decode.pixels(x.astype(np.float32))
  np.testing.assert_array_equal(got[:, 0, 1], [0, 0, 0, 1, 128, 255, 255, 255])


def test_decoding_imports_no_jax():
  script = (
    "import sys\n"
    "from lic_jax.codec import decode\n"
    "from lic_jax import compress\n"
    "found = {name.split('.')[0] for name in sys.modules}\n"
    "print(sorted(found & {'jax', 'jaxlib', 'flax', 'optax', 'scipy'}))\n"
  )
  run = subprocess.run(
    [sys.executable, "-c", script], capture_output=True, text=True, check=True
  )
  assert run.stdout == "[]\n"
