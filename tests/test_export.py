"""From a training run's checkpoint to a bundle that codes pictures."""

import jax
import ml_collections
import numpy as np
import pytest
import tiny_codec

from lic_jax import export
from lic_jax.codec import bundle as bundles
from lic_jax.codec import decode, encode
from lic_jax.models import build
from lic_jax.training import checkpoint
from lic_jax.types import LicError

STEP = 7


@pytest.fixture(scope="module")
def params() -> dict:
  model = build.build(tiny_codec.FACTORIZED)
  key = jax.random.key(0, impl="rbg")
  image = np.zeros((1, 16, 16, 3), np.float32)
  params = jax.jit(model.init)(key, image)["params"]
  return jax.tree.map(np.asarray, params)


@pytest.fixture
def workdir(params, tmp_path):
  config = ml_collections.ConfigDict(
    {"model": tiny_codec.FACTORIZED, "loss": {"lmbda": 0.02}}
  )
  workdir = tmp_path / "run"
  checkpoint.claim(config, workdir)
  checkpoints = checkpoint.Checkpoints(workdir)
  checkpoints.save(STEP, {"params": params}, {})
  checkpoints.close()
  return workdir


def test_a_checkpoint_becomes_a_bundle_that_codes(workdir, tmp_path, capsys):
  output = tmp_path / "codec"
  arguments = [f"--workdir={workdir}", f"--output={output}"]
  assert export.main(arguments) == 0
  bundle = bundles.read(output)
  assert bundle.fingerprint.hex() in capsys.readouterr().out
  assert bundle.card["lambda"] == 0.02
  assert bundle.card["training"]["steps"] == STEP
  rgb = tiny_codec.photograph()[:20, :30]
  assert decode.decode(encode.encode(rgb, bundle).data, bundle).shape == (
    20,
    30,
    3,
  )


def test_exporting_twice_gives_the_same_fingerprint(params, tmp_path):
  first, second = (
    export.export(
      tmp_path / name, tiny_codec.FACTORIZED, params, card=tiny_codec.CARD
    )
    for name in ("first", "second")
  )
  assert first.card == second.card


def test_a_folder_without_a_run_is_refused(tmp_path, capsys):
  arguments = [f"--workdir={tmp_path}", f"--output={tmp_path / 'codec'}"]
  assert export.main(arguments) == 1
  printed = capsys.readouterr().err
  assert printed.startswith("export: ") and printed.count("\n") == 1
  assert not list(tmp_path.iterdir())


def test_parameters_that_are_not_finite_are_refused(params, tmp_path):
  broken = jax.tree.map(np.array, params)
  broken["analysis"]["latent"]["conv"]["bias"][0] = np.nan
  with pytest.raises(LicError, match=r"analysis.*not finite"):
    export.export(
      tmp_path / "codec", tiny_codec.FACTORIZED, broken, card=tiny_codec.CARD
    )
  assert not list(tmp_path.iterdir())
