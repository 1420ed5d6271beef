"""Fitted tables: what was counted, and nothing else of the codec."""

import json

import numpy as np
import pytest
import tiny_codec

from lic_jax import fit_tables
from lic_jax.codec import bundle as bundles
from lic_jax.codec import decode, tables
from lic_jax.data import images
from lic_jax.sga import encode


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
  return tiny_codec.hyperprior(tmp_path_factory.mktemp("codecs") / "tiny")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
  folder = tmp_path_factory.mktemp("photographs")
  rgb = tiny_codec.photograph()
  images.write_png(folder / "a.png", rgb[:128, :192])
  images.write_png(folder / "b.png", rgb[128:256, 64:192])
  (folder / "c.png").write_bytes(b"damaged")
  return folder


@pytest.fixture(scope="module")
def fitted(codec, photographs, tmp_path_factory):
  folder = tmp_path_factory.mktemp("fitted") / "tiny"
  arguments = [
    f"--codec={codec.folder}",
    f"--images={photographs}",
    f"--output={folder}",
  ]
  assert fit_tables.main(arguments) == 0
  return bundles.read(folder)


def test_no_symbols_leave_tables_as_they_are():
  before = tables.scale_tables()
  counts = np.zeros(len(before.frequencies), np.int64)
  after = tables.fitted(before, counts, weight=300.0)
  off = after.frequencies.astype(np.int64) - before.frequencies
  # Each entry's 1 is given twice, at the cost of the likelier ones.
  assert np.all(np.abs(off) <= np.maximum(3, 2e-4 * before.frequencies))
  np.testing.assert_array_equal(after.minima, before.minima)
  np.testing.assert_array_equal(after.lengths, before.lengths)


def test_many_symbols_give_their_frequencies():
  before = tables.scale_tables()
  counts = np.zeros(len(before.frequencies), np.int64)
  zero = -before.minima[100]
  counts[before.starts[100] + zero] = 600_000
  counts[before.starts[100] + zero + 1] = 400_000
  after = tables.fitted(before, counts, weight=1.0)
  row = after.frequencies[after.starts[100] :][: after.lengths[100]]
  share = row[[zero - 1, zero, zero + 1]] / tables.TOTAL
  np.testing.assert_allclose(share, [0.2, 0.6, 0.2], atol=1e-3)
  assert row.sum() == tables.TOTAL and row.min() >= 1


def test_counts_are_those_of_the_files_at_all_qualities(codec):
  rgb = tiny_codec.photograph()[:64, :128]
  counts = fit_tables.counted(codec, [rgb, rgb])
  encoded = encode.encode(rgb, codec)
  scale_tables = codec.decoder.scale_tables
  by_table = np.bincount(
    encoded.index.reshape(-1), minlength=scale_tables.count
  )
  sums = np.add.reduceat(counts, scale_tables.starts)
  np.testing.assert_array_equal(sums, 2 * by_table)


def test_files_get_smaller_and_all_else_stays(codec, fitted):
  rgb = tiny_codec.photograph()[:160, :224]
  before = encode.encode(rgb, codec)
  after = encode.encode(rgb, fitted, sweeps=0, latents=before.latents)
  assert len(after.data) < 0.99 * len(before.data)
  np.testing.assert_array_equal(
    decode.decode(after.data, fitted), decode.decode(before.data, codec)
  )
  assert fitted.fingerprint != codec.fingerprint
  card = json.loads((fitted.folder / bundles.CARD).read_text())
  assert card.pop("scale_tables") == {"fitted_to_photographs": 2}
  assert {**card, "fingerprint": 0} == {**codec.card, "fingerprint": 0}


@pytest.mark.parametrize(
  ("codec_of", "data", "message"),
  [
    ("hyperprior", "c.png", "none of the photographs can be read"),
    ("factorized", "a.png", "has no scale tables"),
  ],
)
def test_what_cannot_be_fitted_is_said_in_a_line(
  codec_of, data, message, photographs, tmp_path, capsys
):
  codec = getattr(tiny_codec, codec_of)(tmp_path / "codec")
  arguments = [
    f"--codec={codec.folder}",
    f"--images={photographs / data}",
    f"--output={tmp_path / 'new'}",
  ]
  assert fit_tables.main(arguments) == 1
  printed = capsys.readouterr().err
  assert message in printed and printed.count("\n") == 1
  assert not (tmp_path / "new").exists()
