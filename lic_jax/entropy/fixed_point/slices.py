"""Context models in fixed point: what encoder and decoder both run.

  symbols of z --hyper_synthesis--> hyper
  slice by slice, anchors before the rest:
    contexts of what is decoded, hyper --> mean, number of the scale table
    --read--> symbols;  y_hat = symbols + mean + predicted residual

The order is that of `entropy.multi_reference.slices`, or that of
`entropy.space_channel`, whose groups are slices here. `read` is the entropy
decoder for whoever decodes; for whoever encodes it rounds the latent, and the
symbols are coded afterwards. Nothing else differs between the two, and nothing
between two machines: `numbers` says why.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lic_jax.entropy.checkerboard import Pass
from lic_jax.entropy.fixed_point import contexts, numbers
from lic_jax.entropy.fixed_point.contexts import Layers, keep, pack, unpack
from lic_jax.entropy.fixed_point.numbers import ONE, Layer
from lic_jax.types import Float, Int, LicError, UInt8

# Of a pass: its channels, which positions, mean and number of the scale table,
# packed (h, w / 2, c); to the symbols.
Read = Callable[
  [slice, Pass, Float[np.ndarray, "h w2 c"], UInt8[np.ndarray, "h w2 c"]],
  Int[np.ndarray, "h w2 c"],
]


_PARAMETERS = {
  Pass.ANCHOR: "anchor_parameters",
  Pass.NON_ANCHOR: "nonanchor_parameters",
}


@dataclasses.dataclass(frozen=True)
class Network:
  """A context model and the hyper-synthesis before it.

  Attributes:
    hyper_synthesis: its layers.
    slices: of each slice the layers of its mechanisms.
    offsets: of z's quantisation grid, float32, (c,).
    thresholds: on scales, in units, increasing, int32; a scale's table is the
      number of those that are at most it.
  """

  hyper_synthesis: Layers
  slices: tuple[Layers, ...]
  offsets: Float[np.ndarray, "c"]
  thresholds: Int[np.ndarray, "t"]


def decode(
  network: Network, z: Int[np.ndarray, "h w c"], read: Read
) -> tuple[Int[np.ndarray, "h4 w4 c2"], Float[np.ndarray, "h4 w4 c2"]]:
  """What `read` gives, in place, and y_hat, float32.

  Args:
    network: the context model.
    z: symbols of the hyper-latent.
    read: gives the symbols of a pass.

  Raises:
    LicError: the network's layers do not fit each other.
  """
  try:
    return _decode(network, z, read)
  except (ValueError, KeyError, IndexError) as error:
    raise LicError("the codec's context model is damaged") from error


def _decode(
  network: Network, z: Int[np.ndarray, "h w c"], read: Read
) -> tuple[Int[np.ndarray, "h4 w4 c2"], Float[np.ndarray, "h4 w4 c2"]]:
  z_hat = numbers.to_units(z + network.offsets.astype(np.float64))
  hyper = contexts.hyper_synthesis(network.hyper_synthesis, z_hat)
  edges = np.cumsum(
    [0, *(_width(layers) for layers in network.slices)]
  ).tolist()
  y_hat = np.zeros((*hyper.shape[:2], edges[-1]))
  symbols = np.zeros(y_hat.shape, np.int32)
  for i, layers in enumerate(network.slices):
    part = slice(edges[i], edges[i + 1])

    def read_pass(
      which: Pass, parameters: np.ndarray, part: slice = part
    ) -> np.ndarray:
      scale, mean = np.split(parameters, 2, axis=-1)
      table = np.searchsorted(network.thresholds, scale, side="right")
      new = read(part, which, mean / ONE, table.astype(np.uint8))
      symbols[..., part] += unpack(new, which)
      return unpack(numbers.limited(new * float(ONE) + mean), which)

    function = _group if "spatial" in layers else _slice
    y_hat[..., part] = function(
      layers, hyper, y_hat[..., : part.start], index=i, read=read_pass
    )
  return symbols, (y_hat / ONE).astype(np.float32)


def _slice(
  layers: Layers,
  hyper: Float[np.ndarray, "h w m2"],
  decoded: Float[np.ndarray, "h w n"],
  *,
  index: int,
  read: Callable[[Pass, np.ndarray], np.ndarray],
) -> Float[np.ndarray, "h w c"]:
  """One slice, with `index` slices decoded before it."""
  means = hyper[..., hyper.shape[-1] // 2 :]
  references = [hyper]
  if index:
    references = [
      contexts.inter_slice(layers["inter"], decoded, heads=index),
      contexts.channel_context(layers["channel"], decoded),
      hyper,
    ]

  def parameters(which: Pass, known: list[np.ndarray]) -> np.ndarray:
    seen = [*known, *(pack(grid, which) for grid in references)]
    return contexts.entropy_parameters(
      layers[_PARAMETERS[which]],
      np.concatenate(seen, axis=-1),
    )

  def residual(name: str, y: np.ndarray) -> np.ndarray:
    support = np.concatenate([means, decoded, y], axis=-1)
    return contexts.latent_residual(layers[name], support)

  anchors = read(Pass.ANCHOR, parameters(Pass.ANCHOR, []))
  twice = "anchor_residual" in layers
  if twice:
    anchors += keep(residual("anchor_residual", anchors), Pass.ANCHOR)
  known = [contexts.local_context(layers["local"], anchors)]
  if index:
    previous = decoded[..., -anchors.shape[-1] :]
    intra = contexts.intra_slice(layers["intra"], previous, anchors)
    known.append(pack(intra, Pass.NON_ANCHOR))
  y = anchors + read(Pass.NON_ANCHOR, parameters(Pass.NON_ANCHOR, known))
  if "residual" in layers:
    missing = residual("residual", y)
    y += keep(missing, Pass.NON_ANCHOR) if twice else missing
  return y


def _group(
  layers: Layers,
  hyper: Float[np.ndarray, "h w m"],
  decoded: Float[np.ndarray, "h w n"],
  *,
  index: int,
  read: Callable[[Pass, np.ndarray], np.ndarray],
) -> Float[np.ndarray, "h w c"]:
  """`_slice` of ELIC's space-channel model."""
  references = [hyper]
  if index:
    channel = contexts.elic_channel_context(layers["channel"], decoded)
    references = [channel, hyper]

  def parameters(which: Pass, anchors: np.ndarray) -> np.ndarray:
    spatial = contexts.conv(layers["spatial"]["masked"], anchors)
    seen = [pack(grid, which) for grid in (spatial, *references)]
    return contexts.elic_entropy_parameters(
      layers["parameters"], np.concatenate(seen, axis=-1)
    )

  nothing = np.zeros((*hyper.shape[:2], _width(layers)))
  anchors = read(Pass.ANCHOR, parameters(Pass.ANCHOR, nothing))
  return anchors + read(Pass.NON_ANCHOR, parameters(Pass.NON_ANCHOR, anchors))


def _width(layers: Layers) -> int:
  """Channels of a slice: half of what its entropy parameters have."""
  if "spatial" in layers:
    return len(layers["parameters"]["conv2"].bias) // 2
  return len(layers["anchor_parameters"]["conv3"].bias) // 2


def rounded(
  params: Mapping[str, Any],
  *,
  offsets: Float[np.ndarray, "c"],
  scales: Float[np.ndarray, "t"],
) -> Network:
  """The fixed-point form of a trained model, at export.

  Args:
    params: of a `models.loc_lic.ContextHyperprior`.
    offsets: of z's quantisation grid.
    scales: standard deviations at which one scale table ends and the next
      begins.

  Raises:
    LicError: weights are too large.
  """
  context = params["context"]
  # "slice0", ... of a multi-reference, "group0", ... of a space-channel model.
  names = sorted(context, key=lambda name: int(name[5:]))
  return Network(
    hyper_synthesis=_rounded(params["hyper_synthesis"]),
    slices=tuple(_rounded(context[name]) for name in names),
    offsets=np.asarray(offsets, np.float32),
    thresholds=np.rint(scales * ONE).astype(np.int32),
  )


def to_arrays(network: Network) -> dict[str, Any]:
  """The network's arrays by name, for a bundle."""
  return {
    "hyper_synthesis": _arrays(network.hyper_synthesis),
    "offsets": network.offsets,
    "thresholds": network.thresholds,
    **{f"slice{i}": _arrays(part) for i, part in enumerate(network.slices)},
  }


def from_arrays(arrays: Mapping[str, Any]) -> Network:
  """Inverse of `to_arrays`.

  Raises:
    LicError: these are not the arrays of such a network, or a sum might reach
      2^53.
  """
  count = sum(name.startswith("slice") for name in arrays)
  try:
    network = Network(
      hyper_synthesis=_layers(arrays["hyper_synthesis"]),
      slices=tuple(_layers(arrays[f"slice{i}"]) for i in range(count)),
      offsets=arrays["offsets"],
      thresholds=arrays["thresholds"],
    )
  except (KeyError, TypeError, AttributeError) as error:
    raise LicError("the bundle lacks a fixed-point context model") from error
  offsets, thresholds = network.offsets, network.thresholds
  whole = (
    count > 0
    and offsets.dtype == np.float32
    and thresholds.dtype == np.int32
    and offsets.ndim == thresholds.ndim == 1
    and np.all(np.isfinite(offsets))
    and np.all(np.diff(thresholds) > 0)
    and len(thresholds) < 256
  )
  if not whole:
    raise LicError("the bundle's context model has the wrong shape")
  return network


# Names of modules that hold one layer and nothing else.
_WRAPPERS = ({"conv"}, {"TorchConv_0"})


def _rounded(node: Mapping[str, Any]) -> Layer | Layers:
  """A layer, or a branch of them, in the place of its parameters."""
  if node.keys() in _WRAPPERS:
    return _rounded(*node.values())
  if "bias" in node:
    weight = "scale" if "scale" in node else "kernel"
    return numbers.layer(node[weight], node["bias"])
  layers = {
    name: _rounded(value)
    for name, value in node.items()
    if isinstance(value, Mapping)
  }
  # The local context has parameters of its own.
  if "fusion_kernel" in node:
    layers["fusion"] = numbers.layer(node["fusion_kernel"], node["fusion_bias"])
  if "relative_bias" in node:
    units = numbers.to_units(node["relative_bias"])
    layers["relative_bias"] = units.astype(np.int32)
  return layers


def _arrays(node: Any) -> Any:
  if isinstance(node, Layer):
    return node._asdict()
  if isinstance(node, Mapping):
    return {name: _arrays(value) for name, value in node.items()}
  return node


def _layers(node: Any) -> Any:
  if not isinstance(node, Mapping):
    return node
  if "kernel" in node:
    layer = Layer(**node)
    numbers.check(layer)
    return layer
  return {name: _layers(value) for name, value in node.items()}
