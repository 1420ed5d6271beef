"""What decoding needs of a codec, and its bytes: decoder.safetensors.

Tensor by tensor in docs/format.md, section 8. Where it lies among a codec's
other files: `codec.bundle`.
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from lic_jax import types
from lic_jax.codec import tables
from lic_jax.codec.tables import Tables
from lic_jax.entropy import integer
from lic_jax.entropy.fixed_point import slices
from lic_jax.ops.restoration import blocks
from lic_jax.types import Float

DECODER = "decoder.safetensors"
# Of the logarithm of a gain; e^20 is beyond what any table of scales spans.
LOG_GAIN_TOP = 20.0


@dataclasses.dataclass(frozen=True)
class Decoder:
  """What decoding needs, from NumPy arrays alone.

  Attributes:
    functions: of "synthesis" and "hyper_synthesis": the name of a function in
      `ops.synthesis` as "function", and its static arguments. The second is run
      in integers; its real-valued weights are the encoder's.
    weights: of "synthesis", nested dicts of float32 arrays.
    stride: pixels per sample of the outermost latent, which has a table per
      channel: z, or y without a hyperprior.
    channel_tables: one table per channel of the outermost latent.
    channel_offsets: its quantisation offsets, (c,).
    scale_tables: tables of y under a hyperprior; None without one.
    hyper_synthesis: what picks among them, in integers; None without one, or
      where a context model does.
    context: what picks among them slice by slice, in fixed point, with its
      hyper-synthesis; None without a context model.
    gains: logarithms of y's gains at every whole quality, float32; None for a
      codec of one rate.
    restoration: of what the synthesis paints: "levels", the expected error at
      every whole quality, float32, and "network", the weights of
      `ops.restoration`; None without one.
  """

  functions: Mapping[str, Mapping[str, Any]]
  weights: Mapping[str, Any]
  stride: int
  channel_tables: Tables
  channel_offsets: Float[np.ndarray, "c"]
  scale_tables: Tables | None = None
  hyper_synthesis: integer.Network | None = None
  context: slices.Network | None = None
  gains: Float[np.ndarray, "rungs c_y"] | None = None
  restoration: Mapping[str, Any] | None = None


def serialise(decoder: Decoder) -> bytes:
  """The bytes of decoder.safetensors; equal decoders give equal bytes."""
  arrays = {
    "weights": decoder.weights,
    "channel_offsets": decoder.channel_offsets,
    "channel_tables": dataclasses.asdict(decoder.channel_tables),
  }
  if decoder.scale_tables is not None:
    arrays["scale_tables"] = dataclasses.asdict(decoder.scale_tables)
    if decoder.context is None:
      arrays["hyper_synthesis"] = integer.to_arrays(decoder.hyper_synthesis)
    else:
      arrays["context"] = slices.to_arrays(decoder.context)
  if decoder.gains is not None:
    arrays["gains"] = decoder.gains
  if decoder.restoration is not None:
    arrays["restoration"] = decoder.restoration
  static = {"functions": decoder.functions, "stride": decoder.stride}
  # One key only: safetensors writes several in no fixed order.
  metadata = {"decoder": json.dumps(static, sort_keys=True)}
  return safetensors.numpy.save(flatten(arrays), metadata=metadata)


def parse(data: bytes) -> Decoder:
  """Inverse of `serialise`.

  Raises:
    LicError: these are not the bytes of a decoder.
  """
  try:
    arrays = unflatten(safetensors.numpy.load(data))
    # A safetensors file opens with the length of its JSON header.
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    static = json.loads(header["__metadata__"]["decoder"])
    scale_tables, hyper_synthesis, context = None, None, None
    if "scale_tables" in arrays:
      scale_tables = tables.from_arrays(arrays["scale_tables"])
      if "context" in arrays:
        chosen = context = slices.from_arrays(arrays["context"])
      else:
        chosen = hyper_synthesis = integer.from_arrays(
          arrays.get("hyper_synthesis", {}),
          static["functions"]["hyper_synthesis"]["strides"],
        )
      if len(chosen.thresholds) + 1 != scale_tables.count:
        raise ValueError("thresholds and scale tables do not match")
    gains = arrays.get("gains")
    if gains is not None and not _are_gains(gains):
      raise ValueError("these are no gains")
    restoration = arrays.get("restoration")
    if restoration is not None:
      rungs = 1 if gains is None else len(gains)
      if not _are_levels(restoration["levels"], rungs):
        raise ValueError("these are no expected errors")
      if not _is_network(restoration["network"]):
        raise ValueError("this is no network of a restoration")
    return Decoder(
      functions=static["functions"],
      weights=arrays["weights"],
      stride=static["stride"],
      channel_tables=tables.from_arrays(arrays["channel_tables"]),
      channel_offsets=arrays["channel_offsets"],
      scale_tables=scale_tables,
      hyper_synthesis=hyper_synthesis,
      context=context,
      gains=gains,
      restoration=restoration,
    )
  except (
    safetensors.SafetensorError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
  ) as error:
    raise types.LicError(f"{DECODER} is damaged") from error


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, np.ndarray]:
  """{"a": {"b": array}} to {"a/b": array}, in sorted order."""
  flat = {}
  for key in sorted(tree):
    if isinstance(tree[key], Mapping):
      flat |= flatten(tree[key], f"{prefix}{key}/")
    else:
      flat[prefix + key] = np.ascontiguousarray(tree[key])
  return flat


def unflatten(flat: Mapping[str, np.ndarray]) -> dict[str, Any]:
  """Inverse of `flatten`."""
  tree: dict[str, Any] = {}
  for name, array in flat.items():
    *path, key = name.split("/")
    node = tree
    for part in path:
      node = node.setdefault(part, {})
    node[key] = array
  return tree


def _are_gains(gains: np.ndarray) -> bool:
  return (
    gains.dtype == np.float32
    and gains.ndim == 2
    and len(gains) > 1
    and bool(np.all(np.abs(gains) <= LOG_GAIN_TOP))
  )


def _are_levels(levels: np.ndarray, rungs: int) -> bool:
  return (
    levels.dtype == np.float32
    and levels.shape == (rungs,)
    and bool(np.all((levels > 0) & (levels < np.inf)))
  )


def _is_network(network: Mapping[str, Any]) -> bool:
  """Whether it has the layers that docs/format.md names, of such shapes."""
  shapes = {name: array.shape for name, array in flatten(network).items()}
  layers = {name.rpartition("/")[0] for name in shapes}
  named = {"first", "last"}
  for i in range(blocks(network)):
    named |= {f"block{i}/first", f"block{i}/second"}
  return layers == named and all(
    len(shapes[f"{layer}/kernel"]) == 5
    and len(shapes[f"{layer}/bias"]) == 4
    and shapes[f"{layer}/kernel"][0] == shapes[f"{layer}/bias"][0]
    for layer in layers
  )
