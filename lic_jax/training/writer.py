"""Scalars and pictures to TensorBoard, scalars to jsonl, one line to people."""

import json
import logging
import pathlib
import sys
import time
from collections.abc import Mapping

import numpy as np
import tensorboardX

from lic_jax.types import LicError

LOG = logging.getLogger("lic_jax")


class Writer:
  """Writes what happened at a step; quiet on all but the first process."""

  def __init__(self, workdir: pathlib.Path, *, enabled: bool):
    self._enabled = enabled
    if not enabled:
      return
    try:
      self._scalars = (workdir / "scalars.jsonl").open("a")
      self._board = tensorboardX.SummaryWriter(str(workdir / "tensorboard"))
    except OSError as error:
      raise LicError(f"cannot write in {workdir}: {error}") from error

  def scalars(
    self, step: int, values: Mapping[str, float], *, kind: str
  ) -> None:
    """Appends {"step", "kind", ...values}; kind is "train" or "validation"."""
    if not self._enabled:
      return
    record = {"step": step, "kind": kind, **values}
    try:
      self._scalars.write(json.dumps(record) + "\n")
      self._scalars.flush()
      for name, value in values.items():
        self._board.add_scalar(f"{kind}/{name}", value, step)
      self._board.flush()
    except OSError as error:
      raise LicError(f"cannot write the log: {error}") from error

  def image(self, step: int, name: str, pixels: np.ndarray) -> None:
    """Shows uint8 (h, w, 3) pixels under `name`."""
    if self._enabled:
      self._board.add_image(name, pixels, step, dataformats="HWC")

  def close(self) -> None:
    """Flushes and closes."""
    if self._enabled:
      self._scalars.close()
      self._board.close()


class ProgressLine:
  """One line that rewrites itself on a terminal; plain log lines elsewhere."""

  def __init__(self, *, enabled: bool):
    self._enabled = enabled
    self._terminal = sys.stderr.isatty()
    self._width = 0
    self._since = time.monotonic()
    self._images = 0

  def saw(self, images: int) -> None:
    """Counts images for the rate of images per second."""
    self._images += images

  def show(
    self, step: int, terms: Mapping[str, float], *, seconds_left: float
  ) -> float:
    """Prints step, images/s, loss, bpp, PSNR and time left.

    Returns:
      Images per second since the last call.
    """
    now = time.monotonic()
    rate = self._images / max(now - self._since, 1e-9)
    self._since, self._images = now, 0
    psnr = 10 * np.log10(255**2 / max(terms["mse"], 1e-9))
    left = time.strftime("%H:%M:%S", time.gmtime(max(seconds_left, 0)))
    line = (
      f"step {step}  {rate:.1f} images/s  loss {terms['loss']:.4f}"
      f"  bpp {terms['bpp_y'] + terms['bpp_z']:.4f}  psnr {psnr:.2f} dB"
      f"  left {left}"
    )
    if not self._enabled:
      return rate
    if self._terminal:
      print("\r" + line.ljust(self._width), end="", file=sys.stderr, flush=True)
      self._width = len(line)
    else:
      LOG.info("%s", line)
    return rate

  def end(self) -> None:
    """Leaves the line standing."""
    if self._enabled and self._terminal and self._width:
      print(file=sys.stderr)
