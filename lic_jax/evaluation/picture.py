"""Pictures for people: several versions of an image beside each other."""

from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lic_jax.types import UInt8

CAPTION = 28  # height of a caption, pixels


def side_by_side(
  pictures: Mapping[str, UInt8[np.ndarray, "h w 3"]],
) -> UInt8[np.ndarray, "h2 w2 3"]:
  """Pictures of one size in a row, each under its caption."""
  height, width = next(iter(pictures.values())).shape[:2]
  sheet = Image.new("RGB", (width * len(pictures), height + CAPTION), "white")
  draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(18)
  for column, (caption, rgb) in enumerate(pictures.items()):
    left = column * width
    middle = (left + 8, CAPTION // 2)
    draw.text(middle, caption, fill="black", font=font, anchor="lm")
    sheet.paste(Image.fromarray(rgb), (left, CAPTION))
  return np.asarray(sheet)
