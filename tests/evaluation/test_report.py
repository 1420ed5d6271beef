"""The report: one file, whose figures are those of the files."""

import base64
import configparser
import fnmatch
import io
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lic_jax import evaluate, types
from lic_jax.codec import decode
from lic_jax.data import images
from lic_jax.evaluation import classical
from lic_jax.evaluation.model_report import model_report
from lic_jax.evaluation.rd_curve import curve
from lic_jax.evaluation.report import curves, page, viewer
from lic_jax.models.build import build
from lic_jax.sga import encode

ROOT = Path(__file__).parents[2]
# The name of SVG's elements; nothing is fetched from it.
NAMESPACE = "http://www.w3.org/2000/svg"


def pixels(uri: str) -> np.ndarray:
  head, _, data = uri.partition(",")
  assert re.fullmatch(r"data:image/(webp|jpeg|avif|png);base64", head)
  with Image.open(io.BytesIO(base64.b64decode(data))) as image:
    return np.asarray(image.convert("RGB"))


def test_the_page_refers_to_nothing_outside(reported):
  text = reported.text.replace(NAMESPACE, "")
  assert not re.search(r"https?:|//[a-z]+\.|@import|url\((?!#)", text)
  assert not re.search(r"<link|<iframe|(src|href)\s*=\s*[\"'](?!data:)", text)
  assert "default-src 'none'" in text
  assert [path.name for path in reported.page.parent.iterdir()] == [page.NAME]


def test_the_figures_on_the_page_are_those_of_the_json(reported):
  content = reported.content
  assert content["evaluation"] == reported.result
  ours = content["curves"][0]
  assert ours["kind"] == "ours" and ours["label"] == "tiny (this codec)"
  for drawn, point in zip(ours["points"], reported.result["points"]):
    assert drawn["bpp"] == point["bpp"] and drawn["psnr"] == point["psnr"]
    decibels = -10 * math.log10(1 - point["ms_ssim"])
    assert drawn["ms_ssim"] == pytest.approx(decibels)


def test_the_classical_curves_are_means_over_the_same_images(reported):
  paths = sorted(reported.pictures.iterdir())
  pictures = [images.read_rgb(path) for path in paths]
  names = [c["name"] for c in reported.content["curves"][1:]]
  assert tuple(names) == classical.available()
  drawn = next(c for c in reported.content["curves"] if c["name"] == "jpeg")
  points = classical.points(pictures, "jpeg", [50])
  means = [
    np.mean([getattr(p, key) for p in points]) for key in ("bpp", "psnr")
  ]
  assert any(
    [p["bpp"], p["psnr"]] == pytest.approx(means, abs=1e-4)
    for p in drawn["points"]
  )


def test_the_pictures_are_those_that_the_files_hold(reported):
  shown = reported.content["viewer"]
  assert (shown["seen"], shown["limit"], len(shown["images"])) == (3, 2, 2)
  for image in shown["images"]:
    rgb = images.read_rgb(reported.pictures / image["name"])
    assert np.array_equal(pixels(image["uri"]), rgb)
    assert [r["quality"] for r in image["rungs"]] == [0, 1, 2]
    for rung in image["rungs"]:
      ours, *others = rung["pictures"]
      data = encode.encode(rgb, reported.bundle, quality=rung["quality"]).data
      assert ours["bytes"] == len(data)
      decoded = decode.decode(data, reported.bundle)
      assert np.array_equal(pixels(ours["uri"]), decoded)
      assert tuple(p["codec"] for p in others) == classical.available()
      for other in others:
        file = classical.encode(rgb, other["codec"], other["quality"])
        assert other["bytes"] == len(file)
        assert np.array_equal(pixels(other["uri"]), classical.decode(file))


def test_no_neighbouring_quality_is_nearer_in_size(reported):
  for image in reported.content["viewer"]["images"]:
    rgb = images.read_rgb(reported.pictures / image["name"])
    for ours, *others in (rung["pictures"] for rung in image["rungs"]):
      for other in others:
        scale = list(classical._SCALES[other["codec"]])
        place = scale.index(other["quality"])
        # The target lies between two neighbours, or beyond an end.
        near = [q for q in (place - 1, place + 1) if 0 <= q < len(scale)]
        sizes = [
          len(classical.encode(rgb, other["codec"], scale[q])) for q in near
        ]
        sides = {s >= ours["bytes"] for s in (*sizes, other["bytes"])}
        assert len(sides) == 2 or place in (0, len(scale) - 1)


def test_embedded_json_cannot_leave_its_element():
  hostile = {
    "name": "</script><script>alert(1)</script><!-- {{script}} & \u2028"
  }
  text = page.embedded(hostile)
  assert "<" not in text and json.loads(text) == hostile
  whole = page.html(hostile)
  assert whole.count("</script>") == 2 and text in whole


def test_the_embedded_pixels_are_bounded(monkeypatch):
  monkeypatch.setattr(viewer, "MAX_PIXELS", 5000)
  kept = viewer.Viewer(limit=10, qualities=2)
  sizes = {"large": 40, "small": 20, "again": 20, "late": 20}
  for name, side in sizes.items():
    rgb = np.zeros((side, side, 3), np.uint8)
    for quality in (0, 1):
      row = {"name": name, "quality": quality, "bytes": 900, "bpp": 1.0}
      kept.see(rgb, {**row, "psnr": None, "ms_ssim": 1.0}, rgb)
  content = kept.content([])
  # Five lossless copies of each: 8000 pixels are too many, 2000 fit twice.
  assert [image["name"] for image in content["images"]] == ["small", "again"]
  assert content["seen"] == 4


def test_published_curves_belong_to_the_24_images_of_kodak_alone():
  rows = [
    {"name": f"kodim{n:02d}.png", "height": 512, "width": 768}
    for n in range(1, 25)
  ]
  assert curves.data_set(rows) == "kodak"
  assert curves.data_set(rows[:-1]) is None
  assert curves.data_set([*rows[:-1], {**rows[-1], "width": 384}]) is None


def test_published_curves_are_read_as_they_stand(published_points, tmp_path):
  path = tmp_path / "published.json"
  path.write_text(json.dumps(published_points))
  table = curves.read_published(path)
  found = curves.published(table, "kodak")
  assert {c.name for c in found} == published_points["kodak"].keys()
  assert {c.name for c in found[: len(curves.FIRST)]} == set(curves.FIRST)
  drawn = curves.content(found[0], kind="published", shown=True)
  entry = published_points["kodak"][found[0].name]
  assert drawn["source"] == entry["source"]
  assert {p["bpp"] for p in drawn["points"]} == set(entry["bpp"])


def test_a_bd_rate_that_does_not_apply_says_why():
  single = curve("single", bpp=[0.5], psnr=[30.0], ms_ssim=[0.95])
  anchor = curve(
    "anchor",
    bpp=[0.1, 0.3, 0.6, 1.0],
    psnr=[27.0, 30.0, 33.0, 36.0],
    ms_ssim=[0.9, 0.95, 0.97, 0.99],
  )
  half = curve(
    "half",
    bpp=[rate / 2 for rate in anchor.bpp],
    psnr=anchor.psnr,
    ms_ssim=anchor.ms_ssim,
  )
  table = {"single": single, "half": half, "anchor": anchor}
  (against,) = curves.rates(table, ["anchor"])
  rows = {row["curve"]: row["cells"] for row in against["rows"]}
  assert all("has 1 points" in cell["reason"] for cell in rows["single"])
  assert all(c["change"] == pytest.approx(-50) for c in rows["half"])
  assert len(rows["half"]) == len(curves.RECIPES)


def test_the_complexity_is_that_of_the_cards_model(reported):
  drawn = reported.content["complexity"]
  parts = model_report(build(reported.bundle.card["model"]), 512, 768)
  assert (drawn["height"], drawn["width"]) == (512, 768)
  for row, part in zip(drawn["parts"], parts, strict=True):
    assert row["name"] == part.name
    assert row["kmac_per_pixel"] == part.kmac_per_pixel
    assert row["parameters"] == part.parameters


def test_a_model_that_cannot_be_counted_says_why(reported):
  known = reported.bundle.card["model"]
  unknown = {**known, "name": "unheard_of", "gain_rungs": 0}
  counted = page.complexity(unknown)
  assert counted["parts"] == [] and "unheard_of" in counted["reason"]


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"report": "nowhere/deep"}, "no folder above it"),
    ({"report": "taken"}, "it is not a folder"),
    ({"published": "missing.json"}, "cannot read"),
    ({"published": "taken"}, "holds no published curves"),
    ({"published": "bad.json"}, "unequal length"),
  ],
)
def test_a_bad_report_is_told_before_anything_is_measured(
  reported, tmp_path, monkeypatch, capsys, change, message
):
  monkeypatch.chdir(tmp_path)
  Path("taken").write_text("text")
  Path("bad.json").write_text('{"kodak": {"x": {"bpp": [1], "psnr": [1, 2]}}}')
  settings = {
    "codec": reported.bundle.folder,
    "images": reported.pictures,
    "output": "o.json",
    "report": "page",
    **change,
  }
  arguments = [f"--{key}={value}" for key, value in settings.items()]
  assert evaluate.main(arguments) == 1
  printed = capsys.readouterr()
  assert printed.err.startswith("evaluate: ") and printed.err.count("\n") == 1
  assert message in printed.err and not printed.out
  assert {path.name for path in tmp_path.iterdir()} == {"taken", "bad.json"}


@pytest.mark.parametrize(
  "argument", ["--report_images=-1", "--report_images=x", "--published=p.json"]
)
def test_flags_of_the_report_that_make_no_sense_exit_with_2(argument, capsys):
  with pytest.raises(SystemExit) as stopped:
    evaluate.main(["--codec=c", "--images=i", "--output=o.json", argument])
  assert stopped.value.code == 2


def test_evaluation_without_a_report_imports_none_of_it():
  code = "import sys, lic_jax.evaluate; print([*sys.modules])"
  printed = subprocess.run(
    [sys.executable, "-c", code], capture_output=True, text=True, check=True
  ).stdout
  assert "lic_jax.evaluation.runner" in printed
  assert "lic_jax.evaluation.report" not in printed


def test_what_draws_the_page_is_packaged():
  config = configparser.ConfigParser()
  config.read(ROOT / "setup.cfg")
  patterns = config["options.package_data"]["lic_jax"].split()
  package = ROOT / "lic_jax"
  parts = [
    path.relative_to(package).as_posix()
    for path in (package / "evaluation" / "report").iterdir()
    if path.is_file() and path.suffix not in (".py", ".pyc")
  ]
  assert parts
  for part in parts:
    assert any(fnmatch.fnmatch(part, pattern) for pattern in patterns), part


def test_a_page_that_cannot_be_written_leaves_the_json(
  reported, tmp_path, monkeypatch, capsys
):
  def refuse(self, *_):
    raise types.LicError("the disk is full")

  monkeypatch.setattr(page.Report, "write", refuse)
  output = tmp_path / "o.json"
  arguments = [
    f"--codec={reported.bundle.folder}",
    f"--images={reported.pictures}",
    f"--output={output}",
    f"--report={tmp_path / 'page'}",
    "--quality=1",
  ]
  assert evaluate.main(arguments) == 1
  assert "the disk is full" in capsys.readouterr().err
  assert json.loads(output.read_text())["points"]
