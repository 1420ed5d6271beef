"""From a config's `model` block to a Flax module."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn

from lic_jax.entropy.factorized import FactorizedPrior
from lic_jax.models.factorized_prior import FactorizedPriorModel
from lic_jax.models.mean_scale_hyperprior import (
  MeanScaleHyperprior,
  check_quantisation,
)
from lic_jax.transforms import find
from lic_jax.types import LicError


def build(config: Mapping[str, Any]) -> nn.Module:
  """The model of a config's `model` block.

  Args:
    config: `name` ("mean_scale_hyperprior" or "factorized_prior"), the
      transforms it names, `latent_channels`, `hyper_channels`, `quantisation`
      and `dtype` (of the convolutions' products).

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
  if config["name"] == "factorized_prior":
    return FactorizedPriorModel(
      analysis,
      synthesis,
      prior=FactorizedPrior(config["latent_channels"]),
      quantisation=quantisation,
    )
  if config["name"] != "mean_scale_hyperprior":
    raise LicError(f"no model named {config['name']!r}")
  return MeanScaleHyperprior(
    analysis,
    synthesis,
    hyper_analysis=transform("hyper_analysis"),
    hyper_synthesis=transform("hyper_synthesis"),
    prior=FactorizedPrior(config["hyper_channels"]),
    quantisation=quantisation,
  )
