"""Prints the tables of README.md from results/complexity.json."""

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RESULT = Path(__file__).parent / "results" / "complexity.json"
PARTS = ("analysis", "hyper_analysis", "synthesis", "hyper_synthesis")


def main() -> None:
  """Prints all of them."""
  result = json.loads(RESULT.read_text())
  print("\n\n".join(tables(result)))


def tables(result: Mapping[str, Any]) -> list[str]:
  """Table 1, its BD-rates, LOC-LIC's figures, and this package's own models."""
  return [
    costs(result["table_1"], result["sga"]),
    savings(result["table_1"]),
    loc_lic(result["loc_lic"]),
    own(result["own"]),
  ]


def costs(rows: Mapping[str, Any], sga: Mapping[str, float]) -> str:
  """Table 1: counted, and the printed figure in brackets where it differs."""
  head = ["system", "", "f", "f_h", "g", "g_h", "decode", "g, M parameters"]
  lines = []
  for system, row in rows.items():
    counted, printed = row["counted"], row["printed"]
    cells = []
    if counted:
      context = decoding_only(counted)
      values = [counted.get(part, {"paper": 0.0})["paper"] for part in PARTS]
      values[3] += context
      values += [counted["decode"]["paper"]]
      values += [counted["synthesis"]["parameters"] / 1e6]
    for i, part in enumerate((*PARTS, "decode", "synthesis_parameters")):
      shown = f"{printed[part]:.2f}"
      mine = f"{values[i]:.2f}" if counted else shown
      cells.append(mine if mine == shown else f"{mine} ({shown})")
    mark = "counted" if counted else "published"
    lines.append([system.removesuffix(" (proposed)"), mark, *cells])
  step = f"{sga['kmac_of_a_step']:.1f}"
  total = f"{sga['kmac']:,.0f}".replace(",", " ")
  note = (
    f"One step of SGA on the two-layer model: {step} kMAC/px, value and "
    f"gradient; {sga['steps']} of them {total} kMAC/px (printed: ~10^5)."
  )
  return markdown(head, lines) + "\n\n" + textwrap.fill(note, 80)


def decoding_only(counted: Mapping[str, Any]) -> float:
  """What decoding runs besides synthesis and hyper-synthesis: the context."""
  rest = counted["decode"]["paper"]
  for part in ("synthesis", "hyper_synthesis"):
    rest -= counted.get(part, {"paper": 0.0})["paper"]
  return rest


def savings(rows: Mapping[str, Any]) -> str:
  """Per cent saved against BPG, by three recipes, each with its range."""
  head = ["system", "curve", "printed", "Table 1 recipe", "range, dB"]
  head += ["cubic", "pchip", "full overlap, dB"]
  lines = []
  for system, row in rows.items():
    found = row["bd_rate"]
    table, full = found["table1"], found["pchip"]
    lines.append(
      [
        system.removesuffix(" (proposed)"),
        f"`{row['curve']}`",
        f"{row['printed']['saving']:+.2f}",
        f"{table['saving']:+.2f}",
        f"{table['low']:.2f} to {table['high']:.2f}",
        f"{found['cubic']['saving']:+.2f}",
        f"{full['saving']:+.2f}",
        f"{full['low']:.2f} to {full['high']:.2f}",
      ]
    )
  return markdown(head, lines)


def loc_lic(rows: Mapping[str, Any]) -> str:
  """LOC-LIC's figures 1, 3 and 4 beside the true ones; "-" is unknown."""
  head = ["system", "bar", "true, layers", "counted, layers", "all products"]
  head += ["decode", "BD-PSNR, figure", "BD-PSNR", "BD-rate, %"]
  head += ["overlap, dB", "BD-MS-SSIM, figure", "BD-MS-SSIM"]
  lines = []
  for system, row in rows.items():
    paper, bd = row["paper"], row["bd"]
    lines.append(
      [
        system,
        number(paper["bar"], ".0f"),
        number(row["recomputed_layers"], ".1f"),
        number(row["counted_layers"], ".1f"),
        number(row["counted"], ".1f"),
        number(row["counted_decode"], ".1f"),
        number(paper["bd_psnr"], "+.2f"),
        number(bd["psnr"], "+.2f"),
        number(bd["rate"], "+.1f"),
        f"{bd['low']:.2f} to {bd['high']:.2f}",
        number(paper["bd_ms_ssim"], "+.4f"),
        number(bd.get("ms_ssim"), "+.4f"),
      ]
    )
  return markdown(head, lines)


def own(rows: Mapping[str, Any]) -> str:
  """Models that neither paper has."""
  head = [
    "config",
    "encode",
    "decode",
    "decode, Yang and Mandt",
    "M parameters",
  ]
  lines = [
    [
      f"`{name}`",
      f"{row['encode']['kmac']:.2f}",
      f"{row['decode']['kmac']:.2f}",
      f"{row['decode']['paper']:.2f}",
      f"{row['total']['parameters'] / 1e6:.1f}",
    ]
    for name, row in rows.items()
  ]
  return markdown(head, lines)


def number(value: float | None, form: str) -> str:
  return "-" if value is None else format(value, form)


def markdown(head: list[str], lines: list[list[str]]) -> str:
  """A table; columns but the first are set to the right."""
  rule = ["---", *["---:"] * (len(head) - 1)]
  return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *lines))


if __name__ == "__main__":
  main()
