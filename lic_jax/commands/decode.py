"""lic decode: one `.lic` file to one image."""

import dataclasses
from pathlib import Path

from lic_jax.codec import bundle as bundles
from lic_jax.codec import container, decode, storage
from lic_jax.codec.bundle import Bundle
from lic_jax.commands.job import Done, Report, naming
from lic_jax.data import writing


@dataclasses.dataclass(frozen=True)
class Decode:
  """A job with its settings; it travels to worker processes as it is.

  Attributes:
    bundle: the codec; None to find the one that each file names.
    max_pixels: that an image may have.
    found: those that were found, by fingerprint.
  """

  bundle: Bundle | None = None
  max_pixels: int = container.MAX_PIXELS
  found: dict[bytes, Bundle] = dataclasses.field(default_factory=dict)

  def __call__(
    self, source: Path, target: Path, report: Report | None = None
  ) -> Done:
    """Decodes one file, to a name that `writing.check` has passed.

    Raises:
      LicError: something is wrong with it; the line begins with its name.
    """
    del report  # It is over too soon.
    with naming(source):
      file = container.read(source, max_pixels=self.max_pixels)
      header = file.header
      pixels = decode.decode_file(file, self._bundle(header.fingerprint))
      with storage.replacing(target) as temporary:
        writing.write(temporary, pixels)
        written = temporary.stat().st_size
    size = file.size
    return Done(size, written, size, header.width, header.height)

  def _bundle(self, fingerprint: bytes) -> Bundle:
    if self.bundle is not None:
      return self.bundle
    if fingerprint not in self.found:
      self.found[fingerprint] = bundles.find_fingerprint(fingerprint)
    return self.found[fingerprint]
