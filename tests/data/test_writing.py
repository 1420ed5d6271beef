"""Writing of decoded images: the suffix tells the format."""

from pathlib import Path

import numpy as np
import pytest
import tiny_codec
from PIL import Image

from lic_jax.data import writing
from lic_jax.types import LicError


@pytest.mark.parametrize("suffix", writing.FORMATS)
@pytest.mark.parametrize("grey", [False, True])
def test_what_is_written_is_read_back(suffix, grey, tmp_path):
  pixels = tiny_codec.photograph()[100:148, 120:191]
  pixels = np.ascontiguousarray(pixels[..., 1] if grey else pixels)
  path = tmp_path / f"a{suffix}"
  writing.check(path)
  writing.write(path, pixels)
  with Image.open(path) as image:
    assert image.format == writing.FORMATS[suffix][0]
    # A WebP file has no grey.
    assert image.mode == ("L" if grey and suffix != ".webp" else "RGB")
    read = np.asarray(image.convert("RGB")).astype(int)
  error = np.abs(read - (pixels[..., None] if grey else pixels)).max()
  lossy = {".jpg": 30, ".jpeg": 30, ".avif": 0 if grey else 2}
  assert error <= lossy.get(suffix, 0)


def test_jpeg_keeps_the_resolution_of_colour(tmp_path):
  writing.write(tmp_path / "a.jpg", tiny_codec.photograph()[:40, :40])
  with Image.open(tmp_path / "a.jpg") as image:
    # Horizontal and vertical factor of each component.
    assert {part[1:3] for part in image.layer} == {(1, 1)}


@pytest.mark.parametrize("name", ["a", "a.gif", "a.png.lic", ".png", "png"])
def test_other_suffixes_are_refused(name):
  with pytest.raises(LicError, match=r"cannot write .*must be one of \.png"):
    writing.check(Path(name))


def test_a_format_that_pillow_lacks_is_refused(monkeypatch):
  Image.init()
  monkeypatch.delitem(Image.SAVE, "AVIF", raising=False)
  with pytest.raises(LicError, match=r"a\.avif: this Pillow has no avif"):
    writing.check(Path("a.avif"))


@pytest.mark.parametrize(("suffix", "side"), [("jpg", 65501), ("webp", 16384)])
def test_an_image_too_wide_for_its_format_is_refused(suffix, side, tmp_path):
  wide = np.zeros((1, side, 3), np.uint8)
  with pytest.raises(LicError, match=f"cannot hold {side}x1 pixels"):
    writing.write(tmp_path / f"a.{suffix}", wide)
  assert not list(tmp_path.iterdir())
  writing.write(tmp_path / f"b.{suffix}", wide[:, :-1])
