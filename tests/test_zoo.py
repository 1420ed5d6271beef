"""The codecs that ship: whole, small, and as their cards say."""

import json
import pathlib

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
  return tiny_codec.photograph()[:256, :384]


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
  for result, name in zip(bundle.card["results"], ("kodak", "kodak_sga")):
    measured = json.loads((RESULTS / f"{name}.json").read_text())
    assert measured["fingerprint"] == bundle.card["fingerprint"]
    assert result["points"] == measured["points"]


def test_size_and_psnr_rise_with_the_quality(bundle, rgb):
  last = bundle.rungs[-1]
  points = []
  for quality in (0, last / 3, last / 2, last):
    data = encode.encode(rgb, bundle, quality=quality).data
    psnr = classical.psnr(rgb, decode.decode(data, bundle))
    points.append((len(data), psnr))
  assert points == sorted(points) and len(set(points)) == len(points)
  assert [psnr for _, psnr in points] == sorted(psnr for _, psnr in points)


def test_it_is_better_than_jpeg_at_its_size(bundle, rgb):
  data = encode.encode(rgb, bundle).data
  ours = classical.psnr(rgb, decode.decode(data, bundle))
  assert ours > classical.nearest_jpeg(rgb, len(data)).psnr
