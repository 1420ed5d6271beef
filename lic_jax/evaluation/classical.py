"""Classical codecs beside ours: JPEG, WebP, JPEG 2000 and AVIF of Pillow.

Real files in memory, decoded again; bytes include every header, as they do
for our own files. Settings, the same for every image:

  jpeg      libjpeg, optimised Huffman tables, 4:2:0 as Pillow defaults to
            (and as most JPEG files are); `nearest_jpeg` also tries 4:4:4.
  webp      lossy, slowest method (6).
  jpeg2000  OpenJPEG, 9/7 wavelet with YCC transform; quality is the PSNR in
            dB that the encoder aims at.
  avif      4:4:4, speed 6 (Pillow's default).
"""

import dataclasses
import functools
import io
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, features

from lic_jax.types import LicError, Shaped

# Checked to be 8-bit RGB where a file is made.
Pixels = Shaped[np.ndarray, "h w c"]

_SUBSAMPLINGS = ("4:2:0", "4:4:4")  # of nearest_jpeg
# Codec -> (Pillow's format, its feature name, options at a quality).
_CODECS: dict[str, tuple[str, str, Callable[[float | int], dict]]] = {
  "jpeg": (
    "JPEG",
    "jpg",
    lambda quality: {"quality": int(quality), "optimize": True},
  ),
  "webp": (
    "WEBP",
    "webp",
    lambda quality: {"quality": int(quality), "method": 6},
  ),
  "jpeg2000": (
    "JPEG2000",
    "jpg_2000",
    lambda quality: {
      "quality_mode": "dB",
      "quality_layers": [float(quality)],
      "irreversible": True,
      "mct": 1,
      "no_jp2": True,
    },
  ),
  "avif": (
    "AVIF",
    "avif",
    lambda quality: {
      "quality": int(quality),
      "speed": 6,
      "subsampling": "4:4:4",
    },
  ),
}
CODECS = tuple(_CODECS)
# The qualities among which `nearest` looks, rising.
_SCALES: dict[str, Sequence[float | int]] = {
  "jpeg": range(1, 96),  # Pillow's sensible range
  "webp": range(101),
  "jpeg2000": [tenths / 10 for tenths in range(150, 601)],
  "avif": range(101),
}


@dataclasses.dataclass(frozen=True)
class ClassicalPoint:
  """One image through one codec at one quality.

  Attributes:
    codec: one of `CODECS`.
    quality: on the codec's own scale.
    image: index of the image in the list given.
    bytes: length of the file.
    bpp: 8 * bytes / pixels.
    psnr: dB on 8-bit RGB; +inf for a lossless result.
  """

  codec: str
  quality: float | int
  image: int
  bytes: int
  bpp: float
  psnr: float


@dataclasses.dataclass(frozen=True)
class Nearest:
  """The file of a codec whose size comes nearest to a target.

  Attributes:
    data: the file.
    quality: on the codec's own scale.
  """

  data: bytes
  quality: float | int


@dataclasses.dataclass(frozen=True)
class NearestJpeg:
  """The JPEG file whose size comes nearest to a target.

  Attributes:
    data: the file.
    quality: 1 to 95.
    subsampling: of the chroma, "4:2:0" or "4:4:4".
    psnr: dB on 8-bit RGB.
  """

  data: bytes
  quality: int
  subsampling: str
  psnr: float


def available() -> tuple[str, ...]:
  """The codecs that this build of Pillow can write."""
  return tuple(
    name for name, (_, feature, _) in _CODECS.items() if features.check(feature)
  )


def encode(rgb: Pixels, codec: str, quality: float | int) -> bytes:
  """One file.

  Args:
    rgb: (h, w, 3) uint8.
    codec: "jpeg", "webp", "jpeg2000" or "avif".
    quality: 1 to 95 for jpeg, 0 to 100 for webp and avif, dB for jpeg2000.

  Raises:
    LicError: a codec that is unknown or that this Pillow lacks, an array that
      is no 8-bit RGB image, or an image the codec refuses.
  """
  if codec not in _CODECS:
    raise LicError(f"codec {codec!r} is none of {', '.join(CODECS)}")
  file_format, feature, options = _CODECS[codec]
  if not features.check(feature):
    raise LicError(f"this build of Pillow cannot write {codec}")
  return _save(rgb, file_format, options(quality))


def decode(data: bytes) -> Pixels:
  """The image of a file that `encode` made, (h, w, 3) uint8."""
  with Image.open(io.BytesIO(data)) as image:
    return np.asarray(image.convert("RGB"))


def psnr(rgb: Pixels, decoded: Pixels) -> float:
  """PSNR in dB of one image, peak 255; in NumPy, +inf for equal images."""
  difference = rgb.astype(np.float64) - decoded
  with np.errstate(divide="ignore"):
    return float(10 * np.log10(255.0**2 / np.mean(np.square(difference))))


def points(
  images: Sequence[np.ndarray], codec: str, qualities: Sequence[float | int]
) -> tuple[ClassicalPoint, ...]:
  """Every image at every quality: size and PSNR.

  Args:
    images: (h, w, 3) uint8 each, of any sizes.
    codec: as in `encode`.
    qualities: on the codec's own scale.

  Raises:
    LicError: as `encode`.
  """
  return tuple(
    _point(rgb, index, codec, quality)
    for quality in qualities
    for index, rgb in enumerate(images)
  )


def nearest(rgb: Pixels, codec: str, target_bytes: int) -> Nearest:
  """The file nearest in size to `target_bytes`, with the settings above.

  Args:
    rgb: (h, w, 3) uint8.
    codec: as in `encode`.
    target_bytes: size to come near to; where no quality reaches it, the
      smallest or the largest file is returned.

  Raises:
    LicError: as `encode`.
  """
  if codec not in _CODECS:
    raise LicError(f"codec {codec!r} is none of {', '.join(CODECS)}")
  return _bisect(
    lambda quality: encode(rgb, codec, quality), _SCALES[codec], target_bytes
  )


def nearest_jpeg(rgb: Pixels, target_bytes: int) -> NearestJpeg:
  """The JPEG nearest in size to `target_bytes`.

  Bisects the quality, once with 4:2:0 and once with 4:4:4 chroma. Where both
  come about as near (misses within a factor of two and 1 % of the target),
  the better PSNR wins, so that JPEG is shown at its best at that size.

  Args:
    rgb: (h, w, 3) uint8.
    target_bytes: size to come near to; where no quality reaches it, the
      smallest or the largest file is returned.

  Raises:
    LicError: not an 8-bit RGB image.
  """
  candidates = [
    _nearest_jpeg(rgb, target_bytes, subsampling)
    for subsampling in _SUBSAMPLINGS
  ]
  misses = [abs(len(c.data) - target_bytes) for c in candidates]
  near = 2 * min(misses) + 0.01 * target_bytes
  fair = [c for c, miss in zip(candidates, misses) if miss <= near]
  return max(fair, key=lambda candidate: candidate.psnr)


def _save(rgb: Pixels, file_format: str, options: dict) -> bytes:
  if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[-1] != 3:
    raise LicError(f"not an 8-bit RGB image: {rgb.dtype} {rgb.shape}")
  buffer = io.BytesIO()
  try:
    Image.fromarray(rgb).save(buffer, file_format, **options)
  except (OSError, ValueError) as error:
    raise LicError(f"{file_format} refuses the image: {error}") from error
  return buffer.getvalue()


def _point(
  rgb: Pixels, index: int, codec: str, quality: float | int
) -> ClassicalPoint:
  data = encode(rgb, codec, quality)
  return ClassicalPoint(
    codec,
    quality,
    index,
    len(data),
    8 * len(data) / (rgb.shape[0] * rgb.shape[1]),
    psnr(rgb, decode(data)),
  )


def _nearest_jpeg(rgb: Pixels, target: int, subsampling: str) -> NearestJpeg:
  """The nearest of one subsampling."""
  options = {"optimize": True, "subsampling": subsampling}
  best = _bisect(
    lambda quality: _save(rgb, "JPEG", {"quality": quality, **options}),
    _SCALES["jpeg"],
    target,
  )
  decoded = decode(best.data)
  return NearestJpeg(best.data, best.quality, subsampling, psnr(rgb, decoded))


def _bisect(
  data: Callable[[float | int], bytes],
  scale: Sequence[float | int],
  target: int,
) -> Nearest:
  """Bisection: the size of a file rises with its quality, save for ties."""
  data = functools.cache(data)
  low, high = 0, len(scale) - 1
  while high - low > 1:
    middle = (low + high) // 2
    if len(data(scale[middle])) < target:
      low = middle
    else:
      high = middle
  quality = min(
    (scale[low], scale[high]), key=lambda q: abs(len(data(q)) - target)
  )
  return Nearest(data(quality), quality)
