"""Bundles: written whole, read back equal, refused when damaged."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import safetensors.numpy

from lic_jax import types
from lic_jax.codec import bundle as bundles
from lic_jax.codec import decoder as decoder_bytes


@pytest.fixture
def copy(hyperprior, tmp_path):
  return shutil.copytree(hyperprior.folder, tmp_path / "copy")


def _leaves(tree, path=""):
  if dataclasses.is_dataclass(tree):
    tree = vars(tree)
  if isinstance(tree, tuple):  # of slices, or a layer
    tree = dict(enumerate(tree))
  if isinstance(tree, dict):
    for key, value in tree.items():
      yield from _leaves(value, f"{path}/{key}")
  else:
    yield path, tree


def test_a_decoder_comes_back_from_its_bytes(bundle):
  data = decoder_bytes.serialise(bundle.decoder)
  before = dict(_leaves(bundle.decoder))
  after = dict(_leaves(decoder_bytes.parse(data)))
  assert before.keys() == after.keys()
  for name, value in before.items():
    np.testing.assert_array_equal(value, after[name])
  assert decoder_bytes.serialise(decoder_bytes.parse(data)) == data


def test_the_fingerprint_covers_weights_tables_and_functions(bundle):
  decoder = bundle.decoder
  data = decoder_bytes.serialise(decoder)
  offsets = decoder.channel_offsets.copy()
  offsets[0] += 1e-3
  synthesis = {**decoder.functions["synthesis"], "stride": 3}
  for change in (
    {"channel_offsets": offsets},
    {"functions": {**decoder.functions, "synthesis": synthesis}},
    {"stride": 32},
  ):
    assert (
      decoder_bytes.serialise(dataclasses.replace(decoder, **change)) != data
    )


def test_the_encoder_file_holds_nothing_the_decoder_runs(hyperprior):
  parts = set(bundles.read_encoder(hyperprior))
  # The decoder runs its hyper-synthesis in integers.
  assert parts == {"analysis", "hyper_analysis", "hyper_synthesis", "prior"}
  assert hyperprior.decoder.weights.keys() == {"synthesis"}


def test_there_are_real_weights_for_each_of_the_decoders_functions(bundle):
  weights = bundles.read_weights(bundle)
  assert weights.keys() == bundle.decoder.functions.keys()


def test_a_hyperprior_without_its_integers_is_refused(hyperprior):
  data = decoder_bytes.serialise(hyperprior.decoder)
  arrays = safetensors.numpy.load(data)
  lacking = {k: v for k, v in arrays.items() if not k.endswith("conv1/kernel")}
  functions = {"functions": hyperprior.decoder.functions, "stride": 64}
  metadata = {"decoder": json.dumps(functions)}
  with pytest.raises(types.LicError, match="lacks an integer hyper-synthesis"):
    decoder_bytes.parse(safetensors.numpy.save(lacking, metadata=metadata))


@pytest.mark.parametrize("name", [bundles.CARD, bundles.DECODER])
def test_a_missing_file_is_named(copy, name):
  (copy / name).unlink()
  with pytest.raises(types.LicError, match=name):
    bundles.read(copy)


def test_a_missing_encoder_is_named_when_it_is_wanted(copy):
  (copy / bundles.ENCODER).unlink()
  with pytest.raises(types.LicError, match=bundles.ENCODER):
    bundles.read_encoder(bundles.read(copy))


def test_a_changed_decoder_is_refused(copy):
  data = bytearray((copy / bundles.DECODER).read_bytes())
  data[-1] ^= 1
  (copy / bundles.DECODER).write_bytes(data)
  with pytest.raises(types.LicError, match="not the one its card names"):
    bundles.read(copy)


@pytest.mark.parametrize(
  "text", ["", "[]", "{}", '{"fingerprint": "xyz"}', "\xff"]
)
def test_a_damaged_card_is_refused(copy, text):
  (copy / bundles.CARD).write_bytes(text.encode("latin1"))
  with pytest.raises(types.LicError, match="card"):
    bundles.read(copy)


def test_bytes_that_are_no_decoder_are_refused(hyperprior):
  data = decoder_bytes.serialise(hyperprior.decoder)
  for damaged in (b"", data[:100], data[:-1], b"\xff" * 100):
    with pytest.raises(types.LicError, match="damaged"):
      decoder_bytes.parse(damaged)


def test_writing_replaces_a_bundle_and_leaves_nothing_else(
  hyperprior, tmp_path
):
  folder = tmp_path / "codec"
  for results in ([], [1]):
    card = {**hyperprior.card, "results": results}
    written = bundles.write(folder, hyperprior.decoder, {}, card)
    assert written.fingerprint == hyperprior.fingerprint
    assert bundles.read_card(folder)["results"] == results
  assert list(tmp_path.iterdir()) == [folder]


def test_writing_spares_a_folder_of_something_else(hyperprior, tmp_path):
  (tmp_path / "thesis.tex").write_text("years")
  with pytest.raises(types.LicError, match="not a codec bundle"):
    bundles.write(tmp_path, hyperprior.decoder, {}, hyperprior.card)
  assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_bundle_that_cannot_be_written_leaves_nothing(hyperprior, tmp_path):
  (tmp_path / "file").write_text("")
  with pytest.raises(types.LicError, match="cannot write"):
    bundles.write(
      tmp_path / "file" / "codec", hyperprior.decoder, {}, hyperprior.card
    )
  assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_codecs_are_found_by_folder_name_and_fingerprint(
  hyperprior, factorized, monkeypatch, tmp_path
):
  place = hyperprior.folder.parent
  monkeypatch.setattr(bundles, "ZOO", tmp_path)
  monkeypatch.setenv("LIC_CODECS", f"{tmp_path}/none:{place}")
  assert bundles.find(str(hyperprior.folder)).card == hyperprior.card
  assert bundles.find("hyperprior").card == hyperprior.card
  found = bundles.find_fingerprint(hyperprior.fingerprint)
  assert found.folder == hyperprior.folder
  with pytest.raises(types.LicError, match="no codec nothing"):
    bundles.find("nothing")
  with pytest.raises(types.LicError, match="0000000000000000"):
    bundles.find_fingerprint(bytes(8))
  monkeypatch.setenv("LIC_CODECS", str(factorized.folder))
  assert bundles.find().card == factorized.card


def test_without_a_codec_named_or_installed_the_choice_is_asked_for(
  monkeypatch, tmp_path
):
  monkeypatch.setattr(bundles, "ZOO", tmp_path)
  monkeypatch.delenv("LIC_CODECS", raising=False)
  with pytest.raises(types.LicError, match="--codec"):
    bundles.find()


def test_a_card_is_plain_json(hyperprior):
  card = json.loads((hyperprior.folder / bundles.CARD).read_text())
  assert card["lambda"] == 0.01
  assert card["qualities"] == [0]
  assert card["model"]["name"] == "mean_scale_hyperprior"
  assert len(card["fingerprint"]) == 64
