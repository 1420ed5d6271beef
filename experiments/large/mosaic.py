"""A large picture of photographs side by side, some of them mirrored.

python mosaic.py FOLDER WIDTH HEIGHT OUT.png
"""

import sys

import numpy as np
from PIL import Image

from lic_jax.data import images
from lic_jax.evaluation import runner


def main() -> None:
  folder, width, height, target = sys.argv[1:]
  height, width = int(height), int(width)
  rng = np.random.default_rng(0)
  photographs = [images.read_rgb(path) for path in runner.find_images(folder)]
  tile_height = min(photograph.shape[0] for photograph in photographs)
  tile_width = min(photograph.shape[1] for photograph in photographs)
  mosaic = np.empty((height, width, 3), np.uint8)
  for top in range(0, height, tile_height):
    for left in range(0, width, tile_width):
      tile = photographs[rng.integers(len(photographs))]
      tile = tile[:, ::-1] if rng.integers(2) else tile
      room = mosaic[top : top + tile_height, left : left + tile_width]
      room[...] = tile[: room.shape[0], : room.shape[1]]
  Image.fromarray(mosaic).save(target, compress_level=1)


if __name__ == "__main__":
  main()
