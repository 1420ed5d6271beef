"""Makes tests/assets/golden: files of version 1, and what they decode to.

Not collected by pytest. It is run once for each kind of codec that a version
has, and not again: what it made pins the format. A new version adds a folder of
its own. With the extra `[tfc]` installed, for a function of tiny_codec.py:

  PYTHONPATH=tests python tests/assets/make_golden.py context
"""

import dataclasses
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import tiny_codec
from PIL import Image

from lic_jax.codec import bundle as bundles
from lic_jax.codec import container, decode, encode
from lic_jax.sga import encode as iterative

FOLDER = Path(__file__).parent / "golden" / "v1"


def main() -> None:
  (codec,) = sys.argv[1:]
  listed = FOLDER / "latents.json"
  pinned = json.loads(listed.read_text())
  bundle = getattr(tiny_codec, codec)(FOLDER / codec)
  for name, encoded in files(bundle).items():
    path = FOLDER / codec / f"{name}.lic"
    path.write_bytes(encoded.data)
    latents = decode.decode_latents(container.unpack(encoded.data), bundle)
    pinned[f"{codec}/{name}"] = digest(latents)
    Image.fromarray(decode.decode(encoded.data, bundle)).save(
      path.with_suffix(".png"), optimize=True
    )
  (bundle.folder / bundles.ENCODER).unlink()  # decoding needs none
  listed.write_text(json.dumps(pinned, indent=1) + "\n")


def files(bundle: bundles.Bundle) -> dict[str, encode.Encoded]:
  """Files that between them use all of the format."""
  rgb = tiny_codec.photograph()[60:, 100:]
  if bundle.decoder.restoration is not None:
    return {
      "restored": encode.encode(rgb[:77, :101], bundle, quality=0.5),
      "filter": iterative.encode(rgb[:77, :101], bundle, quality=0.5),
      "grey": iterative.encode(rgb[:33, :70, 1], bundle),
    }
  found = {
    "colour": encode.encode(rgb[:77, :101], bundle),
    "grey": encode.encode(rgb[:33, :70, 1], bundle),
    "pixel": encode.encode(rgb[:1, :1], bundle),
    "range": encode.encode(rgb[:64, :64], bundle, entropy_coder="range"),
  }
  latents = encode.analyse(rgb[:64, :64], bundle)
  y = latents.y.copy()
  y[0, 0, 0, :3] = 2e9, -2e9, 70_000  # symbols that no table holds
  latents = dataclasses.replace(latents, y=y)
  found["escapes"] = encode.encode_latents(latents, bundle, height=64, width=64)
  return found


def digest(latents: decode.Latents) -> str:
  """SHA-256 of the decoded latents, float32 and little-endian, z before y."""
  sha = hashlib.sha256()
  for array in (latents.z, latents.y):
    if array is not None:
      sha.update(np.ascontiguousarray(array, "<f4").tobytes())
  return sha.hexdigest()


if __name__ == "__main__":
  main()
