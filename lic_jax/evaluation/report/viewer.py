"""The pictures of a report, embedded, and how many of them are let in."""

import dataclasses

import numpy as np

from lic_jax.evaluation.report import rivals
from lic_jax.evaluation.runner import Row
from lic_jax.types import UInt8

# Of lossless pictures in one page: about 25 MB of photographs.
MAX_PIXELS = 24_000_000


@dataclasses.dataclass
class Shown:
  """One image and what the codec made of it, quality by quality."""

  name: str
  rgb: UInt8[np.ndarray, "h w 3"]
  rows: list[Row]
  decoded: list[UInt8[np.ndarray, "h w 3"]]


class Viewer:
  """Keeps the first images of an evaluation while it runs.

  An image costs its pixels for the original and, at each quality, for ours and
  for JPEG 2000, which no browser shows; images come in while their sum stays
  below `MAX_PIXELS`.
  """

  def __init__(self, limit: int, qualities: int):
    """Args: most images to keep; qualities that each will come in."""
    self._limit = limit
    self._copies = 1 + 2 * qualities
    self._pixels = 0
    self._seen: set[str] = set()
    self._shown: dict[str, Shown] = {}

  def see(
    self,
    rgb: UInt8[np.ndarray, "h w 3"],
    row: Row,
    decoded: UInt8[np.ndarray, "h w 3"],
  ) -> None:
    """What `runner.evaluate` calls for each image and quality."""
    name = row["name"]
    if name not in self._seen:
      self._seen.add(name)
      cost = self._copies * rgb.shape[0] * rgb.shape[1]
      fits = self._pixels + cost <= MAX_PIXELS
      if fits and len(self._shown) < self._limit:
        self._pixels += cost
        self._shown[name] = Shown(name, rgb, [], [])
    if name in self._shown:
      self._shown[name].rows.append(row)
      self._shown[name].decoded.append(decoded)

  def content(self, codecs: list[str]) -> Row:
    """The page's viewer; `codecs` are the classical ones."""
    return {
      "limit": self._limit,
      "max_pixels": MAX_PIXELS,
      "seen": len(self._seen),
      "images": [_content(shown, codecs) for shown in self._shown.values()],
    }


def _content(shown: Shown, codecs: list[str]) -> Row:
  """One image: the original, and at each of our qualities all codecs."""
  return {
    "name": shown.name,
    "height": shown.rgb.shape[0],
    "width": shown.rgb.shape[1],
    "uri": rivals.lossless(shown.rgb),
    "rungs": [
      {
        "quality": row["quality"],
        "pictures": [
          {
            "codec": "ours",
            "quality": row["quality"],
            "bytes": row["bytes"],
            "bpp": row["bpp"],
            "psnr": row["psnr"],
            "ms_ssim": row["ms_ssim"],
            "uri": rivals.lossless(decoded),
          },
          *rivals.matched(shown.rgb, codecs, row["bytes"]),
        ],
      }
      for row, decoded in zip(shown.rows, shown.decoded)
    ],
  }
