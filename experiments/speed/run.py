r"""Seconds of training steps, decoders and layers, per transposed convolution.

  python experiments/speed/run.py --only=step --output=step.json

Every case compiles its function once per implementation, calls each once to
warm up, then calls them in turn (A B A B ...), so that what else the machine
does falls on both. Ratios of medians are what the result stands on.
"""

import datetime
import functools
import importlib.util
import json
import os
import pathlib
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import flax
import jax
import jax.numpy as jnp
import jaxlib
import numpy as np
import optax
from absl import app, flags
from implementations import IMPLEMENTATIONS, using

from lic_jax.models.build import build
from lic_jax.ops import transposed
from lic_jax.sga import frozen, optimizer, relaxation
from lic_jax.sga.objective import Target, Variables, Weights
from lic_jax.training import state as states
from lic_jax.training import step

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUTPUT = flags.DEFINE_string("output", "", "JSON file; empty: print only")
ONLY = flags.DEFINE_list("only", [], "kinds of case: layer, decoder, step, sga")

BOTH = ("matrix_product", "lax")
LATENT = (32, 48)  # of a 512 x 768 photograph
# name: k, stride, channels in and out, input height and width, alignment
LAYERS = {
  "two_layer conv1": (13, 8, 320, 12, 32, 48, "keras"),
  "two_layer conv2": (5, 2, 12, 3, 256, 384, "keras"),
  "jpeg_like": (18, 16, 320, 3, 32, 48, "keras"),
  "hyper conv0, width 112": (5, 2, 112, 112, 8, 12, "keras"),
  "hyper conv1, width 112": (5, 2, 112, 168, 16, 24, "keras"),
  "hyper conv2, width 112": (3, 1, 168, 640, 32, 48, "keras"),
  "hyper conv0, width 320": (5, 2, 320, 320, 8, 12, "keras"),
  "hyper conv1, width 320": (5, 2, 320, 480, 16, 24, "keras"),
  "hyper conv2, width 320": (3, 1, 480, 640, 32, 48, "keras"),
  "mbt2018 inner": (5, 2, 192, 192, 32, 32, "signal"),
  "mbt2018 last": (5, 2, 192, 3, 256, 384, "signal"),
  "bls2017 last": (9, 4, 256, 3, 128, 192, "signal"),
}

# An implementation's name -> a call that blocks until its result is there.
Calls = dict[str, Callable[[], None]]


def in_turn(calls: Calls, *, rounds: int) -> dict[str, list[float]]:
  """Seconds of each call, A B A B ...; one unmeasured call of each before."""
  for call in calls.values():
    call()
  seconds: dict[str, list[float]] = {name: [] for name in calls}
  for _ in range(rounds):
    for name, call in calls.items():
      start = time.perf_counter()
      call()
      seconds[name].append(time.perf_counter() - start)
  return seconds


def compiled_calls(
  function: Callable[..., Any], arguments: Sequence[Any], names: Sequence[str]
) -> Calls:
  """`function` compiled once per implementation."""
  calls = {}
  for name in names:
    with using(name):
      # A fresh function: jit would find the other implementation's trace.
      fresh = functools.partial(function)
      compiled = jax.jit(fresh).lower(*arguments).compile()
    calls[name] = functools.partial(_blocking, compiled, arguments)
  return calls


def _blocking(compiled: Callable[..., Any], arguments: Sequence[Any]) -> None:
  jax.block_until_ready(compiled(*arguments))


def step_case(name: str) -> dict[str, list[float]]:
  """Whole training steps of a config, batch 8 x 256 x 256, state donated."""
  config = _config(name)
  model = build(config["model"])
  adam = states.make_optimizer(config["optimizer"]["clip"])
  rng = np.random.default_rng(0)
  pixels = jnp.asarray(rng.integers(0, 256, (8, 256, 256, 3), np.uint8))
  keys = jax.random.split(jax.random.PRNGKey(0), 8)

  def call_with(implementation: str) -> Callable[[], None]:
    held = states.create(states.create_params(model, seed=1), adam)
    arguments = (pixels, jnp.float32(0.5), keys)
    with using(implementation):
      fresh = functools.partial(
        step.train_step, model=model, optimizer=adam, config=config
      )
      lowered = jax.jit(fresh, donate_argnums=0).lower(held, *arguments)
      compiled = lowered.compile()

    def call() -> None:
      nonlocal held
      held, _ = jax.block_until_ready(compiled(held, *arguments))

    return call

  calls = {name: call_with(name) for name in BOTH}
  return in_turn(calls, rounds=2 if name == "two_layer" else 4)


def decoder_cases(name: str) -> Iterator[tuple[str, dict[str, list[float]]]]:
  """The decoder's two functions on one 512 x 768 photograph's latents.

  "gradient" is the value and the gradient with respect to the latent, weights
  frozen: what iterative encoding repeats.
  """
  model = build(_config(name)["model"])
  image = jnp.zeros((1, model.stride, model.stride, 3))
  params = jax.jit(model.init)(jax.random.PRNGKey(0), image)
  weights = model.apply(params, method="decoder_weights")
  height, width = LATENT
  shapes = {
    "synthesis": (1, height, width, 320),
    "hyper_synthesis": (1, height // 4, width // 4, model.prior.channels),
  }
  for part, shape in shapes.items():
    # Looked up in `synthesis` when traced, hence replaced there.
    function = functools.partial(_decode, model.decoder_functions()[part])
    latent = jax.random.normal(jax.random.PRNGKey(1), shape)
    for kind, f in (("forward", function), ("gradient", _energy(function, 1))):
      calls = compiled_calls(f, (weights[part], latent), BOTH)
      yield f"{name} {part}, {kind}", in_turn(calls, rounds=7)


def sga_case(name: str) -> dict[str, list[float]]:
  """Steps of iterative encoding on one 512 x 768 photograph's latents.

  "frozen" is what the package does; the others put a transposed convolution of
  `implementations` in place of `sga.frozen`. "in a loop" runs ten steps in one
  `lax.fori_loop`; all others are one call each.
  """
  model = build(_config(name)["model"])
  image = jnp.zeros((1, model.stride, model.stride, 3))
  params = jax.jit(model.init)(jax.random.PRNGKey(0), image)
  decoder = model.apply(params, method="decoder_weights")
  height, width = LATENT
  latents = Variables(
    jax.random.normal(jax.random.PRNGKey(1), (height, width, 320)),
    jax.random.normal(
      jax.random.PRNGKey(2), (height // 4, width // 4, model.prior.channels)
    ),
  )
  x = jax.random.uniform(jax.random.PRNGKey(3), (16 * height, 16 * width, 3))
  problem = optimizer.Problem(
    start=latents,
    target=Target(x - 0.5, jnp.ones((*x.shape[:2], 1))),
    free=jax.tree.map(lambda v: jnp.ones((*v.shape[:2], 1), bool), latents),
    key=jax.random.key(0),
  )

  def calls(implementation: str, dtype: str, loop: bool) -> Calls:
    functions = {
      part: {**function, "dtype": dtype}
      for part, function in model.decoder_functions().items()
    }
    layers = decoder
    if implementation == "frozen":
      layers = {
        part: frozen.freeze(function, decoder[part], dtype)
        for part, function in functions.items()
      }
    weights = Weights(
      **layers,
      prior=params["params"]["prior"],
      offset=model.apply(params, method="offsets"),
    )
    step = functools.partial(
      optimizer.step, functions=functions, lmbda=0.01, relax=relaxation.sga
    )

    def several(weights: Any, problem: Any, held: Any) -> Any:
      def body(i: Any, held: Any) -> Any:
        return step(weights, problem, held, i, 0.01, 0.4)

      # A count that is not known when it is compiled, as for any chunk.
      count = jnp.where(held.terms.loss > 0, 10, 1)
      return jax.lax.fori_loop(0, count, body, held)

    def one(weights: Any, problem: Any, held: Any) -> Any:
      return step(weights, problem, held, 0, 0.01, 0.4)

    begin = functools.partial(optimizer.begin, functions=functions, lmbda=0.01)
    held = jax.jit(begin)(weights, problem)
    names = ("lax",) if implementation == "lax" else ("matrix_product",)
    label = f"{implementation} {dtype}" + (" in a loop" if loop else "")
    function = several if loop else one
    made = compiled_calls(function, (weights, problem, held), names)
    return {label: made[names[0]]}

  cases: Calls = {}
  for loop in (False, True):
    for dtype in ("bfloat16", "float32"):
      for implementation in ("frozen", "matrix_product", "lax"):
        if not loop or implementation != "matrix_product":
          cases |= calls(implementation, dtype, loop)
  seconds = in_turn(cases, rounds=7)
  return {
    name: [s / 10 if "loop" in name else s for s in times]
    for name, times in seconds.items()
  }


def layer_cases() -> Iterator[tuple[str, dict[str, list[float]]]]:
  """Single layers, batch 1: forward; gradient of input; of kernel as well."""
  for layer, (k, s, c_in, c_out, h, w, aligned) in LAYERS.items():
    origin = (
      transposed.signal_origin(k)
      if aligned == "signal"
      else transposed.same_origin(k, s)
    )
    x_key, kernel_key = jax.random.split(jax.random.PRNGKey(0))
    x = jax.random.normal(x_key, (1, h, w, c_in))
    kernel = jax.random.normal(kernel_key, (k, k, c_in, c_out)) / k
    names = [*BOTH, "phases"] if k == 5 or s == 1 else BOTH
    kinds: dict[str, Calls] = {"forward": {}, "gradient": {}, "training": {}}
    for name in names:
      f = functools.partial(_layer, name, stride=s, origin=origin)
      for kind, g in (
        ("forward", f),
        ("gradient", _energy(f, 1)),
        ("training", _energy(f, (0, 1))),
      ):
        kinds[kind] |= compiled_calls(g, (kernel, x), [name])
    for kind, calls in kinds.items():
      yield f"{layer}, {kind}", in_turn(calls, rounds=3)


def _layer(name: str, kernel: Any, x: Any, *, stride: int, origin: int) -> Any:
  return IMPLEMENTATIONS[name](x, kernel, None, stride=stride, origin=origin)


def _decode(description: dict, weights: Any, latent: Any) -> Any:
  static = {k: v for k, v in description.items() if k != "function"}
  module = sys.modules["lic_jax.ops.synthesis"]
  return getattr(module, description["function"])(weights, latent, **static)


def _energy(
  function: Callable[[Any, Any], Any], argnums: int | tuple[int, ...]
) -> Callable[..., Any]:
  """Value and gradient of a scalar whose cotangent depends on the output."""

  def energy(weights: Any, x: Any) -> Any:
    return jnp.mean(jnp.square(function(weights, x) - 0.5))

  return jax.value_and_grad(energy, argnums)


def _config(name: str) -> dict:
  path = ROOT / "configs" / f"{name}.py"
  spec = importlib.util.spec_from_file_location(name, path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module.get_config().to_dict()


def cases() -> Iterator[tuple[str, str, dict[str, list[float]]]]:
  """(kind, case, seconds), the cheapest first."""
  chosen = ONLY.value or ["layer", "decoder", "step", "sga"]
  if "layer" in chosen:
    for case, seconds in layer_cases():
      yield "layer", case, seconds
  for name in ("hierarchical_two_layer", "two_layer"):
    if "decoder" in chosen:
      for case, seconds in decoder_cases(name):
        yield "decoder", case, seconds
  for name in ("hierarchical_two_layer", "two_layer"):
    if "step" in chosen:
      yield "step", f"{name}, batch 8 x 256 x 256", step_case(name)
  if "sga" in chosen:
    name = "hierarchical_two_layer"
    yield "sga", f"{name}, 512 x 768", sga_case(name)


def summary(seconds: dict[str, list[float]]) -> dict[str, Any]:
  """Medians, and how many times quicker the first is than each."""
  medians = {name: float(np.median(s)) for name, s in seconds.items()}
  ours = next(iter(medians.values()))
  return {
    "seconds": {n: [round(t, 6) for t in s] for n, s in seconds.items()},
    "median_seconds": {n: round(m, 6) for n, m in medians.items()},
    "times_quicker_than": {
      n: round(m / ours, 3) for n, m in medians.items() if m is not ours
    },
    "load_average": [round(load, 2) for load in os.getloadavg()],
  }


def provenance() -> dict[str, Any]:
  """Commit, command, machine, versions, date."""

  def git(*arguments: str) -> str:
    result = subprocess.run(
      ["git", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    return result.stdout.strip() if result.returncode == 0 else ""

  changed = git("status", "--porcelain", "--", "lic_jax", "configs")
  commit = git("rev-parse", "HEAD")
  cpuinfo = pathlib.Path("/proc/cpuinfo")
  text = cpuinfo.read_text() if cpuinfo.exists() else ""
  models = [x.split(": ")[1] for x in text.split("\n") if "model name" in x]
  return {
    "commit": commit if commit and not changed else "uncommitted",
    "command": " ".join(["python", "experiments/speed/run.py", *sys.argv[1:]]),
    "machine": {
      "cpu": models[0] if models else platform.processor(),
      "cores": os.cpu_count(),
      "device": jax.devices()[0].device_kind,
      "niceness": os.nice(0),
      "load_average_at_start": [round(x, 2) for x in os.getloadavg()],
    },
    "versions": {
      "python": platform.python_version(),
      **{m.__name__: m.__version__ for m in (jax, jaxlib, flax, optax, np)},
    },
    "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
  }


def main(_: Sequence[str]) -> None:
  results: dict[str, Any] = {"provenance": provenance(), "cases": {}}
  for kind, case, seconds in cases():
    result = summary(seconds)
    results["cases"].setdefault(kind, {})[case] = result
    milliseconds = "  ".join(
      f"{name} {1e3 * median:.2f} ms"
      for name, median in result["median_seconds"].items()
    )
    print(f"{case}: {milliseconds}", flush=True)
  if OUTPUT.value:
    path = pathlib.Path(OUTPUT.value)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
  app.run(main)
