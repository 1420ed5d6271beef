"""A transform by the name a config gives it: "file.Class" of this folder."""

import importlib
from collections.abc import Mapping
from typing import Any

import flax.linen as nn

from lic_jax.types import LicError


def build(config: Mapping[str, Any]) -> nn.Module:
  """The transform config["name"] with the other items as its arguments.

  Raises:
    LicError: no such file, class or argument.
  """
  arguments = dict(config)
  name = arguments.pop("name")
  file, _, class_name = name.partition(".")
  try:
    module = importlib.import_module(f"lic_jax.transforms.{file}")
    return getattr(module, class_name)(**arguments)
  except (ImportError, AttributeError) as error:
    raise LicError(
      f"no transform named {name!r} in lic_jax.transforms"
    ) from error
  except TypeError as error:
    raise LicError(f"transform {name!r}: {error}") from error
