"""The optimizer: better, never worse, repeatable, and alone per image."""

import jax
import numpy as np
import pytest
import tiny_codec

from lic_jax.codec import encode as codec
from lic_jax.sga import encode, relaxation
from lic_jax.sga.optimizer import Optimizer
from lic_jax.sga.schedule import Schedule
from lic_jax.types import Latents

FAST = Schedule(learning_rate=0.05)


def _problem(bundle, *crops, seed=0):
  pictures = np.stack([tiny_codec.photograph()[crop] for crop in crops])
  latents = [codec.analyse(picture, bundle) for picture in pictures]
  start = Latents(
    np.concatenate([one.y for one in latents]),
    None if latents[0].z is None else np.concatenate([o.z for o in latents]),
  )
  return encode.problem(pictures, start, bundle, seed=seed)


LEFT = np.s_[:128, :128]
RIGHT = np.s_[100:228, 200:328]


@pytest.fixture(scope="module")
def sga(hyperprior):
  return Optimizer(hyperprior)


def test_the_loss_falls_and_what_is_kept_never_rises(bundle):
  losses = []
  best, terms = Optimizer(bundle).run(
    _problem(bundle, LEFT),
    FAST,
    steps=60,
    report=lambda done, terms: losses.append((done, terms.loss[0])),
  )
  assert [done for done, _ in losses] == [0, 25, 50, 60]
  values = [float(loss) for _, loss in losses]
  assert values == sorted(values, reverse=True)
  assert values[-1] < 0.97 * values[0]
  assert terms.loss[0] == values[-1]
  assert (best.z is None) == (bundle.decoder.scale_tables is None)


@pytest.mark.parametrize(
  "relax",
  [
    relaxation.identity,
    relaxation.straight_through,
    relaxation.uniform_noise,
    relaxation.deterministic_annealing,
  ],
)
def test_every_relaxation_runs_and_never_loses(hyperprior, relax):
  problem = _problem(hyperprior, LEFT)
  start = []
  _, terms = Optimizer(hyperprior, relax=relax).run(
    problem, FAST, steps=10, report=lambda _, terms: start.append(terms.loss)
  )
  assert terms.loss[0] <= start[0][0]


def test_a_seed_gives_the_same_latents_and_another_gives_others(
  hyperprior, sga
):
  y = [
    sga.run(_problem(hyperprior, LEFT, seed=seed), FAST, steps=5)[0].y
    for seed in (3, 3, 4)
  ]
  np.testing.assert_array_equal(y[0], y[1])
  assert not np.array_equal(y[0], y[2])


def test_an_image_in_a_batch_ends_as_it_does_alone(hyperprior, sga):
  both = _problem(hyperprior, LEFT, RIGHT)
  _, together = sga.run(both, FAST, steps=10)
  for i in range(2):
    one = jax.tree.map(lambda array, i=i: array[i : i + 1], both)
    _, alone = sga.run(one, FAST, steps=10)
    np.testing.assert_allclose(together.loss[i], alone.loss[0], rtol=2e-3)


def test_latents_that_are_held_stay(hyperprior, sga):
  problem = _problem(hyperprior, LEFT)
  held = jax.tree.map(np.zeros_like, problem.free)
  start, _ = sga.run(problem, FAST, steps=0)
  best, _ = sga.run(problem._replace(free=held), FAST, steps=5)
  jax.tree.map(np.testing.assert_array_equal, best, start)


def test_no_number_in_the_image_keeps_the_start_with_a_warning(hyperprior, sga):
  problem = _problem(hyperprior, LEFT)
  start, _ = sga.run(problem, FAST, steps=0)
  problem.target.x[0, 3, 4, 1] = np.nan
  with pytest.warns(RuntimeWarning, match="diverged"):
    best, _ = sga.run(problem, FAST, steps=30)
  jax.tree.map(np.testing.assert_array_equal, best, start)


def test_a_run_that_diverges_keeps_the_start_with_a_warning(hyperprior, sga):
  problem = _problem(hyperprior, LEFT)
  start, _ = sga.run(problem, FAST, steps=0)
  with pytest.warns(RuntimeWarning, match="diverged"):
    best, _ = sga.run(problem, Schedule(learning_rate=1e38), steps=50)
  jax.tree.map(np.testing.assert_array_equal, best, start)


def test_time_ends_a_run(hyperprior, sga):
  problem = _problem(hyperprior, LEFT)
  sga.run(problem, FAST, steps=1)  # compiled
  done = []
  sga.run(problem, FAST, seconds=1.0, report=lambda n, _: done.append(n))
  assert done[0] == 0 and len(done) > 1
  sga.run(
    problem, FAST, steps=3, seconds=600.0, report=lambda n, _: done.append(n)
  )
  assert done[-1] == 3
  before = len(done)
  sga.run(problem, FAST, seconds=0.0, report=lambda n, _: done.append(n))
  assert done[before:] == [0]
  with pytest.raises(ValueError, match="steps"):
    sga.run(problem, FAST)


def test_bfloat16_steps_find_as_much(hyperprior, sga):
  problem = _problem(hyperprior, LEFT)
  _, exact = sga.run(problem, FAST, steps=50)
  _, rounded = Optimizer(hyperprior, dtype="bfloat16").run(
    problem, FAST, steps=50
  )
  np.testing.assert_allclose(rounded.loss, exact.loss, rtol=0.02)


def test_the_integer_grid_is_an_option(hyperprior):
  integers = Optimizer(hyperprior, centred=False)
  losses = []
  integers.run(
    _problem(hyperprior, LEFT),
    FAST,
    steps=30,
    report=lambda _, terms: losses.append(float(terms.loss[0])),
  )
  assert losses[-1] < losses[0]
