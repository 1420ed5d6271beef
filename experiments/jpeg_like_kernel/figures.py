"""Figures 7 and 8 of Yang and Mandt (2023), by small codecs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experiments.arms import figures
from lic_jax.types import UInt8

# Of the image shown: sky, clouds and the horizon, pixels.
CROP = (slice(160, 272), slice(624, 736))


def draw(
  result: Mapping[str, Any],
  pictures: Mapping[str, UInt8[np.ndarray, "h w 3"]],
  folder: Path,
) -> None:
  """Both figures."""
  shown, panels = figures.figure(2.4 * len(pictures), 2.8, len(pictures))
  for axes, (name, picture) in zip(panels, pictures.items()):
    axes.imshow(picture[CROP], interpolation="nearest")
    axes.set(xticks=[], yticks=[], title=name)
  figures.save(shown, folder / "figure_7")
  drawn, (left, right) = figures.figure(9, 3.6, 2)
  figures.changes(result, left)
  sides = [int(name[1:]) for name in result["arms"]]
  values = np.array(
    [figures.seeds_of(arm, "blocking") for arm in result["arms"].values()]
  )
  right.plot(sides, values, "o", color=figures.BLUE, ms=4)
  right.plot(sides, values.mean(1), color=figures.RED)
  right.axhline(1, color="k", lw=0.8, ls=":")
  right.set(
    xlabel="side of the kernel, pixels",
    ylabel="jump of the error between blocks,\nrelative to inside",
    xticks=sides,
  )
  right.grid(alpha=0.3)
  figures.save(drawn, folder / "figure_8")
