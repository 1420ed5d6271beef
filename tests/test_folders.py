"""Whole folders through the `lic` command."""

import sys
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest
import tiny_codec
from PIL import Image

from lic_jax import compress
from lic_jax.codec import bundle as bundles
from lic_jax.commands import folders
from lic_jax.sga import encode


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
  folder = tmp_path_factory.mktemp("codecs") / "tiny"
  return str(tiny_codec.factorized(folder).folder)


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch, tmp_path_factory, codec):
  monkeypatch.setattr(bundles, "ZOO", tmp_path_factory.mktemp("zoo"))
  monkeypatch.setenv("LIC_CODECS", codec)


@pytest.fixture
def photos(tmp_path):
  """Two images, one in a folder inside, and files that are none."""
  folder = tmp_path / "photos"
  (folder / "more").mkdir(parents=True)
  photograph = tiny_codec.photograph()
  Image.fromarray(photograph[:64, :80]).save(folder / "a.png")
  Image.fromarray(photograph[50:114, :80, 0]).save(folder / "b.JPG")
  Image.fromarray(photograph[90:122, :48]).save(folder / "more" / "c.webp")
  (folder / "notes.txt").write_text("no image")
  (folder / ".hidden.png").write_text("no image")
  return folder


def _lic(*arguments) -> int:
  return compress.main([str(argument) for argument in arguments])


def _tree(folder) -> list[str]:
  return sorted(
    str(path.relative_to(folder))
    for path in folder.rglob("*")
    if path.is_file()
  )


def test_a_folder_there_and_back(photos, tmp_path, capsys):
  coded, decoded = tmp_path / "out" / "coded", tmp_path / "decoded"
  assert _lic("encode", photos, coded) == 0
  assert _tree(coded) == ["a.lic", "b.lic"]
  printed = capsys.readouterr()
  assert printed.err == ""
  bytes_in = sum((photos / name).stat().st_size for name in ("a.png", "b.JPG"))
  bytes_out = sum(path.stat().st_size for path in coded.iterdir())
  bpp = 8 * bytes_out / (2 * 64 * 80)
  expected = f"2 files, {bytes_in} bytes in, {bytes_out} bytes out, "
  assert printed.out == f"{expected}{bpp:.4f} bpp, 0 failed\n"

  assert _lic("decode", coded, decoded, "--workers=1") == 0
  assert _tree(decoded) == ["a.png", "b.png"]
  assert f"{bpp:.4f} bpp, 0 failed" in capsys.readouterr().out
  with Image.open(decoded / "a.png") as a, Image.open(decoded / "b.png") as b:
    assert (a.mode, a.size, b.mode, b.size) == ("RGB", (80, 64), "L", (80, 64))


def test_recursion_keeps_the_tree(photos, tmp_path, capsys):
  coded = tmp_path / "coded"
  assert _lic("encode", photos, coded, "--recursive") == 0
  assert _tree(coded) == ["a.lic", "b.lic", "more/c.lic"]
  arguments = ["decode", coded, coded, "--recursive", "--workers=1"]
  assert _lic(*arguments, "--format=bmp") == 0
  assert {"a.bmp", "b.bmp", "more/c.bmp"} < set(_tree(coded))


def test_equal_stems_keep_their_suffixes(photos, tmp_path, capsys):
  Image.new("RGB", (8, 8)).save(photos / "a.bmp")
  coded = tmp_path / "coded"
  assert _lic("encode", photos, coded) == 0
  assert _tree(coded) == ["a.bmp.lic", "a.png.lic", "b.lic"]
  Image.new("RGB", (8, 8)).save(photos / "a.bmp.png")
  Image.new("RGB", (8, 8)).save(photos / "d.png")
  capsys.readouterr()
  assert _lic("encode", photos, tmp_path / "again") == 1
  said = capsys.readouterr().err
  assert said.startswith("lic: ") and said.count("\n") == 1
  assert "would both become" in said
  assert not (tmp_path / "again").exists()


def test_outputs_are_replaced(photos, tmp_path):
  coded = tmp_path / "coded"
  coded.mkdir()
  (coded / "a.lic").write_text("old")
  assert _lic("encode", photos, coded) == 0
  assert (coded / "a.lic").read_bytes().startswith(b"\x89LIC")


def test_one_bad_image_does_not_stop_the_rest(photos, tmp_path, capsys):
  (photos / "aa.png").write_bytes((photos / "a.png").read_bytes()[:500])
  Image.new("RGBA", (8, 8)).save(photos / "z.png")
  coded = tmp_path / "coded"
  assert _lic("encode", photos, coded) == 1
  printed = capsys.readouterr()
  bad, transparent = printed.err.splitlines()
  assert bad.startswith(f"lic: {photos / 'aa.png'}: cannot be read (")
  assert transparent.startswith(f"lic: {photos / 'z.png'}: it is transparent")
  assert printed.out.startswith("2 files, ")
  assert printed.out.endswith(", 2 failed\n")
  assert _tree(coded) == ["a.lic", "b.lic"]

  (coded / "a.lic").write_text("damage")
  assert _lic("decode", coded, tmp_path / "decoded", "--workers=1") == 1
  said = capsys.readouterr().err
  assert said == f"lic: {coded / 'a.lic'}: this is not a .lic file\n"
  assert _tree(tmp_path / "decoded") == ["b.png"]


def test_where_all_fail_no_folder_is_left(photos, tmp_path, capsys):
  for path in [photos / "a.png", photos / "b.JPG"]:
    path.write_text("no image")
  assert _lic("encode", photos, tmp_path / "x" / "y") == 1
  printed = capsys.readouterr()
  assert printed.err.count("lic: ") == printed.err.count("\n") == 2
  assert printed.out == "0 files, 0 bytes in, 0 bytes out, 2 failed\n"
  assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_a_bug_is_one_failure(photos, tmp_path, capsys, monkeypatch):
  def broken(pixels, *args, **options):
    if pixels.ndim == 2:
      raise RuntimeError("out of\nmemory")
    return whole(pixels, *args, **options)

  whole = encode.encode
  monkeypatch.setattr(encode, "encode", broken)
  assert _lic("encode", photos, tmp_path / "coded") == 1
  said = capsys.readouterr().err
  assert said == f"lic: {photos / 'b.JPG'}: RuntimeError out of memory\n"
  assert _tree(tmp_path / "coded") == ["a.lic"]


def test_warnings_name_the_file(photos, tmp_path, capsys):
  with Image.open(photos / "a.png") as image:
    image.save(photos / "p.tif", save_all=True, append_images=[image])
  assert _lic("encode", photos, tmp_path / "coded") == 0
  said = capsys.readouterr().err
  name = photos / "p.tif"
  assert said == f"lic: warning: {name}: only the first of 2 frames is taken\n"


def test_workers_give_the_same_files(photos, tmp_path, capsys):
  assert _lic("encode", photos, tmp_path / "one") == 0
  (photos / "bad.png").write_text("no image")
  assert _lic("encode", photos, tmp_path / "two", "--workers=2") == 1
  said = capsys.readouterr().err
  assert said.startswith(f"lic: {photos / 'bad.png'}: not a PNG")
  for name in ("a.lic", "b.lic"):
    one, two = (tmp_path / where / name for where in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
  coded = tmp_path / "two"
  assert _lic("decode", coded, tmp_path / "three", "--workers=2") == 0
  assert _lic("decode", coded, tmp_path / "four", "--workers=1") == 0
  for name in ("a.png", "b.png"):
    three, four = (tmp_path / where / name for where in ("three", "four"))
    assert three.read_bytes() == four.read_bytes()


def test_a_worker_that_dies_is_a_failure(photos, tmp_path, capsys, monkeypatch):
  class Future:
    def result(self):
      raise BrokenProcessPool

  class Pool:
    def __init__(self, *args, **options):
      pass

    def submit(self, *args):
      return Future()

    def shutdown(self, **options):
      pass

  monkeypatch.setattr(folders.concurrent.futures, "ProcessPoolExecutor", Pool)
  monkeypatch.setattr(folders.concurrent.futures, "as_completed", list)
  assert _lic("encode", photos, tmp_path / "out", "--workers=2") == 1
  printed = capsys.readouterr()
  assert printed.err.count("a worker process died") == 2
  assert not (tmp_path / "out").exists()


def test_a_terminal_sees_one_line_of_progress(
  photos, tmp_path, capsys, monkeypatch
):
  monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
  (photos / "aa.png").write_text("no image")
  assert _lic("encode", photos, tmp_path / "coded") == 1
  said = capsys.readouterr().err
  assert said.count("\n") == 1  # the failure's
  assert "0/3" in said and "3/3" in said
  shown = ""
  for part in said.rpartition("\n")[2].split("\r"):
    shown = part + shown[len(part) :]
  assert shown.strip() == ""  # nothing stays in the last line


def test_an_interrupted_run_keeps_whole_files_only(
  photos, tmp_path, capsys, monkeypatch
):
  def interrupted(pixels, *args, **options):
    if pixels.ndim == 2:
      raise KeyboardInterrupt
    return whole(pixels, *args, **options)

  whole = encode.encode
  monkeypatch.setattr(encode, "encode", interrupted)
  assert _lic("encode", photos, tmp_path / "coded") == 130
  assert capsys.readouterr().err.count("\n") == 1
  assert _tree(tmp_path / "coded") == ["a.lic"]


@pytest.mark.parametrize(
  ("command", "output", "message"),
  [
    ("encode", "o.lic", "so the output must be one"),
    ("decode", "o.png", "so the output must be one"),
    ("encode", "plain", "so the output must be one"),
    ("encode", "plain/o", "cannot make"),
    ("decode", "o", "no file in it ends in .lic"),
  ],
)
def test_what_cannot_work_is_one_line(
  photos, tmp_path, capsys, command, output, message
):
  (tmp_path / "plain").write_text("")
  assert _lic(command, photos, tmp_path / output, "--recursive") == 1
  printed = capsys.readouterr()
  assert printed.out == ""
  assert printed.err.startswith("lic: ") and printed.err.count("\n") == 1
  assert message in printed.err
  left = {path.name for path in tmp_path.iterdir()}
  assert left == {"photos", "plain"}


def test_a_decoded_folder_shows_the_photographs(photos, tmp_path):
  coded, decoded = tmp_path / "coded", tmp_path / "decoded"
  assert _lic("encode", photos, coded) == 0
  assert _lic("decode", coded, decoded, "--workers=1", "--format=tif") == 0
  with Image.open(decoded / "a.tif") as image:
    assert np.asarray(image).std() > 1
