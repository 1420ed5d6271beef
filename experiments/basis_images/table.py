"""Prints the table of README.md from results/*.json."""

import json
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
HEAD = (
  "| codec | steps | channels | of 99 % of the energy | used | bent "
  "| one DCT image |",
  "|---|---:|---:|---:|---:|---:|---:|",
)


def table() -> str:
  """A line per result, by name."""
  return "\n".join((*HEAD, *map(line, sorted(RESULTS.glob("*.json")))))


def line(path: Path) -> str:
  """Counts of channels, and means in per cent."""
  result = json.loads(path.read_text())
  summary = result["summary"]
  cells = [
    f"`{result['name']}`",
    str(result["steps"]),
    str(summary["channels"]),
    str(summary["channels_of_99_percent"]),
    str(summary["channels"] - summary["channels_hardly_used"]),
    f"{100 * summary['bent']:.3g} %",
    f"{100 * summary['best_dct']:.0f} %",
  ]
  return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
  print(table())
