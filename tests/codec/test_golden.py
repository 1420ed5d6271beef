"""Files of every version decode as they did when they were written.

Made by tests/assets/make_golden.py. If a test here fails, the format changed:
that is a new version, beside this one.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lic_jax.codec import bundle as bundles
from lic_jax.codec import container, decode

GOLDEN = Path(__file__).parents[1] / "assets" / "golden"
FILES = sorted(path.relative_to(GOLDEN) for path in GOLDEN.rglob("*.lic"))


def _file(path) -> tuple[container.File, bundles.Bundle]:
  file = container.read(GOLDEN / path)
  if file.header.coder == "range":
    pytest.importorskip("tensorflow_compression_ops", reason="extra [tfc]")
  return file, bundles.read((GOLDEN / path).parent)


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_golden_file_decodes_to_its_latents(path):
  latents = decode.decode_latents(*_file(path))
  sha = hashlib.sha256()
  for array in (latents.z, latents.y):
    if array is not None:
      sha.update(np.ascontiguousarray(array, "<f4").tobytes())
  pinned = json.loads((GOLDEN / path.parts[0] / "latents.json").read_text())
  assert sha.hexdigest() == pinned["/".join(path.with_suffix("").parts[1:])]


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_golden_file_decodes_to_its_picture(path):
  decoded = decode.decode_file(*_file(path)).astype(int)
  with Image.open((GOLDEN / path).with_suffix(".png")) as image:
    picture = np.asarray(image)
  assert decoded.shape == picture.shape
  # Machines may differ by one level.
  assert np.abs(decoded - picture).max() <= 1


def test_the_golden_files_use_all_of_the_format():
  headers = [container.read(GOLDEN / path).header for path in FILES]
  assert {header.flags for header in headers} == {0, 1, 2, 4, 5}
  assert min(header.width for header in headers) == 1
  assert len(FILES) == 23
