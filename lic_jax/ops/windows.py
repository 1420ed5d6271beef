"""A large image in overlapping windows, so that memory stays bounded.

Each has a core, and around it a margin as wide as what is computed reaches: the
core's result is then that of the whole image. Cores partition the image. All
windows of an image have one size: one compilation serves them.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from lic_jax.types import Shaped


class Span(NamedTuple):
  """One axis of a window, pixels.

  Attributes:
    start, stop: of the window.
    first, last: of its core; `last` is one past it.
  """

  start: int
  stop: int
  first: int
  last: int

  def window(self, stride: int) -> slice:
    """The window among samples `stride` pixels apart."""
    return slice(self.start // stride, self.stop // stride)

  def core(self, stride: int) -> slice:
    """The core among the samples of the whole image."""
    return slice(self.first // stride, self.last // stride)

  def core_inside(self, stride: int) -> slice:
    """The core among the samples of the window."""
    return slice(
      (self.first - self.start) // stride, (self.last - self.start) // stride
    )


def windows(
  height: int, width: int, *, core: int, margin: int
) -> Iterator[tuple[Span, Span]]:
  """Rows and columns of windows whose cores partition an image.

  Args:
    height, width: of the padded image, pixels.
    core: side of a core; like all sizes here a multiple of the codec's stride.
    margin: width of the margin.
  """
  yield from itertools.product(
    spans(height, core, margin), spans(width, core, margin)
  )


def spans(size: int, core: int, margin: int) -> list[Span]:
  """The windows along one axis; a single one where all of it fits."""
  length = core + 2 * margin
  if size <= length:
    return [Span(0, size, 0, size)]
  return [
    Span(start, start + length, first, min(first + core, size))
    for first in range(0, size, core)
    for start in [min(max(first - margin, 0), size - length)]
  ]


def upsample(
  function: Callable[..., tuple[np.ndarray, ...]],
  x: Shaped[np.ndarray, "b h w c"],
  *,
  scale: int,
  reach: int,
  core: tuple[int, int],
) -> tuple[np.ndarray, ...]:
  """function(x), by windows.

  Args:
    function: to a tuple of arrays, (b, scale * h, scale * w, ...).
    x: its input.
    scale: output samples per input sample.
    reach: input samples on each side of an output sample that it depends on.
    core: height and width of a core in output samples, multiples of `scale`.
  """
  b, height, width = x.shape[0], scale * x.shape[1], scale * x.shape[2]
  rows, columns = core
  margin = scale * reach
  places = list(
    itertools.product(
      spans(height, rows, margin), spans(width, columns, margin)
    )
  )
  if len(places) == 1:
    return function(x)
  whole = None
  for rows, columns in places:
    parts = function(x[:, rows.window(scale), columns.window(scale)])
    if whole is None:
      whole = tuple(
        np.empty((b, height, width, *part.shape[3:]), part.dtype)
        for part in parts
      )
    for out, part in zip(whole, parts):
      inside = part[:, rows.core_inside(1), columns.core_inside(1)]
      out[:, rows.core(1), columns.core(1)] = inside
  return whole
