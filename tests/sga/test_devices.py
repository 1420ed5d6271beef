"""Images spread over several devices end as on one."""

import os
import subprocess
import sys

import numpy as np
import tiny_codec

from lic_jax.codec import encode as codec
from lic_jax.sga import encode
from lic_jax.types import Latents

PROGRAM = """
import sys, jax, numpy as np
from lic_jax.codec import bundle
from lic_jax.sga import encode
from lic_jax.types import Latents
assert jax.device_count() == 2
given = np.load(sys.argv[2])
latents = encode.optimise(
  given["pictures"], Latents(given["y"], given["z"]), bundle.read(sys.argv[1]),
  steps=5,
)
np.savez(sys.argv[3], y=latents.y, z=latents.z)
"""


def test_two_devices_give_what_one_gives(hyperprior, tmp_path):
  photograph = tiny_codec.photograph()
  pictures = np.stack([photograph[:64, :128], photograph[100:164, 200:328]])
  starts = [codec.analyse(picture, hyperprior) for picture in pictures]
  start = Latents(
    *(np.concatenate(x) for x in zip(*((s.y, s.z) for s in starts)))
  )
  np.savez(tmp_path / "in.npz", pictures=pictures, y=start.y, z=start.z)
  subprocess.run(
    [
      *(sys.executable, "-c", PROGRAM, str(hyperprior.folder)),
      *(str(tmp_path / "in.npz"), str(tmp_path / "out.npz")),
    ],
    env={
      **os.environ,
      "XLA_FLAGS": os.environ.get("XLA_FLAGS", "")
      + " --xla_force_host_platform_device_count=2",
    },
    check=True,
  )
  one = encode.optimise(pictures, start, hyperprior, steps=5)
  two = np.load(tmp_path / "out.npz")
  # A latent half way between two symbols may fall either way.
  for array in ("y", "z"):
    different = np.abs(getattr(one, array) - two[array]) > 1e-3
    assert different.mean() < 1e-3
