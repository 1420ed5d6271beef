"""Computes tests/assets/entropy_tfc.json with tensorflow-compression.

Not collected by pytest and not part of `make test`: it is run once, in an
environment of its own (Python 3.11, `pip install tensorflow-cpu==2.14.1
tensorflow-compression==2.14.1`), because neither is a dependency of this
project:

  python tests/assets/make_tfc_values.py

Everything is computed in float64 from seeded inputs that are stored beside
the results, so that a test needs the JSON alone.
"""

import datetime
import importlib.metadata
import json
import pathlib

import numpy as np
import tensorflow as tf
import tensorflow_compression as tfc

OUTPUT = pathlib.Path(__file__).parent / "entropy_tfc.json"
DTYPE = tf.float64
DIGITS = 8  # significant digits kept of every number

TRANSPOSED = (
  (16, 16),
  (18, 16),
  (20, 16),
  (26, 16),
  (32, 16),
  (13, 8),
  (5, 2),
  (3, 1),
  (6, 4),
)


def _random(seed: int, *shape: int, scale: float = 1.0) -> np.ndarray:
  """Normal values rounded to 4 decimals, so that the JSON holds them fully."""
  return np.round(np.random.RandomState(seed).normal(size=shape) * scale, 4)


def _nested(array) -> object:
  """Nested lists of floats of 8 significant digits."""
  array = np.asarray(array)
  if array.ndim == 0:
    return float(f"{float(array):.{DIGITS}g}")
  return [_nested(row) for row in array]


def factorized() -> dict:
  """DeepFactorized and its noisy version, 4 channels, parameters moved."""
  channels = 4
  prior = tfc.DeepFactorized(
    batch_shape=(channels,), num_filters=(3, 3), init_scale=10, dtype=DTYPE
  )
  initial = [np.asarray(m) for m in prior._matrices]
  seed = 100
  for group, scale in (
    (prior._matrices, 0.4),
    (prior._biases, 0.8),
    (prior._factors, 0.6),
  ):
    for variable in group:
      seed += 1
      start = variable.numpy() if group is prior._matrices else 0.0
      moved = start + _random(seed, *variable.shape, scale=scale)
      variable.assign(np.round(moved, 4))
  noisy = tfc.UniformNoiseAdapter(prior)
  grid = [-400.0, -100.0, -30.0, -10.0, -3.5, -1.0, -0.25, 0.0, 0.3, 0.5, 1.0]
  grid += [2.0, 5.5, 12.0, 40.0, 120.0, 500.0]
  x = tf.constant(np.tile(np.array(grid)[:, None], (1, channels)), DTYPE)
  with tf.GradientTape() as tape:
    tape.watch(x)
    log_prob = noisy.log_prob(x)
  return {
    "matrices": [_nested(v.numpy()) for v in prior._matrices],
    "biases": [_nested(v.numpy()) for v in prior._biases],
    "factors": [_nested(v.numpy()) for v in prior._factors],
    "initial_matrices": [_nested(m) for m in initial],
    "x": _nested(grid),
    "cdf_logits": _nested(prior._logits_cumulative(x)),
    "prob": _nested(noisy.prob(x)),
    "log_prob": _nested(log_prob),
    "bits": _nested(-log_prob / np.log(2.0)),
    "gradient_log_prob": _nested(tape.gradient(log_prob, x)),
    "medians": _nested(prior_medians(prior)),
    "quantization_offset": _nested(tfc.quantization_offset(noisy)),
  }


def prior_medians(prior) -> np.ndarray:
  """Roots of the CDF logits: tfc's own estimate, polished by Newton steps."""
  x = tfc.quantization_offset(prior)
  for _ in range(20):
    with tf.GradientTape() as tape:
      tape.watch(x)
      logits = prior._logits_cumulative(x[None])[0]
    x = x - logits / tape.gradient(logits, x)
  return x.numpy()


def gaussian() -> dict:
  """NoisyNormal at table indices of spec/shallow_decoders 2.2 and beyond."""
  indices = np.array([0, 5, 10, 20.5, 33.25, 40, 63], np.float64)
  factor = (np.log(256) - np.log(0.11)) / 63
  scales = 0.11 * np.exp(factor * indices)
  residuals = np.array(
    [-300, -40, -7, -2, -0.5, 0, 0.3, 0.5, 1, 2, 7, 40, 300], np.float64
  )
  normal = tfc.NoisyNormal(
    loc=tf.constant(0.0, DTYPE), scale=tf.constant(scales[:, None], DTYPE)
  )
  r = tf.constant(np.tile(residuals, (len(scales), 1)), DTYPE)
  with tf.GradientTape() as tape:
    tape.watch(r)
    bits = -normal.log_prob(r) / np.log(2.0)
  scale = tf.constant(np.tile(scales[:, None], (1, len(residuals))), DTYPE)
  with tf.GradientTape() as scale_tape:
    scale_tape.watch(scale)
    other = -tfc.NoisyNormal(loc=tf.zeros_like(r), scale=scale).log_prob(
      r
    ) / np.log(2.0)
  return {
    "index": _nested(indices),
    "scale": _nested(scales),
    "residual": _nested(residuals),
    "bits": _nested(bits),
    "gradient_residual": _nested(tape.gradient(bits, r)),
    "gradient_scale": _nested(scale_tape.gradient(other, scale)),
  }


def gdn() -> dict:
  """GDN1 and IGDN1 (alpha = epsilon = 1), and the stored parameterisation."""
  u = _random(1, 2, 3, 4, 5, scale=2.0)
  beta = np.round(np.abs(_random(2, 5)) + 0.2, 4)
  gamma = np.round(np.abs(_random(3, 5, 5)) * 0.3, 4)
  values = {"u": _nested(u), "beta": _nested(beta), "gamma": _nested(gamma)}
  for name, inverse in (("gdn1", False), ("igdn1", True)):
    layer = tfc.GDN(
      inverse=inverse,
      rectify=False,
      alpha_parameter=1,
      epsilon_parameter=1,
      beta_parameter=tf.constant(beta, DTYPE),
      gamma_parameter=tf.constant(gamma, DTYPE),
      dtype="float64",
    )
    values[name] = _nested(layer(tf.constant(u, DTYPE)))
  stored = np.array([-0.1, 0.0, 1e-6, 5e-4, 0.3, 1.0, 2.0])
  upstream = np.array([1.0, -1.0])
  for name, minimum in (("beta", 1e-6), ("gamma", 0.0)):
    parameter = tfc.GDNParameter(tf.zeros(len(stored), DTYPE), minimum=minimum)
    parameter.variable.assign(stored)
    gradients = []
    for sign in upstream:
      with tf.GradientTape() as tape:
        effective = parameter()
        loss = tf.reduce_sum(effective * sign)
      gradients.append(_nested(tape.gradient(loss, parameter.variable)))
    initial = tfc.GDNParameter(
      tf.constant([0.0, 0.1, 1.0], DTYPE), minimum=minimum
    )
    values[f"parameter_{name}"] = {
      "minimum": minimum,
      "stored": _nested(stored),
      "effective": _nested(effective),
      "upstream": _nested(upstream),
      "gradient_stored": gradients,
      "initial": [0.0, 0.1, 1.0],
      "initial_stored": _nested(initial.variable),
    }
  return values


def signal_conv() -> list:
  """SignalConv2D same_zeros: corr with strides_down, conv with strides_up."""
  rows = []
  for number, (down, kernel_side, stride, height, width) in enumerate(
    (
      (True, 5, 2, 8, 6),
      (True, 5, 2, 7, 9),
      (True, 9, 4, 12, 8),
      (False, 5, 2, 3, 4),
      (False, 9, 4, 3, 2),
    )
  ):
    x = _random(10 + number, 1, height, width, 2)
    kernel = _random(20 + number, kernel_side, kernel_side, 2, 3)
    bias = _random(30 + number, 3)
    layer = tfc.SignalConv2D(
      3,
      (kernel_side, kernel_side),
      corr=down,
      strides_down=stride if down else 1,
      strides_up=1 if down else stride,
      padding="same_zeros",
      use_bias=True,
      kernel_parameter=tf.constant(kernel, DTYPE),
      bias_parameter=tf.constant(bias, DTYPE),
      dtype="float64",
    )
    rows.append(
      {
        "direction": "down" if down else "up",
        "kernel_side": kernel_side,
        "stride": stride,
        "x": _nested(x),
        "kernel": _nested(kernel),
        "bias": _nested(bias),
        "y": _nested(layer(tf.constant(x, DTYPE))),
      }
    )
  return rows


def conv_transpose() -> list:
  """Keras Conv2DTranspose SAME; the kernel is stored (k, k, in, out)."""
  rows = []
  for number, (side, stride) in enumerate(TRANSPOSED):
    tall = 3 if stride < 16 else 2
    x = _random(40 + number, 1, tall, 2, 2)
    kernel = _random(50 + number, side, side, 2, 1)
    bias = _random(60 + number, 1)
    layer = tf.keras.layers.Conv2DTranspose(
      1, side, strides=stride, padding="same", dtype="float64"
    )
    layer.build(x.shape)
    # Keras keeps (k, k, out, in).
    layer.set_weights([np.swapaxes(kernel, 2, 3), bias])
    rows.append(
      {
        "kernel_side": side,
        "stride": stride,
        "x": _nested(x),
        "kernel": _nested(kernel),
        "bias": _nested(bias),
        "y": _nested(layer(tf.constant(x, DTYPE))),
      }
    )
  return rows


def bounds() -> dict:
  """lower_bound and upper_bound, gradient "identity_if_towards"."""
  x = np.array([-2.0, -0.5, 0.0, 0.5, 1.0, 1.5, 70.0])
  rows = {"x": _nested(x), "bound": 0.5}
  for name, function in (
    ("lower", tfc.lower_bound),
    ("upper", tfc.upper_bound),
  ):
    for sign_name, sign in (("positive", 1.5), ("negative", -1.5)):
      value = tf.constant(x, DTYPE)
      with tf.GradientTape() as tape:
        tape.watch(value)
        y = function(value, 0.5)
        loss = tf.reduce_sum(y * sign)
      rows[name] = _nested(y)
      rows[f"gradient_{name}_{sign_name}"] = _nested(tape.gradient(loss, value))
  rows["upstream_positive"], rows["upstream_negative"] = 1.5, -1.5
  return rows


def rounding() -> dict:
  """round_st: half to even, identity gradient, none to the offset."""
  x = np.array([-2.5, -1.5, -0.6, -0.5, 0.2, 0.5, 1.5, 2.5, 3.7])
  offset = np.array([0.0, 0.25, -0.3, 0.4, 0.1, 0.5, -0.5, 0.2, 0.7])
  value, shift = tf.constant(x, DTYPE), tf.constant(offset, DTYPE)
  upstream = tf.constant(np.linspace(-1.0, 1.0, 9), DTYPE)
  with tf.GradientTape(persistent=True) as tape:
    tape.watch([value, shift])
    plain = tfc.round_st(value)
    moved = tfc.round_st(value, shift)
    plain_loss = tf.reduce_sum(plain * upstream)
    moved_loss = tf.reduce_sum(moved * upstream)
  no_gradient = tape.gradient(moved_loss, shift)
  return {
    "x": _nested(x),
    "offset": _nested(offset),
    "upstream": _nested(upstream),
    "round": _nested(plain),
    "gradient_round": _nested(tape.gradient(plain_loss, value)),
    "round_offset": _nested(moved),
    "gradient_round_offset": _nested(tape.gradient(moved_loss, value)),
    "gradient_offset": None if no_gradient is None else _nested(no_gradient),
  }


def main() -> None:
  provenance = {
    "tensorflow": tf.__version__,
    "tensorflow_compression": importlib.metadata.version(
      "tensorflow-compression"
    ),
    "tensorflow_probability": importlib.metadata.version(
      "tensorflow-probability"
    ),
    "numpy": np.__version__,
    "command": "python tests/assets/make_tfc_values.py",
    "date": datetime.date.today().isoformat(),
    "precision": f"float64, {DIGITS} significant digits",
  }
  sections = {
    "provenance": provenance,
    "factorized": factorized(),
    "gaussian": gaussian(),
    "gdn": gdn(),
    "signal_conv": signal_conv(),
    "conv_transpose": conv_transpose(),
    "bounds": bounds(),
    "rounding": rounding(),
  }
  lines = ",\n".join(
    f' "{name}": {json.dumps(value, separators=(",", ":"))}'
    for name, value in sections.items()
  )
  OUTPUT.write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
  main()
