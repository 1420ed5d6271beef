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
  checkpoints.save(STEP, {"params": params}, {"seconds": 150.0})
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
  assert bundle.card["training"]["minutes"] == 2.5
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


def test_half_the_size_is_the_same_decoder_and_nearly_the_same_encoder(
  params, tmp_path
):
  def made(name, params, **options):
    return export.export(
      tmp_path / name,
      tiny_codec.FACTORIZED,
      params,
      card=tiny_codec.CARD,
      **options,
    )

  whole, half = made("whole", params), made("half", params, half=True)
  assert half.fingerprint == whole.fingerprint
  sizes = [(b.folder / bundles.ENCODER).stat().st_size for b in (whole, half)]
  assert sizes[1] < 0.6 * sizes[0]
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-7),
    *(bundles.read_encoder(bundle) for bundle in (whole, half)),
  )
  large = jax.tree.map(np.array, params)
  large["analysis"]["latent"]["conv"]["bias"][0] = 1e6
  with pytest.raises(LicError, match=r"latent/conv/bias.*float16"):
    made("large", large, half=True)
  assert not (tmp_path / "large").exists()


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
