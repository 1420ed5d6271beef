"""A trained codec as a folder: decoder, encoder and card.

  decoder.safetensors   effective weights of the synthesis, hyper-synthesis in
                        integers or context model in fixed point, integer
                        tables, quantisation offsets; in its metadata the names
                        and arguments of the functions
  encoder.safetensors   parameters of what only encoding needs, the real-valued
                        hyper-synthesis and context model among them; float32,
                        or float16 where the bundle was written small
  card.json             config, training, results, and the fingerprint: the
                        SHA-256 of decoder.safetensors

All that changes the meaning of a `.lic` file is in the decoder's bytes, hence
in the fingerprint, whose first 8 bytes every file carries. Nothing is pickled.
Where installed codecs are looked for: `lic_jax/zoo`, then each folder named in
the environment variable LIC_CODECS.
"""

import dataclasses
import hashlib
import json
import math
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from lic_jax import types
from lic_jax.codec import container, storage
from lic_jax.codec.decoder import (
  DECODER,
  Decoder,
  flatten,
  parse,
  serialise,
  unflatten,
)
from lic_jax.ops import gain

ENCODER, CARD = "encoder.safetensors", "card.json"
ZOO = Path(__file__).parents[1] / "zoo"
DEFAULT_NAME = "hierarchical_two_layer"
# Headers hold whole numbers of these.
STEPS_PER_QUALITY = 64


@dataclasses.dataclass(frozen=True)
class Bundle:
  """A codec read from its folder.

  Attributes:
    folder: where it lies.
    card: the content of card.json.
    decoder: its decoder, whose bytes have the card's fingerprint.
  """

  folder: Path
  card: Mapping[str, Any]
  decoder: Decoder

  @property
  def fingerprint(self) -> bytes:
    """The part of the fingerprint that files carry, 8 bytes."""
    return _short(self.card["fingerprint"])

  @property
  def qualities(self) -> Sequence[int]:
    """The numbers of the qualities that files of this codec may have."""
    if self.decoder.gains is None:
      return self.card["qualities"]
    return range(STEPS_PER_QUALITY * (len(self.decoder.gains) - 1) + 1)

  @property
  def rungs(self) -> list[float]:
    """The qualities that stand for all."""
    return [number / STEPS_PER_QUALITY for number in self.card["qualities"]]

  def number(self, quality: float | int | None) -> int:
    """A quality as a file's header has it: in steps of 1/64.

    Args:
      quality: None for the one in the middle.

    Raises:
      LicError: the codec has no such quality.
    """
    numbers = self.qualities
    if quality is None:
      return numbers[len(numbers) // 2]
    # Not a number, and infinity, are no quality of any codec.
    finite = math.isfinite(quality)
    number = round(quality * STEPS_PER_QUALITY) if finite else -1
    if number not in numbers:
      first, last = self.rungs[0], self.rungs[-1]
      known = f"{first:g}" if first == last else f"{first:g} to {last:g}"
      raise types.LicError(
        f"the codec has no quality {quality:g}; it has {known}"
      )
    return number

  def lagrange_multiplier(self, number: int) -> float:
    """Lambda of a quality, by its number; the card has quality 0's."""
    lmbda = self.card["lambda"]
    if self.decoder.gains is None:
      return lmbda
    return gain.lagrange_multiplier(lmbda, number / STEPS_PER_QUALITY)


def write(
  folder: Path | str,
  decoder: Decoder,
  encoder: Mapping[str, Any],
  card: Mapping[str, Any],
  *,
  half: bool = False,
) -> Bundle:
  """Writes a bundle, in place of one that may be there.

  Args:
    folder: new, empty or an older bundle.
    decoder: the decoder.
    encoder: nested dict of arrays.
    card: all but the fingerprint, which is computed here.
    half: whether the encoder is stored in float16; the decoder never is.

  Returns:
    The bundle as read back.

  Raises:
    LicError: the folder holds something else, or cannot be written; or float16
      cannot hold the encoder.
  """
  folder = Path(folder)
  check_free(folder)
  arrays = flatten(encoder)
  if half:
    arrays = {name: _half(name, array) for name, array in arrays.items()}
  decoder_bytes = serialise(decoder)
  card = {**card, "fingerprint": hashlib.sha256(decoder_bytes).hexdigest()}
  temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
  old = temporary.with_suffix(".old")
  try:
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary.mkdir()
    (temporary / DECODER).write_bytes(decoder_bytes)
    (temporary / ENCODER).write_bytes(safetensors.numpy.save(arrays))
    (temporary / CARD).write_text(json.dumps(card, indent=2) + "\n")
    if folder.exists():
      folder.rename(old)
    temporary.rename(folder)
  except OSError as error:
    reason = error.strerror
    raise types.LicError(f"cannot write {folder}: {reason}") from error
  finally:
    shutil.rmtree(temporary, ignore_errors=True)
    if old.exists() and not folder.exists():
      old.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
  return read(folder)


def read(folder: Path | str) -> Bundle:
  """Reads a bundle's card and decoder; the encoder stays on disk.

  Raises:
    LicError: a file is missing or damaged, or the decoder is not the card's.
  """
  folder = Path(folder)
  card = read_card(folder)
  data = storage.read_bytes(folder / DECODER)
  if hashlib.sha256(data).hexdigest() != card["fingerprint"]:
    raise types.LicError(f"{folder / DECODER} is not the one its card names")
  return Bundle(folder, card, parse(data))


def read_again(folder: Path, fingerprint: str) -> Bundle:
  """The bundle that was read from a folder before.

  Caches of what is made of a bundle have these two as their key.

  Raises:
    LicError: another one lies there now.
  """
  bundle = read(folder)
  if bundle.card["fingerprint"] != fingerprint:
    raise types.LicError(f"{folder} was replaced while it was in use")
  return bundle


def read_card(folder: Path) -> dict[str, Any]:
  """Reads card.json and checks what the package relies on.

  Raises:
    LicError: it is missing or not a card.
  """
  try:
    card = json.loads(storage.read_bytes(folder / CARD))
    bytes.fromhex(card["fingerprint"])
    if not card["qualities"] or not isinstance(card["model"], dict):
      raise ValueError("it is incomplete")
  except (ValueError, KeyError, TypeError) as error:
    raise types.LicError(f"{folder / CARD} is not a codec's card") from error
  return card


def read_encoder(bundle: Bundle) -> dict[str, Any]:
  """The parameters that only encoding needs, nested as they were written.

  Raises:
    LicError: the file is missing or damaged.
  """
  path = bundle.folder / ENCODER
  try:
    arrays = safetensors.numpy.load(storage.read_bytes(path))
  except safetensors.SafetensorError as error:
    raise types.LicError(f"{path} is damaged") from error
  return unflatten({k: np.asarray(a, np.float32) for k, a in arrays.items()})


def _half(name: str, array: np.ndarray) -> np.ndarray:
  """The array in float16.

  Raises:
    LicError: a number is too large for it.
  """
  with np.errstate(over="ignore"):
    half = array.astype(np.float16)
  if not np.all(np.isfinite(half)):
    raise types.LicError(f"{name} is too large for float16")
  return half


def read_weights(bundle: Bundle) -> dict[str, Any]:
  """Real-valued weights of each of the decoder's functions, to differentiate.

  Raises:
    LicError: the encoder's file is missing or damaged.
  """
  weights = {**read_encoder(bundle), **bundle.decoder.weights}
  return {part: weights[part] for part in bundle.decoder.functions}


def find(name_or_folder: str | None = None) -> Bundle:
  """A bundle by its folder or by its name among the installed ones.

  Args:
    name_or_folder: None for the default codec, or the only one installed.

  Raises:
    LicError: there is none.
  """
  found = {folder.name: folder for folder in reversed(list(installed()))}
  if name_or_folder is None:
    if DEFAULT_NAME in found:
      return read(found[DEFAULT_NAME])
    if len(found) == 1:
      return read(*found.values())
    raise types.LicError("choose a codec with --codec; `lic models` lists them")
  if (Path(name_or_folder) / CARD).is_file():
    return read(name_or_folder)
  if name_or_folder in found:
    return read(found[name_or_folder])
  raise types.LicError(
    f"no codec {name_or_folder}: it is neither a bundle's folder nor installed"
  )


def find_fingerprint(fingerprint: bytes) -> Bundle:
  """The installed bundle that a file names by the first 8 bytes.

  Raises:
    LicError: there is none.
  """
  for folder in installed():
    if _short(read_card(folder)["fingerprint"]) == fingerprint:
      return read(folder)
  raise types.LicError(
    f"no installed codec has the fingerprint {fingerprint.hex()}; "
    "give its folder with --codec or in LIC_CODECS"
  )


def installed() -> Iterator[Path]:
  """Folders of the installed bundles: the zoo's, then those of LIC_CODECS.

  LIC_CODECS lists folders like PATH does, each a bundle or holding bundles.
  """
  listed = os.environ.get("LIC_CODECS", "").split(os.pathsep)
  for place in [ZOO, *(Path(path) for path in listed if path)]:
    if (place / CARD).is_file():
      yield place
    elif place.is_dir():
      yield from (card.parent for card in sorted(place.glob(f"*/{CARD}")))


def check_free(folder: Path) -> None:
  """Refuses to replace anything but an older bundle or an empty folder.

  Raises:
    LicError: the folder holds something else.
  """
  if not folder.exists() or (folder / CARD).is_file():
    return
  if not folder.is_dir() or any(folder.iterdir()):
    raise types.LicError(f"{folder} exists and is not a codec bundle")


def _short(fingerprint: str) -> bytes:
  return bytes.fromhex(fingerprint)[: container.FINGERPRINT_BYTES]
