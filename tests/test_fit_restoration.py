"""A restoration: trained on files' pictures, and nothing else of the codec."""

import dataclasses
import itertools
import json
import types

import jax
import numpy as np
import pytest
import tiny_codec

from lic_jax import fit_restoration
from lic_jax.codec import bundle as bundles
from lic_jax.codec import decode
from lic_jax.codec.decoder import parse, serialise
from lic_jax.data import images, sources
from lic_jax.evaluation import classical
from lic_jax.sga import encode
from lic_jax.training import restoration
from lic_jax.training.restoration import Pairs
from lic_jax.types import LicError

SIDE = 128


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
  return tiny_codec.gains(tmp_path_factory.mktemp("codecs") / "tiny")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
  folder = tmp_path_factory.mktemp("photographs")
  rgb = tiny_codec.photograph()
  for i in range(6):
    image = rgb[20 * i : 20 * i + SIDE, 40 * i : 40 * i + SIDE + 16]
    images.write_png(folder / f"{i}.png", image)
  images.write_png(folder / "small.png", rgb[: SIDE - 1, :SIDE])
  (folder / "zz.png").write_bytes(b"damaged")
  return folder


@pytest.fixture(scope="module")
def restored(codec, photographs, tmp_path_factory):
  folder = tmp_path_factory.mktemp("restored") / "tiny"
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(fit_restoration, "SIDE", SIDE)
    patch.setattr(restoration, "CROP", 64)
    patch.setattr(restoration, "BATCH", 4)
    # A step a second, on a machine of any speed.
    seconds = itertools.count(0.0)
    clock = types.SimpleNamespace(monotonic=lambda: next(seconds))
    patch.setattr(restoration, "time", clock)
    bundle = fit_restoration.fit(
      codec,
      sources.open_source(str(photographs)),
      str(folder),
      photographs=8,
      minutes=1.0,
    )
  return bundle


def test_files_stay_and_pictures_get_better(codec, restored):
  rgb = tiny_codec.photograph()[150:278, 200:328]
  for quality in (0, 0.5, 2):
    before = encode.encode(rgb, codec, quality=quality)
    after = encode.encode(rgb, restored, quality=quality, postfilter=False)
    np.testing.assert_array_equal(after.symbols.y, before.symbols.y)
    np.testing.assert_array_equal(after.symbols.z, before.symbols.z)
    assert len(after.data) == len(before.data)
    psnr = [
      classical.psnr(rgb, decode.decode(encoded.data, bundle))
      for encoded, bundle in ((before, codec), (after, restored))
    ]
    assert psnr[1] > psnr[0]


def test_all_else_of_the_codec_stays(codec, restored):
  assert restored.fingerprint != codec.fingerprint
  weights = restored.decoder.weights["synthesis"]
  for name, layer in codec.decoder.weights["synthesis"].items():
    for key, array in layer.items():
      np.testing.assert_array_equal(weights[name][key], array)
  card = json.loads((restored.folder / bundles.CARD).read_text())
  told = card.pop("restoration")
  assert told["photographs"] + told["held_out"] == 6
  assert told["steps"] == 59
  assert {**card, "fingerprint": 0} == {**codec.card, "fingerprint": 0}


def test_expected_errors_are_those_of_the_pairs_at_whole_qualities(rng):
  quality = np.linspace(0, 2, 21)
  x = rng.integers(256, size=(21, 64, 64, 3)).astype(np.uint8)
  noise = rng.normal(size=x.shape) * (0.05 * 2.0**-quality)[:, None, None, None]
  x_hat = (x / 255 - 0.5 + noise).astype(np.float32)
  levels = restoration.expected_errors(Pairs(x, x_hat, quality), 3)
  np.testing.assert_allclose(levels, [0.05, 0.025, 0.0125], rtol=0.02)


@pytest.mark.parametrize("levels", [[0.1, 0.0, 0.1], [0.1, np.inf, 0.1], [0.1]])
def test_levels_that_are_none_are_refused(restored, levels):
  levels = np.array(levels, np.float32)
  damaged = dataclasses.replace(
    restored.decoder,
    restoration={**restored.decoder.restoration, "levels": levels},
  )
  with pytest.raises(LicError, match="is damaged"):
    parse(serialise(damaged))


def test_a_network_of_other_shapes_is_refused(restored):
  network = restored.decoder.restoration["network"]
  plain = {**network, "first": jax.tree.map(lambda a: a[0], network["first"])}
  lacking = {name: layer for name, layer in network.items() if name != "last"}
  half = {**network, "block1": {"first": network["block1"]["first"]}}
  for damaged in (plain, lacking, half):
    decoder = dataclasses.replace(
      restored.decoder,
      restoration={**restored.decoder.restoration, "network": damaged},
    )
    with pytest.raises(LicError, match="is damaged"):
      parse(serialise(decoder))


def test_training_goes_on_from_the_network_that_is_there(
  restored, photographs, tmp_path, monkeypatch
):
  monkeypatch.setattr(fit_restoration, "SIDE", SIDE)
  # No step: what is written is what was begun with.
  clock = types.SimpleNamespace(monotonic=itertools.count(0.0, 60.0).__next__)
  monkeypatch.setattr(restoration, "time", clock)
  source = sources.open_source(str(photographs))
  again = fit_restoration.fit(
    restored, source, str(tmp_path / "new"), photographs=8, minutes=1.0
  )
  jax.tree.map(
    lambda new, old: np.testing.assert_allclose(new, old, atol=1e-6),
    again.decoder.restoration["network"],
    restored.decoder.restoration["network"],
  )
  told = again.card["restoration"]
  assert told["went_on_from"] == restored.card["restoration"]


def test_what_is_apart_comes_together(rng):
  network = {"a": {"b": rng.normal(size=(3, 4)).astype(np.float32)}}
  params = restoration.apart(network)
  assert params["shared"]["a"]["b"].shape == (4,)
  joined = restoration.together(params)["a"]["b"]
  np.testing.assert_allclose(joined, network["a"]["b"], atol=1e-6)


def test_pieces_begin_where_blocks_do(rng):
  size = restoration.CROP + 64
  rows, columns = np.mgrid[:size, :size].astype(np.uint8)
  x = np.stack([rows, columns, 0 * rows], -1)[None]
  pairs = Pairs(x, x / np.float32(255), np.array([1.0]))
  errors = np.array([0.02], np.float32)
  levels = np.full(3, 0.1, np.float32)
  batch = restoration.pieces(pairs, errors, levels, rng, period=16)
  begin = np.rint(255 * (batch.x[:, 0, 0, :2] + 0.5)).astype(int)
  assert (begin % 16 == 0).all() and len(np.unique(begin)) > 1
  np.testing.assert_allclose(batch.x + 0.5, batch.x_hat, atol=1e-6)
  np.testing.assert_array_equal(batch.share, [0.5] * restoration.BATCH)
  np.testing.assert_allclose(batch.error, 2.0, rtol=1e-6)


def test_strips_change_no_pixel(restored, monkeypatch):
  rgb = tiny_codec.photograph()[:230, :300]
  data = encode.encode(rgb, restored, sweeps=0).data
  whole = decode.decode(data, restored)
  monkeypatch.setattr(decode, "CORE_HEIGHT", 64)
  np.testing.assert_array_equal(decode.decode(data, restored), whole)


def test_photographs_that_are_too_small_are_told_in_a_line(
  codec, photographs, tmp_path, capsys
):
  arguments = [
    f"--codec={codec.folder}",
    f"--images={photographs}",
    f"--output={tmp_path / 'new'}",
  ]
  assert fit_restoration.main(arguments) == 1
  printed = capsys.readouterr().err
  assert "fewer than two photographs of at least 512x512" in printed
  assert printed.count("\n") == 1 and not (tmp_path / "new").exists()


def test_a_codec_of_another_error_is_refused(codec, photographs, tmp_path):
  other = dataclasses.replace(codec, card={**codec.card, "distortion": "x"})
  source = sources.open_source(str(photographs))
  with pytest.raises(LicError, match="needs a codec of the squared error"):
    fit_restoration.fit(
      other, source, str(tmp_path / "new"), photographs=8, minutes=0.1
    )
