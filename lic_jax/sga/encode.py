"""Iterative encoding: an image to a better `.lic` file for the same decoder.

  x --analysis--> (y, z) --RDOQ of z--> (y, z) --SGA, by windows--> (y, z)
    --RDOQ of y--> (y, z) --codec--> bytes --post-filter--> bytes

All of this may be left out. The searches leave an ordinary file: whoever
decodes it neither knows nor pays.

The latents of a window's core are optimised while those of its margin are held;
what they do together is judged over the whole window. Windows are visited in
turn and see what their neighbours became: block coordinate descent on the
objective of the image, exact where the margin is as wide as the decoder
reaches.
"""

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from lic_jax.codec import bundle as bundles
from lic_jax.codec import encode as codec
from lic_jax.codec.bundle import Bundle
from lic_jax.codec.encode import Encoded
from lic_jax.ops.padding import pad_reflect
from lic_jax.ops.windows import Span, windows
from lic_jax.sga import rdoq, schedule, wiener
from lic_jax.sga.objective import Target, Terms, Variables
from lic_jax.sga.optimizer import Optimizer, Problem
from lic_jax.types import Array, Latents, LicError, UInt8

# Pixels: the side of what is optimised at once, which bounds the memory, and
# how far the latents of z reach: 3 samples, through both syntheses.
CORE, MARGIN = 1024, 192


class Progress(NamedTuple):
  """Where a run is.

  Attributes:
    window: of the image, counted from 1.
    windows: how many there are.
    steps: done in this window.
    bpp: estimated bits per pixel of its best latents so far; mean over images.
    psnr: theirs, dB, before restoration and rounding to 8 bits.
  """

  window: int
  windows: int
  steps: int
  bpp: float
  psnr: float

  def __str__(self) -> str:
    part = f"window {self.window}/{self.windows}, " if self.windows > 1 else ""
    return (
      f"{part}step {self.steps}: {self.bpp:.4f} bpp (estimated), "
      f"{self.psnr:.2f} dB"
    )


Report = Callable[[Progress], None]


def encode(
  pixels: UInt8[np.ndarray, "h w *c"],
  bundle: Bundle,
  *,
  quality: float | int | None = None,
  sweeps: int | None = None,
  steps: int | None = None,
  seconds: float | None = None,
  postfilter: bool | None = None,
  seed: int = 0,
  core: int = CORE,
  margin: int = MARGIN,
  report: Report | None = None,
  entropy_coder: str = "ans",
  latents: Latents | None = None,
) -> Encoded:
  """Encodes an image, and looks for better latents than those of the analysis.

  Args:
    pixels: 8 bits, of any size from 1x1 up: RGB, (h, w, 3), or grey, (h, w).
    bundle: the codec.
    quality: of those that the codec has; None for the one in the middle.
    sweeps: of `rdoq`; 0 leaves latents rounded, None makes the usual number
      where the codec has what they need.
    steps: of stochastic Gumbel annealing, before that, and
    seconds: for it, compilation included; whichever ends first. None and None
      for none.
    postfilter: whether one is fitted to the image; None fits it where the codec
      has what that needs.
    seed: the same on the same machine gives the same bytes, unless `seconds`
      ended the run.
    core: side of what is optimised at once, pixels, a multiple of 64.
    margin: pixels around it that are held meanwhile, a multiple of 64.
    report: called after every few steps.
    entropy_coder: one of `codec.coder.CODERS`.
    latents: of `codec.encode.analyse`, where they are known.

  Raises:
    LicError: as `codec.encode.encode`; a window that does not fit; a filter
      for a codec that cannot have one.
  """
  rgb = codec.as_rgb(pixels)
  _check_window(bundle, core, margin)
  if latents is None:
    latents = codec.analyse(rgb, bundle)
  if sweeps is None:
    sweeps = rdoq.usual(bundle)
  if postfilter is None:
    postfilter = wiener.is_possible(bundle)
  if sweeps:
    latents = rdoq.refine_side(
      rgb, latents, bundle, quality=quality, seed=seed, core=core
    )
  searched = steps is not None or seconds is not None
  if searched:
    latents = optimise(
      rgb[None],
      latents,
      bundle,
      quality=quality,
      steps=steps,
      seconds=seconds,
      seed=seed,
      core=core,
      margin=margin,
      report=report,
    )
  if sweeps:
    latents = rdoq.refine(
      rgb,
      latents,
      bundle,
      quality=quality,
      sweeps=sweeps,
      searched=searched,
      seed=seed,
      core=core,
    )
  height, width = rgb.shape[:2]
  encoded = codec.encode_latents(
    latents,
    bundle,
    height=height,
    width=width,
    quality=quality,
    grey=pixels.ndim == 2,
    entropy_coder=entropy_coder,
  )
  if postfilter:
    return wiener.filtered(rgb, encoded, bundle, core=core)
  return encoded


def optimise(
  pictures: UInt8[np.ndarray, "b h w 3"],
  start: Latents,
  bundle: Bundle,
  *,
  quality: float | int | None = None,
  steps: int | None = None,
  seconds: float | None = None,
  seed: int = 0,
  core: int = CORE,
  margin: int = MARGIN,
  report: Report | None = None,
) -> Latents:
  """The best rounded latents that were found for images of one size.

  Args:
    pictures: 8-bit RGB; spread over the devices if their number allows it.
    start: continuous latents of the padded images, (b, h/16, w/16, c).
    bundle, quality, seed, core, margin, report: as in `encode`.
    steps: of each window, and
    seconds: shared by all; whichever ends first. At least one.

  Raises:
    LicError: the codec has no such quality, has a context model or another
      distortion than MSE; or `core` or `margin` is no multiple of its stride.
  """
  _check(bundle)
  _check_window(bundle, core, margin)
  whole = problem(pictures, start, bundle, seed=seed)
  optimizer = _optimizer(bundle.folder, bundle.card["fingerprint"])
  latents = jax.tree.map(np.array, whole.start)
  places = list(windows(*whole.target.x.shape[1:3], core=core, margin=margin))
  begun = time.monotonic()
  for number, place in enumerate(places):
    share = None
    if seconds is not None:
      spent = time.monotonic() - begun
      share = max(0.0, seconds - spent) / (len(places) - number)

    def tell(done: int, terms: Terms, number: int = number) -> None:
      if report:
        bpp = float(np.mean(terms.bpp))
        psnr = float(np.mean(10 * np.log10(255**2 / np.asarray(terms.mse))))
        report(Progress(number + 1, len(places), done, bpp, psnr))

    best, _ = optimizer.run(
      cut(whole, latents, place, number),
      schedule.DEFAULT,
      number=bundle.number(quality),
      steps=steps,
      seconds=share,
      report=tell,
    )
    paste(latents, best, place)
  return Latents(y=latents.y, z=latents.z)


def problem(
  pictures: UInt8[np.ndarray, "b h w 3"],
  start: Latents,
  bundle: Bundle,
  *,
  seed: int,
) -> Problem:
  """What the optimizer is given for whole images, all latents free."""
  b, height, width, _ = pictures.shape
  x = pictures.astype(np.float32) / np.float32(255) - np.float32(0.5)
  x = pad_reflect(x, bundle.decoder.stride)
  real = np.zeros((*x.shape[:3], 1), np.float32)
  real[:, :height, :width] = 1
  variables = Variables(start.y, start.z)
  free = jax.tree.map(lambda v: np.ones((*v.shape[:3], 1), bool), variables)
  keys = jax.random.split(jax.random.key(seed), b)
  return Problem(variables, Target(x, real), free, keys)


def cut(
  whole: Problem, latents: Variables, place: tuple[Span, Span], number: int
) -> Problem:
  """The part of a problem in one window, with only its core free."""
  rows, columns = place

  def window(array: Array, stride: int) -> Array:
    return array[:, rows.window(stride), columns.window(stride)]

  def mask(array: Array, stride: int) -> Array:
    free = np.zeros((*window(array, stride).shape[:3], 1), bool)
    free[:, rows.core_inside(stride), columns.core_inside(stride)] = True
    return free

  return Problem(
    start=jax.tree.map(window, latents, _strides(latents)),
    target=jax.tree.map(lambda array: window(array, 1), whole.target),
    free=jax.tree.map(mask, latents, _strides(latents)),
    key=jax.vmap(jax.random.fold_in, (0, None))(whole.key, number),
  )


def paste(
  latents: Variables, found: Variables, place: tuple[Span, Span]
) -> None:
  """Puts what was found for a window's core into the image's latents."""
  rows, columns = place

  def put(array: np.ndarray, part: Array, stride: int) -> None:
    inside = rows.core_inside(stride), columns.core_inside(stride)
    core = np.asarray(part)[:, inside[0], inside[1]]
    array[:, rows.core(stride), columns.core(stride)] = core

  jax.tree.map(put, latents, found, _strides(latents))


def products() -> str:
  """The dtype in which this machine multiplies matrices fastest."""
  if jax.default_backend() != "cpu":
    return "bfloat16"
  try:
    flags = Path("/proc/cpuinfo").read_text()
  except OSError:
    return "float32"
  return "bfloat16" if " amx_bf16" in flags else "float32"


def _check(bundle: Bundle) -> None:
  """Refuses codecs on which the objective is not the one of their training.

  Raises:
    LicError: the codec is one.
  """
  if bundle.decoder.context is not None:
    raise LicError("iterative encoding of context models is not built")
  distortion = bundle.card.get("distortion", "mse")
  if distortion != "mse":
    raise LicError(
      f"iterative encoding lowers the MSE; this codec has {distortion}"
    )


def _check_window(bundle: Bundle, core: int, margin: int) -> None:
  """Refuses windows that do not lie on the codec's grid.

  Raises:
    LicError: this is one.
  """
  stride = bundle.decoder.stride
  if core < stride or margin < 0 or core % stride or margin % stride:
    raise LicError(
      f"a window of {core} pixels with a margin of {margin} does not fit the "
      f"codec's grid; both must be multiples of {stride}"
    )


def _strides(latents: Variables) -> Variables:
  """Pixels per sample of y and z."""
  return Variables(16, None if latents.z is None else 64)


@functools.lru_cache(maxsize=2)
def _optimizer(folder: Path, fingerprint: str) -> Optimizer:
  """The optimizer of a bundle; the fingerprint keeps a replaced one apart."""
  return Optimizer(bundles.read_again(folder, fingerprint), dtype=products())
