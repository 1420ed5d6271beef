"""No file, however damaged, gives a wrong picture or anything but one line.

Structure by hypothesis here; noise, and whole processes, by a short run of
experiments/fuzz.
"""

import dataclasses
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tiny_codec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lic_jax.codec import container, decode, encode
from lic_jax.types import LicError

ROOT = pathlib.Path(__file__).parents[2]
SIZES = [(1, 1), (1, 9), (33, 17), (64, 64), (65, 63)]


@pytest.fixture(scope="module")
def files(hyperprior, factorized):
  """Codec, file and picture of each size."""
  rgb = tiny_codec.photograph()[60:, 100:]
  return [
    (bundle, data, decode.decode(data, bundle))
    for bundle in (hyperprior, factorized)
    for height, width in SIZES
    for data in [encode.encode(rgb[:height, :width], bundle).data]
  ]


@st.composite
def headers(draw, header: container.Header) -> container.Header:
  """A header like this one, with some fields changed."""
  side = st.integers(1, 200) | st.integers(1, container.MAX_SIDE)
  fields = {
    "quality": st.integers(0, 65535),
    "width": side,
    "height": side,
    "flags": st.integers(0, 7),
    "symbols_crc": st.integers(0, 2**32 - 1),
  }
  names = draw(st.sets(st.sampled_from(sorted(fields)), max_size=3))
  return dataclasses.replace(
    header, **{name: draw(fields[name]) for name in names}
  )


@st.composite
def sections(draw, section: bytes) -> bytes:
  """A section like this one: as it is, cut, replaced or changed in a place."""
  kind = draw(st.integers(0, 4))
  if kind == 0 or not section:
    return section
  start = draw(st.integers(0, len(section) - 1))
  if kind == 1:
    return section[:start]
  if kind == 2:
    return draw(st.binary(max_size=60))
  run = draw(st.binary(min_size=1, max_size=8))
  end = start if kind == 3 else start + len(run)
  return section[:start] + run + section[end:]


@settings(
  max_examples=400,
  deadline=10_000,  # ms
  derandomize=True,
  suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_a_well_formed_file_of_anything_is_right_or_refused(files, data):
  bundle, coded, picture = data.draw(st.sampled_from(files))
  file = container.unpack(coded)
  changed = container.File(
    data.draw(headers(file.header)),
    data.draw(sections(file.hyper_latent)),
    data.draw(sections(file.latent)),
  )
  try:
    decoded = decode.decode(container.pack(changed), bundle)
  except LicError as error:
    assert str(error) and "\n" not in str(error)
  else:
    np.testing.assert_array_equal(decoded, picture)


@pytest.mark.parametrize("name", ["hyperprior", "factorized"])
def test_a_short_run_of_the_experiment_finds_nothing(request, tmp_path, name):
  bundle = request.getfixturevalue(name)
  program = ROOT / "experiments" / "fuzz" / "run.py"
  command = [sys.executable, str(program), f"--codec={bundle.folder}"]
  command += ["--count=2000", "--processes=5", "--seed=1"]
  output = tmp_path / "fuzz.json"
  run = subprocess.run(
    [*command, f"--output={output}"], capture_output=True, text=True
  )
  assert run.returncode == 0, run.stdout + run.stderr
  result = json.loads(output.read_text())
  for part, count in (("in_process", 2000), ("processes", 5)):
    outcomes = list(result[part]["outcomes"].values())
    assert {kind for o in outcomes for kind in o} <= {
      "refused",
      "right picture",
    }
    assert sum(n for o in outcomes for n in o.values()) == count
