"""From a config's `model` block to a Flax module."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn

from lic_jax.entropy.checkerboard import GRIDS
from lic_jax.entropy.factorized import FactorizedPrior
from lic_jax.entropy.multi_reference.local import QUERIES
from lic_jax.entropy.multi_reference.slices import MultiReference
from lic_jax.entropy.space_channel import SpaceChannel
from lic_jax.layers.gain import Gain
from lic_jax.models.factorized_prior import FactorizedPriorModel
from lic_jax.models.loc_lic import ContextHyperprior
from lic_jax.models.mean_scale_hyperprior import (
  MeanScaleHyperprior,
  check_quantisation,
)
from lic_jax.transforms import find
from lic_jax.types import LicError


def build(config: Mapping[str, Any]) -> nn.Module:
  """The model of a config's `model` block.

  Args:
    config: `name` ("mean_scale_hyperprior", "context_hyperprior" or
      "factorized_prior"), the transforms it names, `latent_channels`,
      `hyper_channels`, `quantisation`, `dtype` (of the convolutions' products),
      for a mean-scale hyperprior `gain_rungs` (qualities of one model; 0, or
      left out, for one rate), and for a context hyperprior `context`.

  Raises:
    LicError: an unknown name or value.
  """
  dtype = config["dtype"]
  if dtype not in ("float32", "bfloat16"):
    raise LicError(f"model.dtype is {dtype!r}, not float32 or bfloat16")
  quantisation = check_quantisation(config["quantisation"])

  def transform(block: str) -> nn.Module:
    return find.build({**config[block], "dtype": dtype})

  analysis, synthesis = transform("analysis"), transform("synthesis")
  rungs = config.get("gain_rungs", 0)
  if rungs and (rungs < 2 or config["name"] != "mean_scale_hyperprior"):
    raise LicError(
      f"model.gain_rungs is {rungs}; gains need a mean_scale_hyperprior and at "
      "least 2 qualities"
    )
  if config["name"] == "factorized_prior":
    return FactorizedPriorModel(
      analysis,
      synthesis,
      prior=FactorizedPrior(config["latent_channels"]),
      quantisation=quantisation,
    )
  hyper = {
    "hyper_analysis": transform("hyper_analysis"),
    "hyper_synthesis": transform("hyper_synthesis"),
    "prior": FactorizedPrior(config["hyper_channels"]),
  }
  if config["name"] == "context_hyperprior":
    if quantisation != "mixedq":
      raise LicError(
        f"context models train with 'mixedq', not {quantisation!r}"
      )
    context = _context(config["context"], config["latent_channels"], dtype)
    return ContextHyperprior(
      analysis,
      synthesis,
      context=context,
      latent_channels=config["latent_channels"],
      **hyper,
    )
  if config["name"] != "mean_scale_hyperprior":
    raise LicError(f"no model named {config['name']!r}")
  gain = Gain(rungs, config["latent_channels"]) if rungs else None
  return MeanScaleHyperprior(
    analysis, synthesis, quantisation=quantisation, gain=gain, **hyper
  )


def _context(
  config: Mapping[str, Any], latent_channels: int, dtype: str
) -> MultiReference | SpaceChannel:
  """The context model of a config's `model.context` block.

  Raises:
    LicError: an unknown name, argument or value, or channels that do not fit.
  """
  arguments = dict(config)
  name = arguments.pop("name")
  models = {"multi_reference": MultiReference, "space_channel": SpaceChannel}
  if name not in models:
    raise LicError(f"no context model named {name!r}")
  try:
    context = models[name](**arguments, dtype=dtype)
  except TypeError as error:
    raise LicError(f"context model {name!r}: {error}") from error
  allowed = {"grid": GRIDS, "queries": QUERIES, "residual_passes": (0, 1, 2)}
  for key, values in allowed.items():
    value = arguments.get(key, values[0])
    if value not in values:
      raise LicError(f"model.context.{key} is {value!r}, not one of {values}")
  if name == "space_channel" and sum(context.groups) != latent_channels:
    raise LicError(f"groups {context.groups} of {latent_channels} channels")
  if name == "multi_reference" and latent_channels % context.slices:
    raise LicError(f"{context.slices} slices of {latent_channels} channels")
  return context
