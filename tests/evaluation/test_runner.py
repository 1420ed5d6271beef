"""Evaluation by real files: the figures are those of the files."""

import json
import math

import numpy as np
import pytest
import tiny_codec

from lic_jax import evaluate, types
from lic_jax.codec import decode, encode
from lic_jax.data import images
from lic_jax.evaluation import runner
from lic_jax.sga import encode as iterative


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
  return tiny_codec.factorized(tmp_path_factory.mktemp("codecs") / "tiny")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  folder = tmp_path_factory.mktemp("pictures")
  photograph = tiny_codec.photograph()
  images.write_png(folder / "b.png", photograph[:80, :96])
  images.write_png(folder / "a.png", photograph[100:180, :90])
  (folder / "notes.txt").write_text("not an image")
  return folder


def _arguments(codec, folder, output, *more: str) -> list[str]:
  return [
    f"--codec={codec.folder}",
    f"--images={folder}",
    f"--output={output}",
    *more,
  ]


def test_the_json_has_the_keys_and_means_of_the_design(
  codec, folder, tmp_path, capsys
):
  output = tmp_path / "result.json"
  assert evaluate.main(_arguments(codec, folder, output)) == 0
  lines = capsys.readouterr().out.splitlines()
  assert lines[0].startswith("1/2 a.png quality 0: ")
  assert lines[1].startswith("2/2 b.png quality 0: ")
  result = json.loads(output.read_text())
  assert (
    {"codec", "dataset", "rdoq_sweeps", "sga_steps", "machine", "commit"}
    | {"command", "date", "images", "points"}
  ) <= result.keys()
  assert result["codec"] == "tiny"
  assert result["dataset"] == folder.name
  assert (result["rdoq_sweeps"], result["sga_steps"]) == (6, 0)
  assert f"--codec={codec.folder}" in result["command"]
  rows = result["images"]
  assert [row["name"] for row in rows] == ["a.png", "b.png"]
  for row in rows:
    assert row["bpp"] == row["bytes"] * 8 / (row["height"] * row["width"])
    assert row["encode_s"] > 0 and row["decode_s"] > 0
  (point,) = result["points"]
  assert point["quality"] == 0
  for name in ("bpp", "psnr", "ms_ssim"):
    assert point[name] == pytest.approx(np.mean([row[name] for row in rows]))


def test_a_row_is_what_the_file_gives(codec):
  rgb = tiny_codec.photograph()[:70, :50]
  row = runner.measure(rgb, codec, quality=0)
  encoded = iterative.encode(rgb, codec)
  decoded = decode.decode(encoded.data, codec)
  assert row["bytes"] == len(encoded.data)
  assert (row["height"], row["width"]) == (70, 50)
  error = np.mean((rgb.astype(np.float64) - decoded) ** 2)
  assert row["psnr"] == pytest.approx(10 * math.log10(255**2 / error), abs=1e-4)
  assert 0 < row["ms_ssim"] < 1
  estimated = encode.estimated_bits(encoded, codec) / (70 * 50)
  assert row["estimated_bpp"] == pytest.approx(estimated)


def test_searches_make_the_file_they_are_said_to(codec):
  rgb = tiny_codec.photograph()[:70, :50]
  for options in (dict(sweeps=0), dict(sweeps=2, sga_steps=3)):
    row = runner.measure(rgb, codec, quality=0, **options)
    steps = options.get("sga_steps")
    encoded = iterative.encode(
      rgb, codec, sweeps=options["sweeps"], steps=steps
    )
    assert row["bytes"] == len(encoded.data)
  assert row["bytes"] != len(encode.encode(rgb, codec).data)


def test_a_point_with_a_lossless_image_has_no_psnr():
  row = {"quality": 0, "bpp": 1.0, "psnr": None, "ms_ssim": 1.0}
  other = {"quality": 1, "bpp": 2.0, "psnr": 30.0, "ms_ssim": 0.5}
  assert runner.points([other, row, row]) == [row, other]


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"images": "nowhere"}, "not a folder"),
    ({"codec": "nothing"}, "no codec nothing"),
    ({"quality": "5"}, "no quality 5"),
    ({"output": "nowhere/o.json"}, "no folder"),
  ],
)
def test_what_cannot_be_measured_is_told_in_one_line(
  codec, folder, tmp_path, capsys, change, message
):
  settings = {
    "codec": codec.folder,
    "images": folder,
    "output": tmp_path / "o.json",
    **change,
  }
  arguments = [f"--{key}={value}" for key, value in settings.items()]
  assert evaluate.main(arguments) == 1
  printed = capsys.readouterr().err
  assert printed.startswith("evaluate: ") and printed.count("\n") == 1
  assert message in printed
  assert not list(tmp_path.iterdir())


def test_a_corrupt_image_stops_the_run(codec, folder, tmp_path, capsys):
  (tmp_path / "bad.png").write_bytes(b"\x89PNG")
  output = tmp_path / "o.json"
  assert evaluate.main(_arguments(codec, tmp_path, output)) == 1
  assert "bad.png" in capsys.readouterr().err
  assert not output.exists()


def test_a_folder_without_images_is_refused(tmp_path):
  with pytest.raises(types.LicError, match="holds no images"):
    runner.find_images(tmp_path)


@pytest.mark.parametrize("arguments", [[], ["--quality=x"], ["--wrong=1"]])
def test_wrong_usage_exits_with_2(arguments, capsys):
  with pytest.raises(SystemExit) as stopped:
    evaluate.main(arguments)
  assert stopped.value.code == 2


def test_the_commit_is_none_outside_a_repository(tmp_path):
  assert runner.commit(tmp_path) is None


def test_iterative_encoding_lowers_the_loss_of_the_files(
  codec, folder, tmp_path
):
  losses = {}
  for steps in (0, 25):
    output = tmp_path / f"{steps}.json"
    more = f"--sga_steps={steps}"
    assert evaluate.main(_arguments(codec, folder, output, more)) == 0
    result = json.loads(output.read_text())
    assert result["sga_steps"] == steps
    losses[steps] = [
      row["bpp"] + 0.01 * 255**2 * 10 ** (-row["psnr"] / 10)
      for row in result["images"]
    ]
  assert all(a > b for a, b in zip(losses[0], losses[25]))


def test_a_negative_number_of_steps_is_wrong_usage(codec, folder, tmp_path):
  arguments = _arguments(codec, folder, tmp_path / "x.json", "--sga_steps=-1")
  with pytest.raises(SystemExit) as stopped:
    evaluate.main(arguments)
  assert stopped.value.code == 2
