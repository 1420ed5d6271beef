"""Photographs that stay on the device: decoded once, cropped in the step.

A GPU trains faster than a few CPU cores decode. So all photographs are laid
end to end in one flat uint8 array, and `crop` gathers patches from it inside
the jitted step, given one random key per example. Unlike `batches.py`, which
goes through the images epoch by epoch, each example draws its image anew.
"""

import collections
import concurrent.futures
import os
from collections.abc import Callable, Iterator

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from lic_jax.data.patches import centre_patch, shrink
from lic_jax.data.sources import Source
from lic_jax.types import Array, LicError

# Gathers count in int32, as JAX does by default.
_MAX_BYTES = 2**31 - 1


@flax.struct.dataclass
class ResidentPhotographs:
  """Photographs of many sizes in one array; a pytree.

  Attributes:
    pixels: uint8 (n,), the images end to end, each in (h, w, 3) order.
    offset: int32 (m,), where each image begins.
    height: int32 (m,).
    width: int32 (m,).
  """

  pixels: Array
  offset: Array
  height: Array
  width: Array


def load_resident(
  source: Source,
  *,
  min_size: int,
  downscale: tuple[float, float] | None = None,
  seed: int = 0,
  log: Callable[[str], None] = print,
) -> ResidentPhotographs:
  """Decodes a whole source into memory.

  Args:
    source: photographs; takes about three bytes of memory per pixel.
    min_size: images shorter on one side are skipped; the patch size to be.
    downscale: (low, high) of a random factor, drawn once per image, or None.
    seed: of the downscale factors.
    log: receives one line with what was loaded and what skipped.

  Returns:
    NumPy arrays in the source's order, to be put on the device by the caller.

  Raises:
    LicError: nothing is usable, or there is too much to index with int32.
  """
  chunks: list[np.ndarray | None] = []
  unreadable = small = total = 0
  for index, rgb in enumerate(_decoded(source)):
    if rgb is None:
      unreadable += 1
      continue
    if min(rgb.shape[:2]) < min_size:
      small += 1
      continue
    if downscale is not None:
      rng = np.random.default_rng((seed, index))
      rgb = shrink(rgb, rng, size=min_size, downscale=downscale)
    total += rgb.size
    if total > _MAX_BYTES:
      raise LicError(
        "data: more than 2 GiB of pixels do not fit the resident loader;"
        " take fewer images, downscale them, or use the grain loader"
      )
    chunks.append(rgb)
  log(
    f"resident: {len(chunks)} photographs, {total / 2**20:.0f} MiB;"
    f" {unreadable + small} skipped: {unreadable} unreadable,"
    f" {small} smaller than {min_size}"
  )
  if not chunks:
    raise LicError(
      f"data: none of {len(source)} images can be read and has {min_size}"
      " pixels on both sides"
    )
  return _concatenate(chunks, total)


def crop(photos: ResidentPhotographs, keys: Array, *, size: int) -> Array:
  """Cuts one patch per key: any image equally likely, at a uniform place.

  Pure; to be traced inside the training step. A row depends on its own key
  alone, so examples may be split over devices in any way.

  Args:
    photos: no image shorter than `size` on one side.
    keys: n JAX random keys, (n,) typed or (n, 2) raw.
    size: side of the patches in pixels, static.

  Returns:
    uint8 array, (n, size, size, 3).
  """
  starts, strides = jax.vmap(lambda key: _place(photos, key, size))(keys)
  row = jnp.arange(size, dtype=jnp.int32)[None, :]
  rows = starts[:, None] + row * strides[:, None]
  patches = _gather(photos.pixels, rows.reshape(-1), 3 * size)
  return patches.reshape(-1, size, size, 3)


def validation_patches(source: Source, *, count: int, size: int) -> np.ndarray:
  """Cuts the centre of the first usable photographs, always the same.

  Args:
    source: held-out photographs.
    count: how many patches at most.
    size: side in pixels; smaller images are passed over.

  Returns:
    uint8 array, (n, size, size, 3) with 1 <= n <= count.

  Raises:
    LicError: no image is usable.
  """
  patches: list[np.ndarray] = []
  for index in range(len(source)):
    if len(patches) == count:
      break
    rgb = source[index]
    patch = None if rgb is None else centre_patch(rgb, size=size)
    if patch is not None:
      patches.append(patch)
  if not patches:
    raise LicError(
      f"validation: none of {len(source)} images can be read and has {size}"
      " pixels on both sides"
    )
  return np.stack(patches)


def _place(
  photos: ResidentPhotographs, key: Array, size: int
) -> tuple[Array, Array]:
  """Draws an image and a corner: (first byte, bytes per row), int32."""
  image_key, top_key, left_key = jax.random.split(key, 3)
  image = jax.random.randint(image_key, (), 0, photos.offset.shape[0])
  height, width = photos.height[image], photos.width[image]
  top = jax.random.randint(top_key, (), 0, height - size + 1)
  left = jax.random.randint(left_key, (), 0, width - size + 1)
  return photos.offset[image] + 3 * (top * width + left), 3 * width


def _gather(pixels: Array, starts: Array, length: int) -> Array:
  """Takes runs of `length` bytes beginning at `starts`, (n, length)."""

  def take(start: Array) -> Array:
    return jax.lax.dynamic_slice(pixels, (start,), (length,))

  return jax.vmap(take)(starts)


def _decoded(source: Source) -> Iterator[np.ndarray | None]:
  """Yields all images in order, read ahead by as many threads as cores."""
  threads = os.cpu_count() or 1
  with concurrent.futures.ThreadPoolExecutor(threads) as pool:
    pending: collections.deque[concurrent.futures.Future] = collections.deque()
    for index in range(len(source)):
      pending.append(pool.submit(source.__getitem__, index))
      if len(pending) > 2 * threads:
        yield pending.popleft().result()
    while pending:
      yield pending.popleft().result()


def _concatenate(
  chunks: list[np.ndarray | None], total: int
) -> ResidentPhotographs:
  """Lays images end to end, freeing each as it goes to halve the peak."""
  height = np.array([chunk.shape[0] for chunk in chunks], np.int32)
  width = np.array([chunk.shape[1] for chunk in chunks], np.int32)
  sizes = [chunk.size for chunk in chunks]
  offset = np.cumsum([0, *sizes[:-1]], dtype=np.int64).astype(np.int32)
  pixels = np.empty(total, np.uint8)
  for index, start in enumerate(offset):
    pixels[start : start + sizes[index]] = chunks[index].reshape(-1)
    chunks[index] = None
  return ResidentPhotographs(pixels, offset, height, width)
