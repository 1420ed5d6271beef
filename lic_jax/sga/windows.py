"""A large image in overlapping windows, so that memory stays bounded.

The latents of a window's core are optimised while those around it, its margin,
are held; what they do together is judged over the whole window. Windows are
visited in turn and see what their neighbours became: block coordinate descent
on the objective of the image, exact where the margin is as wide as the decoder
reaches. All windows of an image have one size: one compilation serves them.
"""

import itertools
from collections.abc import Iterator
from typing import NamedTuple


class Span(NamedTuple):
  """One axis of a window, pixels.

  Attributes:
    start, stop: of the window.
    first, last: of its core, what is optimised; `last` is one past it.
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
