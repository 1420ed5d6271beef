r"""Computes tests/assets/ms_ssim_tensorflow.json with TensorFlow.

Not collected by pytest and not part of `make test`: it is run once, in an
environment of its own (Python 3.11, `pip install tensorflow-cpu==2.14.1`),
because TensorFlow is no dependency of this project:

  python tests/assets/make_tensorflow_values.py \
      --photographs=FOLDER_OF_skimage/data

The photographs are PNG files that ship inside scikit-image; the worse version
of each is made by `degradations.py`.
"""

import argparse
import datetime
import hashlib
import json
import pathlib

import degradations
import numpy as np
import tensorflow as tf

OUTPUT = pathlib.Path(__file__).parent / "ms_ssim_tensorflow.json"

# (file, height, width, kind, strength); a size None keeps the photograph's.
PAIRS = (
  ("astronaut.png", None, None, "noise", 4),
  ("astronaut.png", None, None, "noise", 32),
  ("astronaut.png", None, None, "quantise", 16),
  ("astronaut.png", None, None, "blur", 2),
  ("coffee.png", None, None, "noise", 16),
  ("coffee.png", None, None, "quantise", 48),
  ("coffee.png", None, None, "blur", 5),
  ("chelsea.png", None, None, "noise", 10),
  ("chelsea.png", None, None, "quantise", 32),
  ("chelsea.png", None, None, "blur", 1),
  ("chelsea.png", 161, 163, "blur", 3),
  ("chelsea.png", 231, 257, "noise", 60),
  ("chelsea.png", 200, 200, "invert", 0),
)

# Both sides below 160: plain SSIM (spec/shallow_decoders section 5).
SMALL_PAIRS = (
  ("astronaut.png", 128, 128, "noise", 20),
  ("coffee.png", 159, 97, "blur", 2),
  ("chelsea.png", 64, 64, "quantise", 32),
  ("chelsea.png", 11, 13, "noise", 30),
  ("chelsea.png", 64, 64, "invert", 0),
)


def _sha256(image: np.ndarray) -> str:
  return hashlib.sha256(image.tobytes()).hexdigest()


def _row(folder: pathlib.Path, pair: tuple, metric: str) -> dict:
  name, height, width, kind, strength = pair
  image = tf.io.decode_png(
    tf.io.read_file(str(folder / name)), channels=3
  ).numpy()
  image = degradations.crop(
    image, height=height or image.shape[0], width=width or image.shape[1]
  )
  worse = degradations.degrade(image, kind=kind, strength=strength)
  function = getattr(tf.image, metric)
  value = function(tf.constant(image), tf.constant(worse), max_val=255)
  return {
    "photograph": name,
    "height": image.shape[0],
    "width": image.shape[1],
    "kind": kind,
    "strength": strength,
    "sha256": _sha256(image),
    "sha256_worse": _sha256(worse),
    "metric": metric,
    "value": round(float(value.numpy()), 8),
  }


def main() -> None:
  parser = argparse.ArgumentParser()
  parser.add_argument("--photographs", type=pathlib.Path, required=True)
  folder = parser.parse_args().photographs
  rows = [_row(folder, pair, "ssim_multiscale") for pair in PAIRS]
  rows += [_row(folder, pair, "ssim") for pair in SMALL_PAIRS]
  provenance = {
    "tensorflow": tf.__version__,
    "numpy": np.__version__,
    "command": "python tests/assets/make_tensorflow_values.py "
    "--photographs=FOLDER_OF_skimage/data",
    "date": datetime.date.today().isoformat(),
    "pairs": "PNG photographs inside scikit-image, cropped at the top left, "
    "made worse by tests/assets/degradations.py; sha256 of the uint8 arrays",
    "metric": "tf.image.ssim_multiscale / tf.image.ssim, uint8, max_val=255",
  }
  text = ",\n  ".join(json.dumps(row) for row in rows)
  OUTPUT.write_text(
    f'{{\n "provenance": {json.dumps(provenance)},\n'
    f' "pairs": [\n  {text}\n ]\n}}\n'
  )


if __name__ == "__main__":
  main()
