"""Bits per channel of an image file, from the file's own fields.

Pillow reduces 16-bit colour to 8 bits without a word, in its decoders, and its
modes do not tell. Who must not lose them has to look before.
"""

from PIL import Image

# Of JPEG 2000: start of codestream, followed by the marker of image and tile
# size (ISO/IEC 15444-1, A.5.1).
_CODESTREAM = b"\xff\x4f\xff\x51"
_BITS_PER_SAMPLE = 258  # TIFF 6.0, section 8


def bits_per_channel(image: Image.Image, data: bytes) -> int:
  """The largest number of bits that a channel has in the file.

  Args:
    image: as Pillow opened it, not loaded yet.
    data: the file.

  Returns:
    8 where the format has no more.
  """
  if image.format == "PNG":
    return data[24]  # Bit depth, in the chunk IHDR, which comes first.
  if image.format == "TIFF":
    return max(image.tag_v2.get(_BITS_PER_SAMPLE, (1,)))
  if image.format == "PPM":
    return _portable_anymap(image)
  if image.format == "JPEG2000":
    start = data.index(_CODESTREAM)
    count = int.from_bytes(data[start + 40 : start + 42], "big")
    depths = data[start + 42 : start + 42 + 3 * count : 3]
    return max((depth & 0x7F) + 1 for depth in depths)
  if image.format == "AVIF":
    # Box "pixi" (ISO/IEC 23008-12, 6.5.6): version and flags, 4 bytes; number
    # of channels; bits of each.
    start = data.find(b"pixi")
    return (
      max(data[start + 9 : start + 9 + data[start + 8]]) if start > 0 else 8
    )
  return 8


def _portable_anymap(image: Image.Image) -> int:
  """From the largest value, which Pillow keeps among its decoder's arguments.

  They are a mode, where that value is 255, or (mode, largest value).
  """
  if image.mode == "F":
    return 32
  if image.mode.startswith("I"):
    return 16
  arguments = image.tile[0][3]
  largest = arguments[-1] if isinstance(arguments, tuple) else 255
  return largest.bit_length() if isinstance(largest, int) else 8
