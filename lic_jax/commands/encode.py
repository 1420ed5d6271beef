"""lic encode: one image to one `.lic` file."""

import dataclasses
import warnings
from pathlib import Path

from lic_jax.codec import storage
from lic_jax.codec.bundle import Bundle
from lic_jax.commands.job import Done, Report, naming
from lic_jax.data import reading


@dataclasses.dataclass(frozen=True)
class Encode:
  """A job with its settings; it travels to worker processes as it is.

  Attributes:
    bundle: the codec.
    quality: operating point; None for the codec's first.
    steps: of iterative encoding, and
    seconds: for it; None and None for none.
    seed: of iterative encoding.
    window: side of what it works on at once, pixels.
    background: colour behind transparency; None refuses transparent images.
    convert: accept what is not 8-bit RGB or grey.
  """

  bundle: Bundle
  quality: int | None = None
  steps: int | None = None
  seconds: float | None = None
  seed: int = 0
  window: int = 1024
  background: str | None = None
  convert: bool = False

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
        data, background=self.background, convert=self.convert
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
    # Imported here because it brings JAX, which other commands do without.
    if self.steps is None and self.seconds is None:
      from lic_jax.codec import encode

      return encode.encode(
        picture.pixels, self.bundle, quality=self.quality
      ).data
    from lic_jax.sga import encode

    return encode.encode(
      picture.pixels,
      self.bundle,
      quality=self.quality,
      steps=self.steps,
      seconds=self.seconds,
      seed=self.seed,
      core=self.window,
      report=report,
    ).data
