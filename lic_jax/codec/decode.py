"""Bytes to image, on NumPy and the entropy coder alone.

  section of z --channel tables--> symbols --hyper_synthesis--> mean, table
  section of y --its tables--> symbols + mean = y_hat
  y_hat --synthesis--> x_hat, cropped and rounded to 8 bits
               `-restoration, post-filter-^  if codec and file have them

The hyper-synthesis is computed in integers (`entropy.integer`), so what picks a
table is the same on every machine. A context model takes its place in fixed
point (`entropy.fixed_point`), and reads y slice by slice. Without a hyperprior
y takes the place of z, with a table per channel. The encoder gets its prior
from the functions of this file; there is no second copy. Nothing here reaches
JAX.

Synthesis and hyper-synthesis run in windows with margins as wide as they reach,
so that memory is bounded. How high those are changes no bit of the result. A
context model sees the whole image.
"""

import functools

import numpy as np

from lic_jax import types
from lic_jax.codec import coder, coefficients, container
from lic_jax.codec.bundle import STEPS_PER_QUALITY, Bundle
from lic_jax.codec.decoder import Decoder
from lic_jax.codec.painter import Painter
from lic_jax.entropy import integer
from lic_jax.entropy.fixed_point import slices
from lic_jax.ops import gain, postfilter, synthesis, windows
from lic_jax.ops.scales import LOG_STEP, SCALE_COUNT
from lic_jax.types import Float, Int, Latents, UInt, UInt8

# Height and width of a window's core, pixels: some hundred MiB for a shallow
# synthesis. The width decides how rows are cut, hence the last bits of x_hat.
CORE_HEIGHT, CORE_WIDTH = 2048, 2048


def decode(data: bytes, bundle: Bundle) -> UInt8[np.ndarray, "h w *c"]:
  """Decodes a whole `.lic` file.

  Args:
    data: the file.
    bundle: the codec that made it.

  Returns:
    The image, 8 bits: RGB, (h, w, 3), or grey, (h, w).

  Raises:
    LicError: the file is damaged, or another codec made it.
  """
  return decode_file(container.unpack(data), bundle)


def decode_file(
  file: container.File, bundle: Bundle
) -> UInt8[np.ndarray, "h w *c"]:
  """`decode`, of a file that was taken apart."""
  header = file.header
  y_hat = decode_latents(file, bundle).y
  read = coefficients.read(file.postfilter) if header.has_filter else None
  return reconstruct(
    bundle.decoder,
    y_hat,
    header.height,
    header.width,
    quality=header.quality / STEPS_PER_QUALITY,
    grey=header.is_grey,
    filtered_by=read,
  )


def decode_latents(file: container.File, bundle: Bundle) -> Latents:
  """Decodes the latents of a file, (1, h, w, c), and checks their CRC.

  Raises:
    LicError: the symbols are damaged, or another codec made the file.
  """
  header, decoder = file.header, bundle.decoder
  if header.fingerprint != bundle.fingerprint:
    raise types.LicError(
      f"the file was made by the codec {header.fingerprint.hex()}, "
      f"this one is {bundle.fingerprint.hex()}"
    )
  if header.quality not in bundle.qualities:
    quality = header.quality / STEPS_PER_QUALITY
    raise types.LicError(f"the codec has no quality {quality:g}")
  offset, index = channel_prior(decoder, header.height, header.width)
  if decoder.scale_tables is None:
    check_length(decoder, header, file.latent)
    tables = decoder.channel_tables
    y = coder.decode_symbols(file.latent, index, tables, header.coder)
    _check_symbols(file, y)
    return Latents(y=dequantise(y, offset))
  check_length(decoder, header, file.hyper_latent)
  z = coder.decode_symbols(
    file.hyper_latent, index, decoder.channel_tables, header.coder
  )
  reader = coder.Reader(file.latent, decoder.scale_tables, header.coder)
  if decoder.context is None:
    mean, index = prior(decoder, z)
    step, index = at_quality(decoder, header.quality, index)
    y = reader.read(index)
    y_hat = dequantise(y, mean, step)
  else:
    y, y_hat = decode_slices(
      decoder.context,
      z,
      lambda channels, which, mean, index: reader.read(index),
    )
  reader.close()
  _check_symbols(file, z, y)
  return Latents(y=y_hat, z=dequantise(z, offset))


def check_length(
  decoder: Decoder, header: container.Header, section: bytes
) -> None:
  """Refuses a section of the outermost latent that is far too short.

  So a small file cannot claim a large image, and with it memory and time. No
  section has fewer bits than the likeliest symbols carry, but for what the last
  ones that an entropy coder reads may cost less: half is allowed.

  Raises:
    LicError: it is.
  """
  places = 1
  for size in (header.height, header.width):
    places *= -(-size // decoder.stride)
  if 8 * len(section) < 0.5 * places * coder.least_bits(decoder.channel_tables):
    raise types.LicError(
      f"{len(section)} bytes of symbols are too few for an image of "
      f"{header.width}x{header.height} pixels"
    )


def channel_prior(
  decoder: Decoder, height: int, width: int
) -> tuple[Float[np.ndarray, "1 h w c"], UInt[np.ndarray, "1 h w c"]]:
  """Offset and table index of the outermost latent of an image.

  Args:
    decoder: the codec's.
    height: of the image, pixels.
    width: of the image, pixels.

  Returns:
    The offset to quantise around, and the table index: a channel's own number.
  """
  channels = decoder.channel_tables.count
  rows, columns = -(-height // decoder.stride), -(-width // decoder.stride)
  shape = (1, rows, columns, channels)
  # Eight bits where they hold the index: the sort by table is faster.
  small = np.uint8 if channels <= 256 else np.uint16
  index = np.broadcast_to(np.arange(channels, dtype=small), shape)
  return np.broadcast_to(decoder.channel_offsets, shape), index


def prior(
  decoder: Decoder, z: Int[np.ndarray, "1 h w c"]
) -> tuple[Float[np.ndarray, "1 h4 w4 c2"], UInt8[np.ndarray, "1 h4 w4 c2"]]:
  """Mean and scale-table index of the latent, from the symbols of z.

  For encoder and decoder alike; exact, so equal on every machine.
  """
  network = decoder.hyper_synthesis
  function = decoder.functions["hyper_synthesis"]
  scale, reach = synthesis.geometry(function, integer.to_arrays(network))
  return windows.upsample(
    functools.partial(integer.forward, network),
    z,
    scale=scale,
    reach=reach,
    core=_core(scale, pixels=decoder.stride // scale),
  )


def at_quality(
  decoder: Decoder, number: int, index: UInt8[np.ndarray, "1 h w c"]
) -> tuple[Float[np.ndarray, "#c"], UInt8[np.ndarray, "1 h w c"]]:
  """Quantiser steps of a quality, and tables of what is coded in them.

  A gain g makes scales g times as large: so many tables further on.

  Args:
    decoder: the codec's.
    number: of the quality, in a file's header.
    index: tables of the latent itself.

  Returns:
    1 / g of each channel, and the tables, within those that there are.
  """
  if decoder.gains is None:
    return np.ones(1, np.float32), index
  logs = log_gains(decoder, number)
  last = decoder.scale_tables.count - 1
  tables = np.rint(logs * (last / (SCALE_COUNT - 1) / LOG_STEP))
  tables = tables.astype(np.int16)
  moved = np.empty_like(index)
  # By rows, for the memory that a large image would take.
  for row in range(index.shape[1]):
    moved[:, row] = np.clip(index[:, row] + tables, 0, last)
  return np.exp(-logs).astype(np.float32), moved


def log_gains(decoder: Decoder, number: int) -> Float[np.ndarray, "c"]:
  """Logarithms of the gains of a quality, float64."""
  quality = np.array([number / STEPS_PER_QUALITY])
  return gain.log_gain(decoder.gains.astype(np.float64), quality)[0]


def decode_slices(
  network: slices.Network, z: Int[np.ndarray, "1 h w c"], read: slices.Read
) -> tuple[Int[np.ndarray, "1 h4 w4 c2"], Float[np.ndarray, "1 h4 w4 c2"]]:
  """Symbols of the latent, as `read` gives them pass by pass, and y_hat.

  For encoder and decoder alike; exact, so equal on every machine.
  """
  symbols, y_hat = slices.decode(network, z[0], read)
  return symbols[None], y_hat[None]


def dequantise(
  symbols: Int[np.ndarray, "*b"],
  offset: Float[np.ndarray, "*b"],
  step: Float[np.ndarray, "#c"] | None = None,
) -> Float[np.ndarray, "*b"]:
  """The float32 latent that symbols around an offset stand for."""
  y_hat = symbols.astype(np.float32)
  if step is not None:
    y_hat *= step
  y_hat += offset
  return y_hat


def reconstruct(
  decoder: Decoder,
  y_hat: Float[np.ndarray, "1 h w c"],
  height: int,
  width: int,
  *,
  quality: float | int,
  grey: bool = False,
  filtered_by: Int[np.ndarray, "3 3 f"] | None = None,
) -> UInt8[np.ndarray, "height width *c"]:
  """The 8-bit image of a decoded latent: (h, w, 3), or (h, w) if grey.

  Args:
    decoder: the codec's.
    y_hat: the latent.
    height, width: of the image, pixels.
    quality: that it was encoded at.
    grey: whether the image has one channel.
    filtered_by: coefficients of `ops.postfilter`; None for no filter.

  Raises:
    LicError: the codec's synthesis is not known here, or it has no restoration,
      which a filter needs.
  """
  painter = Painter.of(decoder, quality)
  if filtered_by is not None and painter.level is None:
    raise types.LicError(
      "the file has a filter, which this codec has no use for"
    )

  def paint(y_hat: Float[np.ndarray, "1 h w c"]) -> tuple[np.ndarray]:
    with np.errstate(over="ignore", invalid="ignore"):
      x_hat, added = painter(y_hat)
      if filtered_by is not None:
        x_hat = postfilter.apply(filtered_by, x_hat, added, painter.level)
    # Of all greys the mean of the channels is the nearest to them in MSE.
    return (pixels(x_hat.mean(axis=-1) if grey else x_hat),)

  (image,) = windows.upsample(
    paint,
    y_hat,
    scale=painter.scale,
    reach=painter.reach,
    core=_core(painter.scale, pixels=1),
  )
  return image[0, :height, :width]


def pixels(x: Float[np.ndarray, "*b"]) -> UInt8[np.ndarray, "*b"]:
  """[-0.5, 0.5] to 8 bits: (x + 0.5) * 255, half to even, saturated."""
  levels = (x + np.float32(0.5)) * np.float32(255)
  np.rint(levels, out=levels)
  np.fmax(levels, 0, out=levels)  # 0 for NaN as well
  return np.minimum(levels, 255, out=levels).astype(np.uint8)


def _core(scale: int, *, pixels: int) -> tuple[int, int]:
  """A core in a network's output samples, each of so many pixels a side."""
  unit = scale * pixels
  return (
    max(1, CORE_HEIGHT // unit) * scale,
    max(1, CORE_WIDTH // unit) * scale,
  )


def _check_symbols(file: container.File, *symbols: np.ndarray) -> None:
  header = file.header
  crc = container.symbols_crc(header, *symbols, postfilter=file.postfilter)
  if crc != header.symbols_crc:
    raise types.LicError(
      "decoded symbols do not match the file's checksum; "
      "the file is damaged or this machine computes differently"
    )
