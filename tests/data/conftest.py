"""Small photographs in which each pixel tells where it comes from."""

import pathlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

SIZES = ((40, 60), (33, 32), (64, 48), (50, 50), (32, 90), (70, 41), (36, 36))


def mapped(height: int, width: int, number: int) -> np.ndarray:
  """An image whose channels are row, column and the image's number."""
  rgb = np.full((height, width, 3), number, np.uint8)
  rgb[..., 0] = np.arange(height)[:, None]
  rgb[..., 1] = np.arange(width)
  return rgb


def _assert_cut_from_one_place(patch: np.ndarray) -> None:
  number = int(patch[0, 0, 2])
  top, left = (int(value) for value in patch[0, 0, :2])
  size = patch.shape[0]
  height, width = SIZES[number]
  assert top + size <= height and left + size <= width
  expected = mapped(height, width, number)
  np.testing.assert_array_equal(
    patch, expected[top : top + size, left : left + size]
  )


@pytest.fixture
def check_place() -> Callable[[np.ndarray], None]:
  """A check that a patch is a rectangle of one image of `folder`."""
  return _assert_cut_from_one_place


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
  """Seven mapped PNGs in a folder with a subfolder, and things to ignore."""
  root = tmp_path / "photos"
  (root / "sub").mkdir(parents=True)
  for number, (height, width) in enumerate(SIZES):
    parent = root / "sub" if number % 2 else root
    image = Image.fromarray(mapped(height, width, number))
    image.save(parent / f"{number}.png")
  (root / "README.txt").write_text("not an image")
  (root / "._0.png").write_bytes(b"a resource fork")
  return root
