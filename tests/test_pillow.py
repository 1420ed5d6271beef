"""`.lic` files through Pillow's own open and save."""

import io
import os
import pickle
import subprocess
import sys

import icc
import numpy as np
import pytest
import tiny_codec
from PIL import Image, UnidentifiedImageError

import lic_jax.pillow
from lic_jax.codec import bundle as bundles
from lic_jax.codec import decode
from lic_jax.sga import encode
from lic_jax.types import LicError


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
  return tiny_codec.factorized(tmp_path_factory.mktemp("codecs") / "tiny")


@pytest.fixture(autouse=True)
def installed(monkeypatch, tmp_path_factory, bundle):
  monkeypatch.setattr(bundles, "ZOO", tmp_path_factory.mktemp("zoo"))
  monkeypatch.setenv("LIC_CODECS", str(bundle.folder))


@pytest.fixture(scope="module")
def rgb():
  return np.ascontiguousarray(tiny_codec.photograph()[100:148, 120:191])


@pytest.fixture(scope="module")
def data(rgb, bundle):
  return encode.encode(rgb, bundle).data


@pytest.mark.parametrize("grey", [False, True])
def test_save_and_open(rgb, bundle, tmp_path, grey):
  pixels = rgb[..., 1].copy() if grey else rgb
  path = tmp_path / "photo.lic"
  Image.fromarray(pixels).save(path)
  assert path.read_bytes() == encode.encode(pixels, bundle).data
  with Image.open(path) as image:
    assert (image.format, image.size) == ("LIC", (71, 48))
    assert image.mode == ("L" if grey else "RGB")
    assert image.info == {"codec": bundle.fingerprint.hex(), "quality": 0}
    assert image.get_format_mimetype() == "image/x-lic"
    expected = decode.decode(path.read_bytes(), bundle)
    np.testing.assert_array_equal(np.asarray(image), expected)


def test_opening_decodes_nothing(data, monkeypatch):
  def decoded(*args):
    raise LicError("it was decoded")

  monkeypatch.setattr(decode, "decode_file", decoded)
  with Image.open(io.BytesIO(data)) as image:
    assert image.size == (71, 48)
    with pytest.raises(OSError, match="it was decoded"):
      image.load()


def test_what_pillow_does_with_an_image_works(data, bundle, tmp_path):
  expected = decode.decode(data, bundle)
  (tmp_path / "photo.lic").write_bytes(data)
  image = Image.open(tmp_path / "photo.lic")
  np.testing.assert_array_equal(pickle.loads(pickle.dumps(image)), expected)
  np.testing.assert_array_equal(image.copy(), expected)
  np.testing.assert_array_equal(image.crop((3, 4, 9, 9)), expected[4:9, 3:9])
  image.load()
  np.testing.assert_array_equal(image, expected)
  image.thumbnail((16, 16))
  image.save(tmp_path / "small.png")
  assert Image.open(io.BytesIO(data)).verify() is None


def test_the_options_of_save(rgb, bundle, monkeypatch):
  image = Image.fromarray(rgb)
  files = []
  monkeypatch.delenv("LIC_CODECS")
  for options in ({}, {"quality": 0}, {"sga": 3}):
    file = io.BytesIO()
    image.save(file, "LIC", codec=str(bundle.folder), **options)
    files.append(file.getvalue())
  assert files[0] == files[1] != files[2]
  assert decode.decode(files[2], bundle).shape == rgb.shape


def test_black_and_white_is_saved_as_grey(rgb):
  file = io.BytesIO()
  Image.fromarray(rgb[..., 0] > 127).save(file, "LIC")
  assert Image.open(file).mode == "L"


def test_a_profile_is_applied_on_saving(rgb, tmp_path):
  image = Image.fromarray(rgb)
  image.save(tmp_path / "adobe.png", icc_profile=icc.rgb())
  saved = {}
  for profile in (None, icc.rgb(gamma=1.0)):
    image.info["icc_profile"] = profile
    file = io.BytesIO()
    image.save(file, "LIC")
    saved[profile] = file.getvalue()
  assert len(set(saved.values())) == 2
  image.info["icc_profile"] = b"nonsense"
  with pytest.warns(UserWarning, match="profile is ignored"):
    image.save(io.BytesIO(), "LIC")


@pytest.mark.parametrize("mode", ["RGBA", "CMYK", "P", "I;16", "F", "LA"])
def test_other_modes_are_refused(mode, tmp_path):
  with pytest.raises(OSError, match=f"cannot write mode {mode} as LIC"):
    Image.new(mode, (8, 8)).save(tmp_path / "photo.lic")
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"codec": "x"}, "no codec x"),
    ({"quality": 7}, "no quality 7"),
  ],
)
def test_wrong_options_leave_nothing(rgb, tmp_path, options, message):
  with pytest.raises(OSError, match=message):
    Image.fromarray(rgb).save(tmp_path / "photo.lic", **options)
  assert not list(tmp_path.iterdir())


def test_other_data_are_not_identified(tmp_path):
  for content in (b"", b"\x89LI", b"text" * 20, b"\x89PNG" + bytes(40)):
    (tmp_path / "photo.lic").write_bytes(content)
    with pytest.raises(UnidentifiedImageError):
      Image.open(tmp_path / "photo.lic")
  with pytest.raises(SyntaxError):
    lic_jax.pillow.LicImageFile(io.BytesIO(b"text" * 20))


def test_a_codec_that_is_not_installed_is_an_error_of_loading(
  data, monkeypatch
):
  monkeypatch.delenv("LIC_CODECS")
  image = Image.open(io.BytesIO(data))
  assert image.size == (71, 48)
  for _ in range(2):
    with pytest.raises(OSError, match="no installed codec"):
      image.load()


def test_damage_is_an_oserror(data, rng):
  damaged = [data[:length] for length in range(0, len(data), 7)]
  for _ in range(60):
    copy = bytearray(data)
    copy[rng.integers(len(copy))] ^= 1 << rng.integers(8)
    damaged.append(bytes(copy))
  for content in damaged:
    with pytest.raises(OSError), Image.open(io.BytesIO(content)) as image:
      image.load()


def test_opening_needs_no_jax(data, tmp_path):
  (tmp_path / "jax").mkdir()
  (tmp_path / "jax" / "__init__.py").write_text("raise ImportError('jax')")
  (tmp_path / "photo.lic").write_bytes(data)
  program = (
    "import sys, lic_jax.pillow; from PIL import Image; "
    "print(Image.open(sys.argv[1]).convert('L').size)"
  )
  run = subprocess.run(
    [sys.executable, "-c", program, str(tmp_path / "photo.lic")],
    env={**os.environ, "PYTHONPATH": str(tmp_path)},
    cwd=os.path.dirname(os.path.dirname(lic_jax.__file__)),
    capture_output=True,
    text=True,
  )
  assert (run.stdout, run.stderr) == ("(71, 48)\n", "")
