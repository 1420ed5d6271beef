"""Image to bytes: analysis in JAX, everything the decoder repeats in NumPy.

  x --pad, analysis--> y --hyper_analysis--> z
  z --round around its offset--> symbols, section of z
  symbols --codec.decode.prior--> mean, scale table
  y --round around mean, its tables--> section of y

Under a context model the last two lines repeat for each pass of each slice. The
prior comes from the decoder's own functions, on the decoder's integers, so
what is coded is what will be decoded. `encode_latents` takes latents from
anywhere: those that were optimised for one image are coded like any others.
"""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from lic_jax import types
from lic_jax.codec import bundle as bundles
from lic_jax.codec import coder, coefficients, container
from lic_jax.codec import decode as decoding
from lic_jax.codec.bundle import Bundle
from lic_jax.codec.decoder import Decoder
from lic_jax.codec.tables import PRECISION
from lic_jax.entropy import checkerboard, factorized, gaussian
from lic_jax.entropy.fixed_point import slices
from lic_jax.models import build
from lic_jax.ops import synthesis
from lic_jax.ops.padding import pad_reflect
from lic_jax.ops.windows import windows
from lic_jax.types import Float, Int, Latents, UInt, UInt8

# Pixels, multiples of 64: the side of what is analysed at once, and a margin
# around it as wide as any analysis and hyper-analysis together reach.
CORE, MARGIN = 2048, 256
# Symbols are int32.
LARGEST = 2.0**31


@dataclasses.dataclass(frozen=True)
class Encoded:
  """One image, coded.

  Attributes:
    data: the `.lic` file.
    symbols: what the file holds, int32 y and z, (1, h, w, c).
    latents: y_hat and z_hat as they will be decoded.
    index: of each symbol's table, of y's under a hyperprior and of the channel
      without one, (1, h, w, c).
  """

  data: bytes
  symbols: Latents
  latents: Latents
  index: UInt[np.ndarray, "1 h w c"]


def encode(
  pixels: UInt8[np.ndarray, "h w *c"],
  bundle: Bundle,
  *,
  quality: float | int | None = None,
  entropy_coder: str = "ans",
  latents: Latents | None = None,
) -> Encoded:
  """Encodes an image of any size from 1x1 up.

  Args:
    pixels: 8 bits: RGB, (h, w, 3), or grey, (h, w).
    bundle: the codec.
    quality: of those that the codec has; None for the one in the middle.
    entropy_coder: one of `coder.CODERS`.
    latents: of `analyse`, where they are known: they are the same for every
      quality.

  Raises:
    LicError: the codec has no such quality, or cannot code this image.
  """
  rgb = as_rgb(pixels)
  height, width = rgb.shape[:2]
  return encode_latents(
    analyse(rgb, bundle) if latents is None else latents,
    bundle,
    height=height,
    width=width,
    quality=quality,
    grey=pixels.ndim == 2,
    entropy_coder=entropy_coder,
  )


def as_rgb(
  pixels: UInt8[np.ndarray, "h w *c"],
) -> UInt8[np.ndarray, "h w 3"]:
  """What is analysed: a grey image gets three equal channels.

  Raises:
    LicError: this is no image of 8-bit RGB or grey pixels.
  """
  shape, dtype = pixels.shape, pixels.dtype
  if len(shape) == 2:
    pixels = np.repeat(pixels[..., None], 3, axis=-1)
  if pixels.shape != (*shape[:2], 3) or dtype != np.uint8 or not pixels.size:
    raise types.LicError(
      f"the image is {shape} of {dtype}, not (h, w, 3) or (h, w) of uint8"
    )
  return pixels


def analyse(rgb: UInt8[np.ndarray, "h w 3"], bundle: Bundle) -> Latents:
  """Continuous latents of an image, (1, h, w, c), as NumPy arrays.

  The image is padded by reflection, at the bottom and the right, to a multiple
  of the codec's stride. A large one is analysed in windows, which bounds the
  memory. Compiled once for each size of image or window.
  """
  pixels = pad_reflect(rgb, bundle.decoder.stride)
  function = _analysis(bundle.folder, bundle.card["fingerprint"])
  height, width = pixels.shape[:2]
  whole: list[np.ndarray | None] = [None, None]
  for rows, columns in windows(height, width, core=CORE, margin=MARGIN):
    part = pixels[rows.window(1), columns.window(1)].astype(np.float32)
    x = part[None] / np.float32(255) - np.float32(0.5)
    for i, latent in enumerate(function(x)):
      if latent is None:
        continue
      stride = x.shape[1] // latent.shape[1]
      inside = rows.core_inside(stride), columns.core_inside(stride)
      if whole[i] is None:
        shape = height // stride, width // stride, latent.shape[3]
        whole[i] = np.empty((1, *shape), np.float32)
      target = whole[i][:, rows.core(stride), columns.core(stride)]
      target[...] = np.asarray(latent)[:, *inside]
  return Latents(*whole)


def encode_latents(
  latents: Latents,
  bundle: Bundle,
  *,
  height: int,
  width: int,
  quality: float | int | None = None,
  grey: bool = False,
  entropy_coder: str = "ans",
) -> Encoded:
  """Quantises and codes latents.

  Args:
    latents: continuous y and z of one padded image, (1, h, w, c).
    bundle: the codec they are meant for.
    height: of the image, pixels.
    width: of the image, pixels.
    quality: of those that the codec has; None for the one in the middle.
    grey: the decoder is to give back one channel.
    entropy_coder: one of `coder.CODERS`.

  Raises:
    LicError: no such quality, or latents that are not finite.
  """
  decoder = bundle.decoder
  number = bundle.number(quality)
  flags = (container.GREY if grey else 0) | (
    container.RANGE_CODER if entropy_coder == "range" else 0
  )
  header = container.Header(
    fingerprint=bundle.fingerprint,
    quality=number,
    width=width,
    height=height,
    symbols_crc=0,  # until there are symbols
    flags=flags,
  )
  offset, index = decoding.channel_prior(decoder, height, width)
  if decoder.scale_tables is None:
    y, y_hat = quantise(latents.y, offset)
    symbols, decoded = Latents(y=y), Latents(y=y_hat)
    outermost = latent = coder.encode_symbols(
      y, index, decoder.channel_tables, entropy_coder
    )
    hyper_latent = b""
    crc = container.symbols_crc(header, y)
  else:
    z, z_hat = quantise(latents.z, offset)
    outermost = hyper_latent = coder.encode_symbols(
      z, index, decoder.channel_tables, entropy_coder
    )
    if decoder.context is None:
      y, y_hat, index = _quantise_at(latents.y, decoder, z, number)
      passes = [(y, index)]
    else:
      y, y_hat, index, passes = _quantise_slices(latents.y, decoder.context, z)
    symbols, decoded = Latents(y=y, z=z), Latents(y=y_hat, z=z_hat)
    latent = coder.encode_passes(passes, decoder.scale_tables, entropy_coder)
    crc = container.symbols_crc(header, z, y)
  header = dataclasses.replace(header, symbols_crc=crc)
  decoding.check_length(decoder, header, outermost)
  data = container.pack(container.File(header, hyper_latent, latent))
  return Encoded(data, symbols, decoded, index)


def with_filter(
  encoded: Encoded, filtered_by: Int[np.ndarray, "3 3 f"]
) -> Encoded:
  """The same image, with a post-filter for who decodes it.

  Args:
    encoded: without one.
    filtered_by: coefficients of `ops.postfilter`.
  """
  file = container.unpack(encoded.data)
  section = coefficients.write(filtered_by)
  header = dataclasses.replace(
    file.header, flags=file.header.flags | container.POSTFILTER
  )
  symbols = [s for s in (encoded.symbols.z, encoded.symbols.y) if s is not None]
  crc = container.symbols_crc(header, *symbols, postfilter=section)
  header = dataclasses.replace(header, symbols_crc=crc)
  file = dataclasses.replace(file, header=header, postfilter=section)
  return dataclasses.replace(encoded, data=container.pack(file))


def estimated_bits(encoded: Encoded, bundle: Bundle) -> float:
  """Information content of the coded symbols under the trained model.

  It is computed as in training: densities instead of integer tables, the
  hyper-synthesis in floating point and the scale index as a real number, but
  with the format's floor: no symbol is less likely than 2^-24, and one that no
  table holds has the cost of its escape. The density alone would give those so
  many bits that they hide what the coder wastes elsewhere. A post-filter is not
  in it.
  """
  estimate = _estimate(bundle.folder, bundle.card["fingerprint"])
  latents = encoded.latents
  if latents.z is None:
    return float(estimate(latents.y))
  y, index, tables = (
    encoded.symbols.y,
    encoded.index,
    bundle.decoder.scale_tables,
  )
  outside = coder.is_outside(y, index, tables)
  escapes = coder.escape_bits(y[outside], index[outside], tables)
  log_gain = np.zeros(1)
  if bundle.decoder.gains is not None:
    number = container.unpack(encoded.data).header.quality
    log_gain = decoding.log_gains(bundle.decoder, number)
  return float(estimate(latents.z, y, outside, log_gain)) + escapes


def quantise(
  latent: Float[np.ndarray, "..."],
  offset: Float[np.ndarray, "1 h w c"],
  step: Float[np.ndarray, "#c"] | None = None,
) -> tuple[Int[np.ndarray, "1 h w c"], Float[np.ndarray, "1 h w c"]]:
  """Nearest symbols around an offset, and the latent they stand for."""
  step = np.ones(1, np.float32) if step is None else step
  if latent.shape != offset.shape:
    raise types.LicError(
      f"the latent is {latent.shape}, the codec expects {offset.shape}"
    )
  symbols = np.empty(latent.shape, np.int32)
  decoded = np.empty(latent.shape, np.float32)
  # By rows, for the memory that a large image would take.
  for row in range(latent.shape[1]):
    symbols[:, row] = _rounded((latent[:, row] - offset[:, row]) / step)
    decoded[:, row] = decoding.dequantise(symbols[:, row], offset[:, row], step)
  return symbols, decoded


def _quantise_at(
  latent: Float[np.ndarray, "1 h4 w4 c2"],
  decoder: Decoder,
  z: Int[np.ndarray, "1 h w c"],
  number: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Symbols, y_hat, and numbers of tables, at a quality by its number.

  The mean, as large as the latent, is gone before the coder begins.
  """
  mean, index = decoding.prior(decoder, z)
  step, index = decoding.at_quality(decoder, number, index)
  return *quantise(latent, mean, step), index


def _quantise_slices(
  latent: Float[np.ndarray, "1 h4 w4 c2"],
  network: slices.Network,
  z: Int[np.ndarray, "1 h w c"],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list]:
  """Symbols, y_hat, and numbers of tables, in place and as they are coded."""
  index = np.zeros(latent.shape, np.uint8)
  passes = []

  def read(
    channels: slice,
    which: checkerboard.Pass,
    mean: Float[np.ndarray, "h w2 c"],
    table: UInt8[np.ndarray, "h w2 c"],
  ) -> Int[np.ndarray, "h w2 c"]:
    y = checkerboard.pack(latent[..., channels], which)
    if y.shape[1:] != mean.shape:
      raise types.LicError(
        f"the latent is {latent.shape}, the codec expects another shape"
      )
    symbols = _rounded(y[0] - mean)
    index[..., channels] += checkerboard.unpack(table[None], which)
    passes.append((symbols, table))
    return symbols

  y, y_hat = decoding.decode_slices(network, z, read)
  return y, y_hat, index, passes


def _rounded(x: Float[np.ndarray, "*b"]) -> Int[np.ndarray, "*b"]:
  """The nearest integers, int32.

  Raises:
    LicError: there are none.
  """
  rounded = np.rint(x)
  # A float32 below 2^31 is at most 2^31 - 128; NaN fails every comparison.
  if not np.all(np.abs(rounded) < LARGEST):
    raise types.LicError("the latent is not finite, or beyond 32 bits")
  return rounded.astype(np.int32)


@functools.lru_cache(maxsize=4)
def _encoder(folder: Path, fingerprint: str) -> tuple[nn.Module, dict]:
  """Model and parameters; the fingerprint keeps a replaced bundle apart."""
  bundle = bundles.read_again(folder, fingerprint)
  # Encoding is for keeps: products in float32, whatever training used.
  model = build.build({**bundle.card["model"], "dtype": "float32"})
  return model, bundles.read_encoder(bundle)


@functools.lru_cache(maxsize=4)
def _analysis(folder: Path, fingerprint: str) -> Callable:
  """Compiled x -> (y, z); z is None without a hyperprior."""
  model, params = _encoder(folder, fingerprint)

  @jax.jit
  def analyse(params: dict, x: jax.Array) -> tuple:
    latents = model.apply({"params": params}, x, method="analyse")
    return latents.y, latents.z

  return functools.partial(analyse, params)


@functools.lru_cache(maxsize=4)
def _estimate(folder: Path, fingerprint: str) -> Callable:
  """Compiled y_hat -> bits, or z_hat, symbols, escapes, log gain -> bits."""
  model, params = _encoder(folder, fingerprint)
  decoder = bundles.read(folder).decoder

  @jax.jit
  def factorized_bits(params: dict, y_hat: jax.Array) -> jax.Array:
    return jnp.sum(factorized.bits(params["prior"], y_hat))

  @jax.jit
  def hyperprior_bits(
    params: dict,
    z_hat: jax.Array,
    y: jax.Array,
    outside: jax.Array,
    log_gain: jax.Array,
  ) -> jax.Array:
    y = y.astype(jnp.float32)
    if decoder.context is None:
      arguments = dict(decoder.functions["hyper_synthesis"])
      function = getattr(synthesis, arguments.pop("function"))
      parameters = function(params["hyper_synthesis"], z_hat, **arguments)
      s = jnp.split(parameters, 2, axis=-1)[1]
      index = gaussian.shifted(gaussian.index_of(s), log_gain)
      y_bits = gaussian.bits(y, index)
    else:
      scale = model.apply({"params": params}, z_hat, y, method="scales")
      y_bits = gaussian.bits_of_scale(y, scale)
    y_bits = jnp.where(outside, 0, jnp.minimum(y_bits, PRECISION))
    return jnp.sum(factorized.bits(params["prior"], z_hat)) + jnp.sum(y_bits)

  if decoder.scale_tables is None:
    return functools.partial(factorized_bits, params)
  return functools.partial(hyperprior_bits, params)
