import itertools
import json

import numpy as np
import pytest
from PIL import Image

from lic_jax.data import batches, sources
from lic_jax.types import LicError


def _batches(folder, **options):
  source = sources.open_source(str(folder))
  settings = {"batch": 4, "size": 32, "seed": 5} | options
  return batches.patch_batches(source, **settings)


def _take(made, count):
  try:
    return np.stack(list(itertools.islice(made, count)))
  finally:
    made.close()


def test_same_seed_gives_the_same_batches_and_another_gives_others(folder):
  one, same, other = (_take(_batches(folder, seed=s), 6) for s in (5, 5, 6))
  assert one.shape == (6, 4, 32, 32, 3) and one.dtype == np.uint8
  np.testing.assert_array_equal(one, same)
  assert (one != other).any()


def test_each_patch_is_cut_from_one_photograph(folder, check_place):
  for patch in _take(_batches(folder), 6).reshape(-1, 32, 32, 3):
    check_place(patch)


def test_each_epoch_draws_every_photograph_once_in_another_order(folder):
  drawn = _take(_batches(folder, batch=1), 28)[:, 0, 0, 0, 2].reshape(4, 7)
  for epoch in drawn:
    assert sorted(epoch) == list(range(7))
  assert len({tuple(epoch) for epoch in drawn}) > 1


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_resuming_in_the_middle_equals_never_stopping(folder, workers):
  whole = _take(_batches(folder, downscale=(0.6, 1.0)), 9)
  first = _batches(folder, downscale=(0.6, 1.0), workers=workers)
  begun = _take(first, 4)
  state = json.loads(json.dumps(first.state()))
  again = _batches(folder, downscale=(0.6, 1.0), workers=workers)
  again.restore(state)
  np.testing.assert_array_equal(np.concatenate([begun, _take(again, 5)]), whole)


def test_restoring_goes_back_as_well(folder):
  made = _batches(folder)
  state = made.state()
  first = next(made)
  next(made)
  made.restore(state)
  np.testing.assert_array_equal(next(made), first)


@pytest.mark.parametrize("count", [2, 4])
def test_parts_of_all_processes_make_up_the_global_batch(folder, count):
  (folder / "0.png").write_bytes(b"unreadable, and drawn by one of them")
  whole = _take(_batches(folder), 8)
  parts = [
    _take(_batches(folder, process_index=p, process_count=count), 8)
    for p in range(count)
  ]
  np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)


def test_state_of_another_sequence_is_refused(folder):
  state = _batches(folder).state()
  for options, reason in (
    ({"seed": 6}, "seed 5, not 6"),
    ({"batch": 8}, "batch 4, not 8"),
    ({"downscale": (0.6, 1.0)}, "downscale None, not"),
  ):
    with pytest.raises(LicError, match=reason):
      _batches(folder, **options).restore(state)
  (folder / "0.png").unlink()
  with pytest.raises(LicError, match="records 7, not 6"):
    _batches(folder).restore(state)


@pytest.mark.parametrize("workers", [0, 1])
def test_unusable_images_are_counted_and_the_rest_goes_on(folder, workers):
  (folder / "0.png").write_bytes(b"no image")
  whole = (folder / "2.png").read_bytes()
  (folder / "2.png").write_bytes(whole[: len(whole) // 2])
  Image.new("RGB", (31, 200)).save(folder / "small.png")
  made = _batches(folder, workers=workers)
  assert len(made.skipped) == 0
  drawn = set(_take(made, 8)[:, :, 0, 0, 2].ravel())
  assert drawn == {1, 3, 4, 5, 6}
  assert made.skipped.unreadable == ("0.png", "2.png")
  assert made.skipped.too_small == ("small.png",)
  assert str(made.skipped).startswith(
    "3 images skipped: 2 unreadable, 1 too small (such as 0.png"
  )


@pytest.mark.parametrize("workers", [0, 1])
def test_nothing_usable_is_an_error_and_no_endless_loop(folder, workers):
  made = _batches(folder, size=200, workers=workers)
  try:
    with pytest.raises(LicError, match="none of 7 images"):
      next(made)
  finally:
    made.close()


def test_arguments_that_do_not_fit_are_errors(folder):
  with pytest.raises(LicError, match="does not divide"):
    _batches(folder, process_count=3)
  with pytest.raises(LicError, match="does not fit 32 bits"):
    _batches(folder, seed=-1)
  for downscale in ((0.0, 1.0), (0.9, 0.6), (0.6, 1.5)):
    with pytest.raises(LicError, match="no range"):
      _batches(folder, downscale=downscale)


def test_epochs_count_what_was_drawn(folder):
  made = _batches(folder, batch=7)
  _take(made, 3)
  assert made.epochs == 3.0


def test_batches_outlive_the_workers_that_made_them(folder):
  made = _batches(folder, workers=1)
  kept = [next(made) for _ in range(5)]
  copies = [batch.copy() for batch in kept]
  made.close()
  np.testing.assert_array_equal(kept, copies)
