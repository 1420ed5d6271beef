"""TensorFlow data sets, prepared here by hand and read without TensorFlow."""

import io
import json
import pickle
import sys

import numpy as np
import pytest
from PIL import Image

from lic_jax.data import sources
from lic_jax.types import LicError

SHAPES = ((40, 30), (8, 8), (25, 50))


def _rgb(number):
  rng = np.random.default_rng(number)
  return rng.integers(0, 256, (*SHAPES[number], 3), np.uint8)


@pytest.fixture
def data_dir(tmp_path):
  """A folder with coco/2017 of three images and one broken record."""
  module = pytest.importorskip("array_record.python.array_record_module")
  tfds = pytest.importorskip("tensorflow_datasets")
  from tensorflow_datasets.proto import tf_example_pb2

  folder = tmp_path / "coco" / "2017" / "1.1.0"
  folder.mkdir(parents=True)
  file = folder / "coco-train.array_record-00000-of-00001"
  writer = module.ArrayRecordWriter(str(file), "group_size:1")
  for number in range(4):
    encoded = io.BytesIO(b"broken")
    if number < 3:
      Image.fromarray(_rgb(number)).save(encoded, "PNG")
    example = tf_example_pb2.Example()
    values = example.features.feature["image"].bytes_list.value
    values.append(encoded.getvalue())
    writer.write(example.SerializeToString())
  writer.close()
  # Annotations are declared and, as for some images of COCO, absent.
  tfds.features.FeaturesDict(
    {
      "image": tfds.features.Image(shape=(None, None, 3)),
      "objects": tfds.features.Sequence({"bbox": tfds.features.BBoxFeature()}),
    }
  ).save_config(str(folder))
  split = {
    "name": "train",
    "shardLengths": ["4"],
    "numBytes": "1",
    "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
  }
  info = {
    "name": "coco",
    "version": "1.1.0",
    "configName": "2017",
    "fileFormat": "array_record",
    "splits": [split],
  }
  (folder / "dataset_info.json").write_text(json.dumps(info))
  return tmp_path


def test_prepared_data_set_is_read_by_name(data_dir):
  source = sources.open_source("coco/2017", data_dir=data_dir)
  assert len(source) == 4
  for number in range(3):
    np.testing.assert_array_equal(source[number], _rgb(number))
  assert source[3] is None
  assert source.name(2) == "coco/2017/train/00000002"
  assert isinstance(source, sources.Source)


def test_part_of_a_split_is_a_source(data_dir):
  source = sources.open_source(
    "coco/2017:1.1.0", split="train[1:3]", data_dir=data_dir
  )
  assert len(source) == 2
  np.testing.assert_array_equal(source[0], _rgb(1))


def test_prepared_source_survives_pickling(data_dir):
  source = sources.open_source("coco/2017", data_dir=data_dir)
  source[0]
  again = pickle.loads(pickle.dumps(source))
  np.testing.assert_array_equal(again[0], source[0])


def test_reading_needs_no_tensorflow(data_dir, monkeypatch):
  monkeypatch.setitem(sys.modules, "tensorflow", None)
  assert sources.open_source("coco/2017", data_dir=data_dir)[0] is not None


def test_unknown_split_is_an_error(data_dir):
  with pytest.raises(LicError, match="nope"):
    sources.open_source("coco/2017", split="nope", data_dir=data_dir)


def test_data_set_not_prepared_is_an_error_with_the_command(tmp_path):
  pytest.importorskip("tensorflow_datasets")
  with pytest.raises(LicError, match=r"tfds build clic .*array_record"):
    sources.open_source("clic", data_dir=tmp_path)


def test_unknown_name_is_an_error(tmp_path):
  with pytest.raises(LicError, match="'phtos': no such folder"):
    sources.open_source("phtos", data_dir=tmp_path)


def test_without_tensorflow_datasets_the_error_says_what_to_install(
  monkeypatch,
):
  monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
  with pytest.raises(LicError, match="pip install tensorflow-datasets"):
    sources.open_source("coco/2017")
