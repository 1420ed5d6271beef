"""lic info and lic models: what a file says of itself; what is installed."""

from pathlib import Path

from lic_jax.codec import bundle as bundles
from lic_jax.codec import container
from lic_jax.commands.job import naming
from lic_jax.types import LicError


def print_file(path: Path | str) -> None:
  """lic info: the header, and the codec's name where it is installed."""
  path = Path(path)
  with naming(path):
    file = container.read(path)
  header = file.header
  try:
    codec = bundles.find_fingerprint(header.fingerprint).folder.name
  except LicError:
    codec = "not installed"
  sections = sum(map(len, (file.hyper_latent, file.latent, file.postfilter)))
  rows = {
    "version": container.VERSION,
    "codec": f"{header.fingerprint.hex()} ({codec})",
    "quality": f"{header.quality / bundles.STEPS_PER_QUALITY:g}",
    "width": header.width,
    "height": header.height,
    "colour": "grey" if header.is_grey else "RGB",
    "entropy coder": header.coder,
    "flags": f"{header.flags:#04x}",
    "bytes": file.size,
    "header bytes": file.size - sections,
    "hyper-latent bytes": len(file.hyper_latent),
    "latent bytes": len(file.latent),
    "filter bytes": len(file.postfilter),
    "bpp": f"{file.size * 8 / (header.height * header.width):.4f}",
    "symbols crc": f"{header.symbols_crc:08x}",
  }
  for key, value in rows.items():
    print(f"{key:<20}{value}")


def print_models() -> None:
  """lic models: one line per installed codec."""
  installed = list(bundles.installed())
  if not installed:
    print("no codec is installed; LIC_CODECS may name folders of codecs")
  for folder in installed:
    card = bundles.read_card(folder)
    ends = card["qualities"][0], card["qualities"][-1]
    first, last = (f"{number / bundles.STEPS_PER_QUALITY:g}" for number in ends)
    qualities = first if first == last else f"{first} to {last}"
    print(
      f"{folder.name:<32}{card['fingerprint'][:16]}  "
      f"quality {qualities}  lambda {card.get('lambda', '?')}  {folder}"
    )
