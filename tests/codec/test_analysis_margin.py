"""No analysis sees further than the margin of the windows it works in."""

import jax
import numpy as np
import pytest

from lic_jax.codec import encode
from lic_jax.transforms import find
from lic_jax.transforms.hyper import HyperAnalysis

ANALYSES = [
  {"name": "hierarchical.Analysis", "channels": [4, 4, 4], "linear": True},
  {"name": "elic.Analysis", "channels": [4, 4, 4, 6]},
  {"name": "conv_gdn.Analysis", "channels": [4, 4, 4, 6]},
]


@pytest.mark.parametrize("config", ANALYSES, ids=lambda config: config["name"])
def test_a_pixel_changes_nothing_beyond_the_margin(config):
  analysis, hyper_analysis = find.build(config), HyperAnalysis(channels=4)
  x = np.zeros((1, 1024, 64, 3), np.float32)
  x[:, 512] = np.nan  # it spreads to all that depends on it

  @jax.jit
  def latents(key, x):
    y, _ = analysis.init_with_output(key, x)
    z, _ = hyper_analysis.init_with_output(key, y)
    return y, z

  for latent in latents(jax.random.key(0, impl="rbg"), x):
    stride = 1024 // latent.shape[1]
    rows = np.flatnonzero(np.isnan(latent).any((0, 2, 3)))
    assert 1 < len(rows) < latent.shape[1]
    # Every pixel of a latent's cell may be the core's first or last.
    assert 512 - stride * rows[0] <= encode.MARGIN
    assert stride * (rows[-1] + 1) - 512 <= encode.MARGIN
