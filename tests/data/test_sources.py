import pickle
import tarfile

import numpy as np
import pytest
from PIL import Image

from lic_jax.data import sources
from lic_jax.types import LicError


def _packed(folder, path, names=None, mode="w"):
  """Tars a folder's files (or some of them) in an order that is not sorted."""
  files = sorted(folder.rglob("*.png"), reverse=True)
  with tarfile.open(path, mode) as tar:
    for file in files:
      name = file.relative_to(folder).as_posix()
      if names is None or name in names:
        tar.add(file, arcname=name)
  return str(path)


def _assert_same(one, other):
  assert len(one) == len(other)
  for index in range(len(one)):
    assert one.name(index) == other.name(index)
    np.testing.assert_array_equal(one[index], other[index])


def test_folder_is_read_with_subfolders_in_the_order_of_names(folder):
  source = sources.open_source(str(folder))
  names = [source.name(i) for i in range(len(source))]
  assert names == [
    *("0.png", "2.png", "4.png", "6.png"),
    *("sub/1.png", "sub/3.png", "sub/5.png"),
  ]
  assert source[4].shape == (33, 32, 3) and source[4].dtype == np.uint8


def test_links_to_folders_are_followed_once(folder):
  (folder / "sub" / "loop").symlink_to(folder)
  assert len(sources.open_source(str(folder))) == 7


def test_tar_equals_the_folder_it_was_made_from(folder, tmp_path):
  packed = _packed(folder, tmp_path / "all.tar")
  _assert_same(sources.open_source(packed), sources.open_source(str(folder)))


@pytest.mark.parametrize("joined", ["glob", "comma"])
def test_several_tars_equal_one(folder, tmp_path, joined):
  whole = _packed(folder, tmp_path / "all.tar")
  first = _packed(folder, tmp_path / "part-0.tar", ("2.png", "sub/5.png"))
  rest = ("0.png", "4.png", "6.png", "sub/1.png", "sub/3.png")
  second = _packed(folder, tmp_path / "part-1.tar", rest)
  name = f"{tmp_path}/part-*.tar" if joined == "glob" else f"{first},{second}"
  _assert_same(sources.open_source(name), sources.open_source(whole))


def test_glob_takes_the_images_it_matches(folder):
  assert len(sources.open_source(f"{folder}/*")) == 4
  assert len(sources.open_source(f"{folder}/**/*.png")) == 7


def test_single_image_is_a_source(folder):
  assert sources.open_source(str(folder / "0.png"))[0].shape == (40, 60, 3)


def test_bundled_photographs_are_a_source():
  source = sources.open_source("bundled")
  assert "astronaut.png" in [source.name(i) for i in range(len(source))]
  assert source[0].shape == (512, 512, 3)


def test_unreadable_image_is_none(folder):
  (folder / "0.png").write_bytes(b"no image")
  (folder / "2.png").unlink()
  source = sources.open_source(str(folder))
  assert source[0] is None and source[1] is not None
  (folder / "4.png").unlink()
  assert source[1] is None


def test_source_survives_pickling(folder, tmp_path):
  source = sources.open_source(_packed(folder, tmp_path / "all.tar"))
  _assert_same(pickle.loads(pickle.dumps(source)), source)


def test_source_satisfies_its_protocol(folder):
  assert isinstance(sources.open_source(str(folder)), sources.Source)


def test_missing_and_empty_places_are_errors(tmp_path):
  (tmp_path / "empty").mkdir()
  (tmp_path / "text.txt").write_text("text")
  (tmp_path / "text.tar").write_text("text" * 300)
  with tarfile.open(tmp_path / "empty.tar", "w"):
    pass
  for name, reason in {
    "missing/folder": "no such folder",
    "empty": "no images",
    "empty.tar": "no images",
    "text.txt": "neither a folder, a tar nor an image",
    "text.tar": "text.tar: not a whole uncompressed tar",
    "*.jpg": "matches no file",
    "text.tar,": "an empty name",
  }.items():
    with pytest.raises(LicError, match=reason):
      sources.open_source(f"{tmp_path}/{name}")


def test_compressed_and_truncated_tars_are_errors(folder, tmp_path):
  packed = _packed(folder, tmp_path / "small.tar", mode="w:gz")
  with pytest.raises(LicError, match="not a whole uncompressed tar"):
    sources.open_source(packed)
  packed = _packed(folder, tmp_path / "cut.tar")
  with open(packed, "r+b") as file:
    file.truncate(1100)
  with pytest.raises(LicError, match="not a whole uncompressed tar"):
    sources.open_source(packed)


def test_holdout_is_the_last_part_by_name(folder):
  source = sources.open_source(str(folder))
  train, validation = sources.split_holdout(source, 0.3)
  names = [validation.name(i) for i in range(len(validation))]
  assert names == ["sub/3.png", "sub/5.png"]
  assert train[4].shape == (33, 32, 3)
  both = [split.name(i) for split in (train, validation) for i in range(2)]
  assert len(train) == 5 and len(set(both)) == 4


def test_holdout_leaves_at_least_one_image_on_both_sides(folder):
  source = sources.open_source(str(folder))
  assert len(sources.split_holdout(source, 1e-6)[1]) == 1
  assert len(sources.split_holdout(source, 0.999)[0]) == 1
  single = sources.open_source(str(folder / "0.png"))
  with pytest.raises(LicError, match="at least two"):
    sources.split_holdout(single, 0.5)
  with pytest.raises(LicError, match="between 0 and 1"):
    sources.split_holdout(source, 1.0)


def test_a_folder_beats_a_data_set_of_the_same_name(folder, monkeypatch):
  (folder / "clic").mkdir()
  Image.new("RGB", (4, 4)).save(folder / "clic" / "a.png")
  monkeypatch.chdir(folder)
  assert len(sources.open_source("clic")) == 1
