"""Small ICC profiles, made here because none come with Pillow but sRGB's.

Layout: ICC.1:2001-04 (version 2), sections 6.1 to 6.5.
"""

import struct

# Columns of the matrix to XYZ under D50; Adobe RGB (1998), section 4.3.5.3.
ADOBE_RGB = {
  "rXYZ": (0.60974, 0.31111, 0.01947),
  "gXYZ": (0.20528, 0.62567, 0.06087),
  "bXYZ": (0.14919, 0.06322, 0.74457),
}
_WHITE = (0.9642, 1.0, 0.8249)


def rgb(columns: dict = ADOBE_RGB, *, gamma: float = 2.2) -> bytes:
  """A profile of three primaries and a power law; Adobe RGB by default."""
  tags = {name: _xyz(column) for name, column in columns.items()}
  curves = {name: _curve(gamma) for name in ("rTRC", "gTRC", "bTRC")}
  return _profile(b"RGB ", {**tags, **curves})


def grey(*, gamma: float) -> bytes:
  """A profile of grey under a power law."""
  return _profile(b"GRAY", {"kTRC": _curve(gamma)})


def _profile(space: bytes, tags: dict[str, bytes]) -> bytes:
  text = b"test\0"
  tags = {
    "desc": b"desc"
    + bytes(4)
    + struct.pack(">I", len(text))
    + text
    + bytes(78),
    "cprt": b"text" + bytes(4) + text,
    "wtpt": _xyz(_WHITE),
    **tags,
  }
  table, body = struct.pack(">I", len(tags)), b""
  start = 128 + 4 + 12 * len(tags)
  for name, data in tags.items():
    size = len(data)
    table += name.encode() + struct.pack(">II", start + len(body), size)
    body += data + bytes(-size % 4)
  header = struct.pack(
    ">I4sI4s4s4s12x4s28x3i48x",
    start + len(body),
    b"test",
    0x02100000,
    b"mntr",
    space,
    b"XYZ ",
    b"acsp",
    *(round(value * 65536) for value in _WHITE),
  )
  # The date, which the pack left out, must be one.
  header = header[:24] + struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + header[36:]
  return header[:128] + table + body


def _xyz(value: tuple[float, float, float]) -> bytes:
  numbers = (round(number * 65536) for number in value)
  return b"XYZ " + bytes(4) + struct.pack(">3i", *numbers)


def _curve(gamma: float) -> bytes:
  return (
    b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
  )
