"""The table of a README from a result of `run.py`."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any


def table(result: Mapping[str, Any], measures: Sequence[str] = ()) -> str:
  """Markdown: means of the seeds, and the change of rate of each.

  Args:
    result: of `run`.
    measures: further columns.
  """
  names = ("estimated_bpp", "psnr", "loss", *measures)
  head = ("arm", "kMAC/px", "bpp", "dB", "loss", *measures)
  head = (*head, "rate, %", "of each seed")
  lines = [_row(head), _row(["---", *["---:"] * (len(head) - 1)])]
  for name, arm in result["arms"].items():
    change = arm["rate_change_percent"]
    runs = arm["runs"].values()
    means = [statistics.fmean(run[key] for run in runs) for key in names]
    digits = (4, 2, 4, *[3] * len(measures))
    lines.append(
      _row(
        [
          f"`{name}`",
          f"{next(v for k, v in arm.items() if 'kmac' in k):.2f}",
          *[f"{mean:.{n}f}" for mean, n in zip(means, digits)],
          f"{change['mean']:+.2f}",
          ", ".join(f"{value:+.2f}" for value in change["seeds"].values()),
        ]
      )
    )
  return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
  return f"| {' | '.join(cells)} |"
