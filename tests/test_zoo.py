"""The codecs that ship: whole, small, and as their cards say."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest
import tiny_codec

from lic_jax.codec import bundle as bundles
from lic_jax.codec import decode
from lic_jax.evaluation import classical
from lic_jax.sga import encode

LARGEST = 16e6  # bytes of a file in the repository
RESULTS = pathlib.Path(__file__).parents[1] / "experiments" / "zoo" / "results"


@pytest.fixture(
  scope="module",
  params=sorted(path.parent for path in bundles.ZOO.glob("*/card.json")),
  ids=lambda folder: folder.name,
)
def bundle(request):
  return bundles.read(request.param)


@pytest.fixture(scope="module")
def rgb():
  return tiny_codec.photograph()[:192, :256]


def test_the_default_codec_is_one_of_them():
  assert bundles.find().folder == bundles.ZOO / bundles.DEFAULT_NAME


def test_its_files_are_small(bundle):
  assert all(f.stat().st_size <= LARGEST for f in bundle.folder.iterdir())


def test_its_card_names_data_licences_cost_and_limits(bundle):
  training = bundle.card["training"]
  assert training["steps"] > 0 and training["minutes"] > 0
  assert training["hardware"]
  sources = training["data"]["sources"]
  assert all(source["licence"] and source["commit"] for source in sources)
  assert sum(s["images"] for s in sources) == training["data"]["images"]
  assert len(bundle.card["limits"]) > 0


def test_its_results_are_those_that_were_measured(bundle):
  paths = [RESULTS / f"{name}.json" for name in ("kodak", "kodak_sga")]
  measurements = [json.loads(p.read_text()) for p in paths if p.exists()]
  assert len(bundle.card["results"]) == len(measurements) > 0
  for result, measured in zip(bundle.card["results"], measurements):
    assert measured["fingerprint"] == bundle.card["fingerprint"]
    assert result["points"] == measured["points"]


def test_every_quarter_of_a_quality_was_measured_to_raise_size_and_psnr(bundle):
  measured = json.loads((RESULTS / "quarters.json").read_text())
  assert measured["fingerprint"] == bundle.card["fingerprint"]
  assert np.all(np.diff(measured["qualities"]) == 0.25)
  assert measured["qualities"][:: len(measured["qualities"]) - 1] == [0, 6]
  assert len(measured["images"]) == 24
  for image in measured["images"]:
    for name in ("bytes", "psnr"):
      assert len(image[name]) == len(measured["qualities"])
      assert np.all(np.diff(image[name]) > 0), image["name"]


def test_size_and_psnr_rise_with_the_quality(bundle, rgb):
  last = bundle.rungs[-1]
  points = []
  for quality in (0, last / 3, last / 2, last):
    data = encode.encode(rgb, bundle, quality=quality).data
    psnr = classical.psnr(rgb, decode.decode(data, bundle))
    points.append((len(data), psnr))
  assert points == sorted(points) and len(set(points)) == len(points)
  assert [psnr for _, psnr in points] == sorted(psnr for _, psnr in points)


def test_its_restoration_makes_pictures_better(bundle, rgb):
  decoder = bundle.decoder
  plain = dataclasses.replace(decoder, restoration=None)
  for quality in (0, bundle.rungs[-1] / 2, bundle.rungs[-1]):
    y_hat = encode.encode(rgb, bundle, quality=quality).latents.y
    restored, painted = (
      decode.reconstruct(which, y_hat, *rgb.shape[:2], quality=quality)
      for which in (decoder, plain)
    )
    assert classical.psnr(rgb, restored) > classical.psnr(rgb, painted)


def test_it_is_better_than_jpeg_at_its_size(bundle, rgb):
  data = encode.encode(rgb, bundle).data
  ours = classical.psnr(rgb, decode.decode(data, bundle))
  assert ours > classical.nearest_jpeg(rgb, len(data)).psnr
