r"""Prints what a model costs, counted on its trace.

  python -m lic_jax.complexity --config=configs/NAME.py \
      [--height=512 --width=768] [--json]

Three columns of kMAC/px: pure multiply-accumulates; those of convolutions and
linear layers alone, by which LOC-LIC is compared; and the convention of the
shallow-decoder paper (its printed figures). See `evaluation.complexity`.
"""

import dataclasses
import json
import sys
from collections.abc import Sequence

from absl import app, flags

from lic_jax.evaluation.complexity import PartComplexity
from lic_jax.evaluation.model_report import model_report
from lic_jax.flags import define_config, parser
from lic_jax.models.build import build
from lic_jax.transforms.restoration import Restoration
from lic_jax.types import LicError

_CONFIG = define_config()
_HEIGHT = flags.DEFINE_integer(
  "height", 512, "Height of the image, pixels.", lower_bound=1
)
_WIDTH = flags.DEFINE_integer(
  "width", 768, "Width of the image, pixels.", lower_bound=1
)
_JSON = flags.DEFINE_bool("json", False, "Print JSON rather than a table.")


def table(parts: Sequence[PartComplexity], *, height: int, width: int) -> str:
  """The report as aligned text; below the line are sums."""
  head = f"complexity at {height} x {width}, per pixel of the image"
  columns = ("part", "kMAC/px", "(layers)", "(paper)", "parameters")
  rows = [columns] + [
    (
      part.name,
      f"{part.kmac_per_pixel:.3f}",
      f"{part.layer_kmac_per_pixel:.3f}",
      f"{part.paper_kmac_per_pixel:.2f}",
      f"{part.parameters:,}",
    )
    for part in parts
  ]
  lines = [
    f"{name:<20}{macs:>10}{layers:>10}{paper:>10}{numbers:>13}"
    for name, macs, layers, paper, numbers in rows
  ]
  lines.insert(-3, "-" * len(lines[0]))
  return "\n".join((head, "", *lines))


def as_json(parts: Sequence[PartComplexity], *, height: int, width: int) -> str:
  """The report for machines: one object per part, totals included."""
  rows = [
    {
      **dataclasses.asdict(part),
      "kmac_per_pixel": part.kmac_per_pixel,
      "layer_kmac_per_pixel": part.layer_kmac_per_pixel,
      "flop_per_pixel": part.flop_per_pixel,
      "paper_kmac_per_pixel": part.paper_kmac_per_pixel,
    }
    for part in parts
  ]
  return json.dumps({"height": height, "width": width, "parts": rows}, indent=1)


def run(argv: Sequence[str]) -> None:
  """Counts and prints."""
  del argv  # checked by the parser
  size = {"height": _HEIGHT.value, "width": _WIDTH.value}
  config = _CONFIG.value
  restoration = None
  if "restoration" in config:
    restoration = Restoration(**config.restoration)
  try:
    parts = model_report(
      build(config.model.to_dict()), **size, restoration=restoration
    )
  except LicError as error:
    print(f"complexity: {error}", file=sys.stderr)
    sys.exit(1)
  print((as_json if _JSON.value else table)(parts, **size))


def main() -> None:
  """The command; exit status 0, 1 with one line, or 2 on a usage error."""
  flags.mark_flags_as_required(["config"])
  app.run(run, flags_parser=parser("complexity", _CONFIG))


if __name__ == "__main__":
  main()
