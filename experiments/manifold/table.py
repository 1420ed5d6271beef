"""Prints the table of README.md from results/*.json."""

import json
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
HEAD = (
  "| codec | steps | longer than straight, mean | largest | aside, mean "
  "| MSE to the line | to the mixture, ends | middle | line, middle |",
  "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
)


def table() -> str:
  """A line per result, by name."""
  return "\n".join((*HEAD, *map(line, sorted(RESULTS.glob("*.json")))))


def line(path: Path) -> str:
  """Excess lengths in parts of the distance; errors in units of 10^-4."""
  result = json.loads(path.read_text())
  summary = result["summary"]
  cells = [
    f"`{result['name']}`",
    str(result["steps"]),
    f"{summary['mean_ratio'] - 1:.1e}",
    f"{summary['largest_ratio'] - 1:.1e}",
    f"{100 * summary['aside']:.3f} %",
    *(
      f"{1e4 * summary[name]:.2g}"
      for name in ("straight", "ends", "middle", "line_middle")
    ),
  ]
  return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
  print(table())
