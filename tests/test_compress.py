"""The `lic` command as its users meet it."""

import os
import shutil
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
import tiny_codec
from PIL import Image

from lic_jax import compress
from lic_jax.codec import bundle as bundles
from lic_jax.codec import decode, encode
from lic_jax.data import images, writing
from lic_jax.sga import encode as iterative


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
  folder = tmp_path_factory.mktemp("codecs") / "tiny"
  return str(tiny_codec.factorized(folder).folder)


@pytest.fixture(scope="module")
def other_codec(tmp_path_factory):
  folder = tmp_path_factory.mktemp("codecs") / "other"
  return str(tiny_codec.factorized(folder, seed=1).folder)


@pytest.fixture(scope="module")
def compressed(codec, tmp_path_factory):
  """A photograph and its file, made by the command."""
  folder = tmp_path_factory.mktemp("files")
  picture, file = str(folder / "photo.png"), str(folder / "photo.lic")
  images.write_png(picture, tiny_codec.photograph()[:77, :101])
  assert compress.main(["encode", picture, file, "--codec", codec]) == 0
  return picture, file


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch, tmp_path_factory):
  monkeypatch.setattr(bundles, "ZOO", tmp_path_factory.mktemp("zoo"))
  monkeypatch.delenv("LIC_CODECS", raising=False)


def _refused(capsys, arguments, *, message: str) -> None:
  """Exit status 1 and one line on stderr that says why."""
  capsys.readouterr()
  assert compress.main([str(argument) for argument in arguments]) == 1
  printed = capsys.readouterr()
  assert printed.out == ""
  assert printed.err.startswith("lic: ")
  assert printed.err.count("\n") == 1
  assert message in printed.err


def test_a_picture_comes_back_with_its_size(
  codec, compressed, tmp_path, capsys
):
  picture, file = compressed
  output = tmp_path / "out.png"
  assert compress.main(["decode", file, str(output), "--codec", codec]) == 0
  assert images.read_rgb(output).shape == images.read_rgb(picture).shape
  assert capsys.readouterr().err == ""
  assert list(tmp_path.iterdir()) == [output]


def test_decode_finds_the_codec_by_its_fingerprint(
  codec, compressed, tmp_path, monkeypatch
):
  monkeypatch.setenv("LIC_CODECS", os.path.dirname(codec))
  output = tmp_path / "out.png"
  assert compress.main(["decode", compressed[1], str(output)]) == 0
  assert output.is_file()


def test_iterative_encoding_writes_an_ordinary_file(
  codec, compressed, tmp_path, capsys
):
  picture, _ = compressed
  start = ["encode", picture, str(tmp_path / "o.lic"), "--codec", codec]
  for options in (
    ["--sga", "3"],
    ["--budget-seconds", "0.1"],
    ["--sga", "2", "--budget_seconds", "60", "--seed", "5"],
  ):
    assert compress.main([*start, *options]) == 0
    assert capsys.readouterr().err == ""  # no terminal, no progress
    output = str(tmp_path / "o.png")
    decode = ["decode", str(tmp_path / "o.lic"), output, "--codec", codec]
    assert compress.main(decode) == 0
    assert images.read_rgb(output).shape == (77, 101, 3)


def test_a_window_off_the_grid_is_refused(codec, compressed, tmp_path, capsys):
  arguments = ["encode", compressed[0], tmp_path / "o.lic", "--codec", codec]
  arguments += ["--sga=1", "--window=100"]
  _refused(capsys, arguments, message="multiples of 16")


def test_a_terminal_sees_progress_and_warnings(
  codec, compressed, tmp_path, capsys, monkeypatch
):
  def warning(*args, report, **options):
    report("step 7")
    warnings.warn("it diverged", RuntimeWarning, stacklevel=1)
    return encode.encode(*args)

  monkeypatch.setattr(iterative, "encode", warning)
  monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
  arguments = ["encode", compressed[0], str(tmp_path / "o.lic"), "--sga=9"]
  assert compress.main([*arguments, "--codec", codec]) == 0
  printed = capsys.readouterr().err
  assert "step 7" in printed
  assert printed.endswith("lic: warning: it diverged\n")


def test_an_interrupted_run_leaves_nothing(
  codec, compressed, tmp_path, capsys, monkeypatch
):
  def interrupted(*args, **options):
    raise KeyboardInterrupt

  monkeypatch.setattr(iterative, "encode", interrupted)
  arguments = ["encode", compressed[0], str(tmp_path / "o.lic"), "--sga=9"]
  assert compress.main([*arguments, "--codec", codec]) == 130
  assert capsys.readouterr().err.count("\n") == 1
  assert not list(tmp_path.iterdir())


def test_a_signal_to_end_leaves_nothing(
  codec, compressed, tmp_path, monkeypatch
):
  def ended(*args, **options):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)

  before = signal.getsignal(signal.SIGTERM)
  monkeypatch.setattr(writing.Image.Image, "save", ended)
  arguments = ["decode", compressed[1], str(tmp_path / "o.png")]
  with pytest.raises(SystemExit) as stopped:
    compress.main([*arguments, "--codec", codec])
  signal.signal(signal.SIGTERM, before)
  assert stopped.value.code == 128 + signal.SIGTERM
  assert not list(tmp_path.iterdir())


def test_too_little_memory_is_one_line(
  codec, compressed, tmp_path, capsys, monkeypatch
):
  def starved(*args):
    raise MemoryError

  monkeypatch.setattr(decode, "decode_file", starved)
  arguments = ["decode", compressed[1], tmp_path / "o.png", "--codec", codec]
  _refused(capsys, arguments, message="not enough memory")


def test_a_full_disk_is_one_line_and_nothing_is_left(
  codec, compressed, tmp_path
):
  # Writing more than a block or two fails as it would on a full disk.
  limited = ["sh", "-c", 'ulimit -f 1 && exec "$@"', "sh"]
  program = [sys.executable, "-m", "lic_jax.compress", "decode", compressed[1]]
  run = subprocess.run(
    [*limited, *program, str(tmp_path / "o.png"), "--codec", codec],
    capture_output=True,
    text=True,
  )
  assert run.returncode == 1
  assert run.stderr.startswith("lic: ") and run.stderr.count("\n") == 1
  assert "File too large" in run.stderr
  assert not list(tmp_path.iterdir())


def test_an_image_beyond_the_limit_is_refused(
  codec, compressed, tmp_path, capsys
):
  picture, file = compressed
  limit = ["--codec", codec, "--max-pixels", 77 * 101 - 1]
  message = "101x77 pixels; the limit is 7776"
  for arguments in (
    ["encode", picture, tmp_path / "o.lic"],
    ["decode", file, tmp_path / "o.png"],
  ):
    _refused(capsys, [*arguments, *limit], message=message)
  assert not list(tmp_path.iterdir())


def test_a_target_is_kept_or_refused(codec, compressed, tmp_path, capsys):
  picture, file = compressed
  bpp = os.path.getsize(file) * 8 / (101 * 77)
  arguments = ["encode", picture, str(tmp_path / "o.lic"), "--codec", codec]
  assert compress.main([*arguments, "--target-bpp", str(bpp)]) == 0
  assert f"{bpp:.4f} bpp" in capsys.readouterr().out
  message = "at the lowest quality the file has"
  _refused(capsys, [*arguments, "--target-bpp", bpp * 0.99], message=message)


def test_info_prints_the_header(compressed, codec, capsys, monkeypatch):
  assert compress.main(["info", compressed[1]]) == 0
  lines = dict(
    line.split(None, 1) for line in capsys.readouterr().out.splitlines()
  )
  assert (lines["width"], lines["height"]) == ("101", "77")
  assert int(lines["bytes"]) == os.path.getsize(compressed[1])
  assert "not installed" in lines["codec"]
  monkeypatch.setenv("LIC_CODECS", codec)
  assert compress.main(["info", compressed[1]]) == 0
  assert "(tiny)" in capsys.readouterr().out


def test_models_lists_what_is_installed(codec, capsys, monkeypatch):
  assert compress.main(["models"]) == 0
  assert "no codec is installed" in capsys.readouterr().out
  monkeypatch.setenv("LIC_CODECS", codec)
  assert compress.main(["models"]) == 0
  assert capsys.readouterr().out.startswith("tiny ")


@pytest.mark.parametrize(
  "arguments",
  [
    [],
    ["shrink"],
    ["encode", "one.png"],
    ["encode", "a.png", "b.lic", "--quality", "high"],
    ["encode", "a.png", "b.lic", "--qualty", "1"],
    ["encode", "a.png", "b.lic", "--quality", "1", "--target-bpp", "1"],
    ["encode", "a.png", "b.lic", "--target-bpp", "0"],
    ["encode", "a.png", "b.lic", "--coder", "huffman"],
    ["encode", "a.png", "b.lic", "--sga", "0"],
    ["encode", "a.png", "b.lic", "--sga", "many"],
    ["encode", "a.png", "b.lic", "--budget-seconds", "-1"],
    ["encode", "a.png", "b.lic", "--background", "octarine"],
    ["encode", "a", "b", "--workers", "0"],
    ["decode", "a", "b", "--format", "gif"],
    ["info"],
  ],
)
def test_wrong_usage_exits_with_2(arguments, capsys):
  with pytest.raises(SystemExit) as stopped:
    compress.main(arguments)
  assert stopped.value.code == 2
  assert "usage: lic" in capsys.readouterr().err


def test_a_missing_picture_is_refused(codec, tmp_path, capsys):
  arguments = ["encode", tmp_path / "no.png", tmp_path / "o.lic"]
  _refused(capsys, [*arguments, "--codec", codec], message="no.png")
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("length", [0, 20, 2000])
def test_a_corrupt_picture_is_refused(
  codec, compressed, tmp_path, capsys, length
):
  with open(compressed[0], "rb") as file:
    (tmp_path / "bad.png").write_bytes(file.read(length))
  arguments = ["encode", tmp_path / "bad.png", tmp_path / "o.lic"]
  _refused(capsys, [*arguments, "--codec", codec], message="bad.png")
  assert [path.name for path in tmp_path.iterdir()] == ["bad.png"]


def test_a_folder_is_not_a_picture(codec, tmp_path, capsys):
  arguments = ["encode", tmp_path, tmp_path / "o.lic", "--codec", codec]
  _refused(capsys, arguments, message=str(tmp_path))


def test_a_codec_that_is_not_there_is_refused(compressed, tmp_path, capsys):
  arguments = ["encode", compressed[0], tmp_path / "o.lic"]
  _refused(capsys, [*arguments, "--codec", "x"], message="no codec x")
  _refused(capsys, arguments, message="--codec")
  arguments = ["decode", compressed[1], tmp_path / "o.png"]
  _refused(capsys, arguments, message="fingerprint")
  assert not list(tmp_path.iterdir())


def test_a_quality_that_is_not_there_is_refused(
  codec, compressed, tmp_path, capsys
):
  arguments = ["encode", compressed[0], tmp_path / "o.lic", "--codec", codec]
  _refused(capsys, [*arguments, "--quality", 3], message="no quality 3")


def test_a_file_of_another_codec_is_refused(
  other_codec, compressed, tmp_path, capsys
):
  arguments = ["decode", compressed[1], tmp_path / "o.png"]
  arguments += ["--codec", other_codec]
  _refused(capsys, arguments, message="made by the codec")
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("length", [0, 3, 10, 30, 200, -1])
def test_a_file_cut_off_is_refused(codec, compressed, tmp_path, capsys, length):
  with open(compressed[1], "rb") as file:
    (tmp_path / "cut.lic").write_bytes(file.read()[:length])
  arguments = ["decode", tmp_path / "cut.lic", tmp_path / "o.png"]
  _refused(capsys, [*arguments, "--codec", codec], message="file")
  _refused(capsys, ["info", tmp_path / "cut.lic"], message="file")
  assert [path.name for path in tmp_path.iterdir()] == ["cut.lic"]


def test_an_output_that_cannot_be_written_is_refused(
  codec, compressed, tmp_path, capsys
):
  picture, file = compressed
  (tmp_path / "plain").write_text("")
  (tmp_path / "o.png").mkdir()
  outputs = [("none/o", "none"), ("plain/o", "plain"), ("o", "o.png")]
  for name, message in outputs:
    arguments = ["decode", file, tmp_path / f"{name}.png", "--codec", codec]
    _refused(capsys, arguments, message=message)
  (tmp_path / "o.lic").mkdir()
  for name, message in [*outputs[:2], ("o", "o.lic")]:
    arguments = ["encode", picture, tmp_path / f"{name}.lic", "--codec", codec]
    _refused(capsys, arguments, message=message)
  left = sorted(path.name for path in tmp_path.rglob("*"))
  assert left == ["o.lic", "o.png", "plain"]


@pytest.mark.parametrize("name", ["o.gif", "o.lic", "o", ".png"])
def test_a_suffix_that_is_not_written_is_refused_first(name, tmp_path, capsys):
  arguments = ["decode", tmp_path / "none.lic", tmp_path / name]
  message = f"cannot write {tmp_path / name}: the suffix must be one of .png"
  _refused(capsys, arguments, message=message)
  assert not list(tmp_path.iterdir())


def test_decode_writes_what_the_suffix_says(
  codec, compressed, tmp_path, capsys
):
  assert (
    compress.main(
      ["decode", compressed[1], str(tmp_path / "o.png"), "--codec", codec]
    )
    == 0
  )
  expected = images.read_rgb(tmp_path / "o.png").astype(int)
  for suffix, (name, _) in writing.FORMATS.items():
    output = tmp_path / f"p{suffix.upper()}"
    arguments = ["decode", compressed[1], str(output), "--codec", codec]
    assert compress.main(arguments) == 0
    with Image.open(output) as image:
      assert image.format == name
    error = np.abs(images.read_rgb(output) - expected).max()
    assert error <= {"JPEG": 30, "AVIF": 3}.get(name, 0)
  assert capsys.readouterr().err == ""


def test_grey_in_grey_out(codec, tmp_path, capsys):
  grey = tiny_codec.photograph()[:40, :52, 1]
  Image.fromarray(grey).save(tmp_path / "g.png")
  for options in ([], ["--sga=2"]):
    arguments = ["encode", str(tmp_path / "g.png"), str(tmp_path / "g.lic")]
    assert compress.main([*arguments, "--codec", codec, *options]) == 0
    assert compress.main(["info", str(tmp_path / "g.lic")]) == 0
    assert "grey\n" in capsys.readouterr().out
    arguments = ["decode", str(tmp_path / "g.lic"), str(tmp_path / "o.png")]
    assert compress.main([*arguments, "--codec", codec]) == 0
    with Image.open(tmp_path / "o.png") as image:
      assert (image.mode, image.size) == ("L", (52, 40))
      assert np.asarray(image).std() > 1


def test_transparency_needs_a_background(codec, tmp_path, capsys):
  rgba = np.full((20, 20, 4), 255, np.uint8)
  rgba[:10, :, 3] = 0
  Image.fromarray(rgba).save(tmp_path / "a.png")
  arguments = ["encode", tmp_path / "a.png", tmp_path / "o.lic"]
  arguments += ["--codec", codec]
  _refused(capsys, arguments, message="a.png: it is transparent; --background")
  assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
  arguments = [*map(str, arguments), "--background", "navy"]
  assert compress.main(arguments) == 0


def test_sixteen_bits_need_convert(codec, tmp_path, capsys):
  deep = np.full((20, 20), 40_000, np.uint16)
  Image.fromarray(deep).save(tmp_path / "d.png")
  arguments = ["encode", tmp_path / "d.png", tmp_path / "o.lic"]
  arguments += ["--codec", codec]
  _refused(
    capsys, arguments, message="d.png: it has 16 bits per channel; --con"
  )
  assert [path.name for path in tmp_path.iterdir()] == ["d.png"]
  assert compress.main([*map(str, arguments), "--convert"]) == 0


def test_what_is_left_out_is_a_warning(codec, compressed, tmp_path, capsys):
  with Image.open(compressed[0]) as image:
    image.save(tmp_path / "pages.tif", save_all=True, append_images=[image])
  arguments = ["encode", str(tmp_path / "pages.tif"), str(tmp_path / "o.lic")]
  assert compress.main([*arguments, "--codec", codec]) == 0
  said = capsys.readouterr().err
  assert said == "lic: warning: only the first of 2 frames is taken\n"


def test_the_input_is_never_the_output(codec, compressed, tmp_path, capsys):
  copy = tmp_path / "photo.png"
  shutil.copy(compressed[0], copy)
  before = copy.read_bytes()
  for output in (copy, tmp_path / ".." / tmp_path.name / "photo.png"):
    arguments = ["encode", copy, output, "--codec", codec]
    _refused(capsys, arguments, message="the same file")
  assert copy.read_bytes() == before


def test_a_failed_run_leaves_the_old_output(codec, tmp_path, capsys):
  (tmp_path / "o.lic").write_text("old")
  arguments = ["encode", tmp_path / "no.png", tmp_path / "o.lic"]
  _refused(capsys, [*arguments, "--codec", codec], message="no.png")
  assert (tmp_path / "o.lic").read_text() == "old"


def test_the_command_runs_as_a_program_without_jax(compressed, codec, tmp_path):
  # An empty package named jax in front of the real one: importing what the
  # decoder must not need would fail.
  (tmp_path / "jax").mkdir()
  (tmp_path / "jax" / "__init__.py").write_text("raise ImportError('jax')")
  environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
  output = tmp_path / "out.png"
  program = [sys.executable, "-m", "lic_jax.compress"]
  for arguments in (
    ["info", compressed[1]],
    ["decode", compressed[1], output, "--codec", codec],
  ):
    run = subprocess.run(
      [*program, *arguments],
      env=environment,
      cwd=os.path.dirname(os.path.dirname(compress.__file__)),
      capture_output=True,
      text=True,
    )
    assert (run.returncode, run.stderr) == (0, "")
  assert np.asarray(Image.open(output)).shape == (77, 101, 3)
