"""One evaluation as one HTML file that needs no other.

Python gathers a plain dict, `Report.content`; `template.html`, `style.css` and
the scripts beside this file draw it. The dict stands in the page as JSON. A
content security policy in the template lets a browser load nothing else.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lic_jax.codec import storage
from lic_jax.codec.bundle import Bundle
from lic_jax.evaluation.model_report import model_report
from lic_jax.evaluation.report import curves, rivals
from lic_jax.evaluation.report.viewer import Viewer
from lic_jax.evaluation.runner import Row
from lic_jax.models.build import build
from lic_jax.transforms.restoration import Restoration
from lic_jax.types import LicError

NAME = "index.html"
HEIGHT, WIDTH = 512, 768  # at which complexity is stated
_HERE = Path(__file__).parent
_SCRIPTS = ("elements.js", "plot.js", "tables.js", "viewer.js", "main.js")


class Report:
  """The report of one run of `evaluate`.

  Attributes:
    see: for `runner.evaluate`, which shows it every image.
  """

  def __init__(
    self,
    folder: Path | str,
    *,
    images: int,
    qualities: int,
    published: Path | str | None = None,
  ):
    """Checks what can be checked before anything is measured.

    Args:
      folder: to write to; made if its own folder is there.
      images: most images to embed.
      qualities: at which each image is measured.
      published: file of published curves.

    Raises:
      LicError: nothing can be written there, or the file is not one.
    """
    self._folder = Path(folder)
    if not self._folder.resolve().parent.is_dir():
      raise LicError(f"cannot write {folder}: no folder above it")
    if self._folder.exists() and not self._folder.is_dir():
      raise LicError(f"cannot write {folder}: it is not a folder")
    self._published = published and curves.read_published(published)
    self._viewer = Viewer(images, qualities)
    self.see = self._viewer.see

  def write(self, result: Row, bundle: Bundle, paths: list[Path]) -> Path:
    """Measures the classical codecs and writes the page.

    Args:
      result: what `evaluate` writes as JSON.
      bundle: the codec.
      paths: of the images.

    Returns:
      The page's path.

    Raises:
      LicError: the page cannot be written.
    """
    text = html(self._content(result, bundle, paths))
    try:
      self._folder.mkdir(exist_ok=True)
    except OSError as error:
      raise LicError(
        f"cannot write {self._folder}: {error.strerror}"
      ) from error
    storage.write_bytes(self._folder / NAME, text.encode())
    return self._folder / NAME

  def _content(self, result: Row, bundle: Bundle, paths: list[Path]) -> Row:
    classical, notes = rivals.curves(paths, report=print)
    ours = curves.from_points(
      f"{result['codec']} (this codec)", result["points"], "this evaluation"
    )
    source = f"Pillow, on the images of {result['dataset']}"
    measured = [
      curves.from_points(name, points, source)
      for name, points in classical.items()
    ]
    dataset = curves.data_set(result["images"])
    published = []
    if self._published and dataset:
      published = curves.published(self._published, dataset)
    elif self._published:
      notes.append("published curves: the images are not the 24 of Kodak")
    first = [c for c in published if c.name in curves.FIRST] or published[:4]
    compared = {
      ours.name: ours,
      **{curves.LABELS[c.name]: c for c in measured},
      **{f"{c.name} (published)": c for c in first},
    }
    anchors = [label for label in compared if label != ours.name]
    anchors.sort(key=lambda label: compared[label].name != curves.ANCHOR)
    return {
      "evaluation": result,
      "curves": [
        curves.content(ours, kind="ours", shown=True),
        *(curves.content(c, kind="classical", shown=True) for c in measured),
        *(
          curves.content(c, kind="published", shown=c in first)
          for c in published
        ),
      ],
      "recipes": [
        {"method": method, "metric": metric}
        for method, metric in curves.RECIPES
      ],
      "bd_rates": curves.rates(compared, anchors),
      "complexity": complexity(
        bundle.card["model"], bundle.decoder.restoration
      ),
      "viewer": self._viewer.content(list(classical)),
      "notes": notes,
    }


def complexity(
  config: Mapping[str, Any], restorer: Mapping[str, Any] | None = None
) -> Row:
  """What a codec costs, part by part, or why it is not known.

  Args:
    config: the model of its card.
    restorer: the decoder's restoration, if it has one.
  """
  size = {"height": HEIGHT, "width": WIDTH}
  restoration = restorer and Restoration.of(restorer["network"])
  try:
    parts = model_report(build(config), **size, restoration=restoration)
  except (LicError, KeyError) as error:
    return {**size, "parts": [], "reason": str(error)}
  return {
    **size,
    "parts": [
      {
        "name": part.name,
        "kmac_per_pixel": part.kmac_per_pixel,
        "layer_kmac_per_pixel": part.layer_kmac_per_pixel,
        "paper_kmac_per_pixel": part.paper_kmac_per_pixel,
        "parameters": part.parameters,
      }
      for part in parts
    ],
  }


def html(content: Row) -> str:
  """The page of a content."""
  parts = {
    "style": (_HERE / "style.css").read_text(),
    "script": "\n".join((_HERE / name).read_text() for name in _SCRIPTS),
    "data": embedded(content),
  }
  template = (_HERE / "template.html").read_text()
  # In one pass, so that braces in the parts stay what they are.
  return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)


def embedded(content: Row) -> str:
  """JSON that may stand in a script element: no "<" can end or hide it."""
  text = json.dumps(content, allow_nan=False, separators=(",", ":"))
  return text.replace("<", "\\u003c")
