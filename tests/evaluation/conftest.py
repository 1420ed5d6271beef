"""A report of a small codec, made once by the command."""

import dataclasses
import json
import re
from pathlib import Path

import pytest
import tiny_codec

from lic_jax import evaluate
from lic_jax.codec.bundle import Bundle
from lic_jax.data import images

# Two sizes, and a name that a careless page would take for markup.
PICTURES = {
  "a<b>&amp;'.png": (slice(0, 96), slice(100, 228)),
  "b.png": (slice(100, 228), slice(60, 156)),
  "c.png": (slice(60, 140), slice(100, 200)),
}


@dataclasses.dataclass(frozen=True)
class Reported:
  """A run of `evaluate --report`: its codec, images, JSON and page."""

  bundle: Bundle
  pictures: Path
  result: dict
  page: Path

  @property
  def text(self) -> str:
    return self.page.read_text()

  @property
  def content(self) -> dict:
    """The JSON in the page."""
    found = re.search(
      r'<script type="application/json"[^>]*>([^<]*)<', self.text
    )
    return json.loads(found[1])


@pytest.fixture(scope="session")
def reported(tmp_path_factory) -> Reported:
  """A codec of three qualities on three images, two of them embedded."""
  folder = tmp_path_factory.mktemp("reported")
  bundle = tiny_codec.gains(folder / "tiny")
  (folder / "pictures").mkdir()
  photograph = tiny_codec.photograph()
  for name, window in PICTURES.items():
    images.write_png(folder / "pictures" / name, photograph[window])
  arguments = {
    "codec": bundle.folder,
    "images": folder / "pictures",
    "output": folder / "result.json",
    "report": folder / "report",
    "report_images": 2,
  }
  flags = [f"--{name}={value}" for name, value in arguments.items()]
  assert evaluate.main(flags) == 0
  return Reported(
    bundle,
    folder / "pictures",
    json.loads((folder / "result.json").read_text()),
    folder / "report" / "index.html",
  )
