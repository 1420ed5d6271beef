"""Data parallelism: the only file that knows how devices are mapped.

One program per device through `jax.pmap`; every device holds the whole state
and a share of the batch, and gradients are averaged with `pmean` inside the
step. Random keys belong to images, not to devices: the result does not depend
on how many devices there are, up to the order of float sums.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import numpy as np
import optax
from jax.experimental import multihost_utils

from lic_jax.training import step as steps
from lic_jax.types import Array, LicError

AXIS = "devices"


def initialise(coordinator: str, processes: int, process: int) -> None:
  """Joins a multi-host run; every process calls it before anything of JAX.

  Args:
    coordinator: HOST:PORT of process 0; empty on TPU pods, which know.
    processes: how many take part.
    process: the index of this one.

  Raises:
    LicError: the others could not be reached.
  """
  arguments = {}
  if coordinator:
    arguments = {
      "coordinator_address": coordinator,
      "num_processes": processes,
      "process_id": process,
    }
  try:
    jax.distributed.initialize(**arguments)
  except (RuntimeError, ValueError) as error:
    raise LicError(f"cannot join the multi-host run: {error}") from error


def process() -> tuple[int, int]:
  """Index of this process, and how many there are."""
  return jax.process_index(), jax.process_count()


def check_batch(batch: int) -> None:
  """Refuses a batch that devices cannot share equally.

  Raises:
    LicError: it is not a positive multiple of the device count.
  """
  if batch < 1 or batch % jax.device_count():
    raise LicError(
      f"data.batch is {batch}, not a positive multiple of the"
      f" {jax.device_count()} devices"
    )


def replicate(tree: Any) -> Any:
  """One copy per device, along a new leading axis."""
  devices = np.arange(jax.local_device_count())
  # Over the same axis as the step, which would be compiled again for another.
  copy = jax.pmap(lambda _, x: x, axis_name=AXIS, in_axes=(0, None))
  return copy(devices, tree)


def mapped(
  step: Callable[[Any, Array, Any], Any], batch: int
) -> tuple[Callable[[Any, Array, Any], Any], int]:
  """A step over as many of the local devices as can share a batch equally.

  Args:
    step: of one device, of state, rate and its part of the batch.
    batch: how many are in one.

  Returns:
    The same with a leading axis of devices, on state, batch and results; it
    consumes the state. And how many devices those are.
  """
  devices = jax.local_devices()[: math.gcd(batch, jax.local_device_count())]
  function = jax.pmap(
    step,
    axis_name=AXIS,
    in_axes=(0, None, 0),
    devices=devices,
    donate_argnums=0,
  )
  return function, len(devices)


def first_copy(tree: Any) -> Any:
  """The host's NumPy copy of what device 0 holds."""

  def copy(x: Array) -> np.ndarray:
    shard = np.asarray(x.addressable_shards[0].data)
    return shard.reshape(x.shape[1:])

  return jax.tree.map(copy, tree)


def share(batch: np.ndarray) -> np.ndarray:
  """This process's batch, split over its devices: (devices, b, ...)."""
  devices = jax.local_device_count()
  return batch.reshape(devices, -1, *batch.shape[1:])


def agree(value: float) -> float:
  """Process 0's value, on every process."""
  if jax.process_count() == 1:
    return value
  return float(multihost_utils.broadcast_one_to_all(np.float32(value)))


def mapped_step(
  model: nn.Module,
  optimizer: optax.GradientTransformation,
  config: Mapping[str, Any],
  sample: Callable[[Any, Array], Array],
) -> Callable[..., tuple[Any, steps.Terms]]:
  """`step.train_step` over all devices.

  Args:
    model, optimizer, config: as `train_step` takes them.
    sample: from this device's data and its images' keys to uint8 pixels; the
      identity on the data where batches come from the host.

  Returns:
    A function of (state, data, progress, key), state and data with a leading
    axis of local devices, key the run's; it consumes the state.
  """
  batch = config["data"]["batch"]
  per_device = batch // jax.device_count()

  def device_step(state: Any, data: Any, progress: Array, key: Array) -> Any:
    keys = jax.random.split(jax.random.fold_in(key, state.step), batch)
    start = jax.lax.axis_index(AXIS) * per_device
    keys = jax.lax.dynamic_slice_in_dim(keys, start, per_device)
    crop_and_noise = jax.vmap(jax.random.split)(keys)
    pixels = sample(data, crop_and_noise[:, 0])
    return steps.train_step(
      state,
      pixels,
      progress,
      crop_and_noise[:, 1],
      model=model,
      optimizer=optimizer,
      config=config,
      axis=AXIS,
    )

  return jax.pmap(
    device_step,
    axis_name=AXIS,
    in_axes=(0, 0, None, None),
    donate_argnums=0,
  )
