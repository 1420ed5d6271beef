"""lic encode: one image to one `.lic` file."""

import dataclasses
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lic_jax.codec import container, storage, target
from lic_jax.codec.bundle import STEPS_PER_QUALITY, Bundle
from lic_jax.commands.job import Done, Report, naming
from lic_jax.data import reading
from lic_jax.types import UInt8


@dataclasses.dataclass(frozen=True)
class Encode:
  """A job with its settings; it travels to worker processes as it is.

  Attributes:
    bundle: the codec.
    quality: of those that the codec has; None for the one in the middle.
    target_bpp: instead of a quality: the best whose file has at most so many
      bits per pixel.
    entropy_coder: one of `codec.coder.CODERS`.
    sweeps: of rate-distortion optimised quantisation; None for the usual
      number where the codec has what they need.
    steps: of stochastic Gumbel annealing, and
    seconds: for it; None and None for none.
    postfilter: whether one is fitted to each image; None fits it where the
      codec has what that needs.
    seed: of both searches.
    window: side of what they work on at once, pixels.
    background: colour behind transparency; None refuses transparent images.
    convert: accept what is not 8-bit RGB or grey.
    max_pixels: that an image may have.
  """

  bundle: Bundle
  quality: float | int | None = None
  target_bpp: float | None = None
  entropy_coder: str = "ans"
  sweeps: int | None = None
  steps: int | None = None
  seconds: float | None = None
  postfilter: bool | None = None
  seed: int = 0
  window: int = 1024
  background: str | None = None
  convert: bool = False
  max_pixels: int = container.MAX_PIXELS

  def __call__(
    self, source: Path, target: Path, report: Report | None = None
  ) -> Done:
    """Encodes one file.

    Raises:
      LicError: something is wrong with it; the line begins with its name.
    """
    with naming(source):
      data = source.read_bytes()
      picture = reading.read(
        data,
        background=self.background,
        convert=self.convert,
        max_pixels=min(self.max_pixels, container.MAX_PIXELS),
      )
      with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        coded = self._bytes(picture, report)
      storage.write_bytes(target, coded)
    height, width = picture.pixels.shape[:2]
    said = tuple(str(warning.message) for warning in caught)
    size = len(coded)
    return Done(len(data), size, size, width, height, picture.warnings + said)

  def _bytes(self, picture: reading.Picture, report: Report | None) -> bytes:
    """The `.lic` file."""
    encode = self._encoder(picture.pixels, report)
    if self.target_bpp is None:
      return encode(self.quality)
    height, width = picture.pixels.shape[:2]
    return target.within(
      lambda number: encode(number / STEPS_PER_QUALITY),
      self.bundle.qualities,
      most_bytes=self.target_bpp * height * width / 8,
    )

  def _encoder(
    self, pixels: UInt8[np.ndarray, "h w *c"], report: Report | None
  ) -> Callable[[float | int | None], bytes]:
    """Of one image: from a quality to the `.lic` file."""
    # Imported here because it brings JAX, which other commands do without.
    from lic_jax.codec import encode
    from lic_jax.sga.encode import encode as search

    # Kept for several qualities only: those of a large image are large, too.
    latents = None
    if self.target_bpp is not None:
      latents = encode.analyse(encode.as_rgb(pixels), self.bundle)

    def coded(quality: float | int | None) -> bytes:
      return search(
        pixels,
        self.bundle,
        quality=quality,
        sweeps=self.sweeps,
        steps=self.steps,
        seconds=self.seconds,
        postfilter=self.postfilter,
        seed=self.seed,
        core=self.window,
        report=report,
        entropy_coder=self.entropy_coder,
        latents=latents,
      ).data

    return coded
