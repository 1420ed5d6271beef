"""Photographs from a prepared TensorFlow data set, without TensorFlow.

`tfds.data_source` reads array_record files by index, but it looks up the code
that prepares the data set first, and that code needs TensorFlow for some. So
the folder is opened through its own metadata, as `tfds.data_source` does when
a version is given. Of each record only the encoded image is taken: parsing
COCO's annotations would cost time, and fails on images without any.
"""

import dataclasses
import functools
import os
import re
from typing import Any

import numpy as np

from lic_jax.data import images
from lic_jax.types import LicError

# builder[/config][:version]
_NAME = re.compile(r"[a-z]\w*(/[\w.+-]+)?(:\d+\.\d+\.\d+)?", re.ASCII)


def is_name(name: str) -> bool:
  """Returns whether a name has the form of a TensorFlow data set's."""
  return _NAME.fullmatch(name) is not None


@dataclasses.dataclass(frozen=True)
class PreparedSource:
  """The images of one split; a `sources.Source`.

  Attributes:
    dataset: such as "coco/2017", "clic" or "imagenet2012:5.1.0".
    split: such as "train" or "train[:1000]".
    data_dir: folder of prepared data sets, None for the default.

  Raises:
    LicError: from the constructor, when it cannot be read: TensorFlow Datasets
      is not installed, the data set is not prepared, it has no such split or
      no image.
  """

  dataset: str
  split: str = "train"
  data_dir: str | os.PathLike | None = None

  def __post_init__(self):
    if not (self._feature and len(self)):
      raise LicError(f"data {self.dataset!r}: no images in {self.split!r}")

  def __len__(self) -> int:
    return len(self._records)

  def __getitem__(self, index: int) -> np.ndarray | None:
    from tensorflow_datasets.proto import tf_example_pb2

    example = tf_example_pb2.Example.FromString(self._records[index])
    encoded = example.features.feature[self._feature].bytes_list.value
    try:
      return images.read_rgb(encoded[0], name=self.name(index))
    except (LicError, IndexError):
      return None

  def name(self, index: int) -> str:
    return f"{self.dataset}/{self.split}/{index:08d}"

  def __getstate__(self) -> dict[str, Any]:
    # Open readers stay behind: another process opens its own.
    fields = dataclasses.fields(self)
    return {field.name: getattr(self, field.name) for field in fields}

  @functools.cached_property
  def _builder(self) -> Any:
    """The read-only builder made from the files on disk."""
    try:
      import tensorflow_datasets as tfds
      from tensorflow_datasets.core import read_only_builder
    except ImportError:
      raise LicError(
        f"data {self.dataset!r}: no such folder, tar or image; to read a"
        " TensorFlow data set of this name, pip install tensorflow-datasets"
      ) from None
    try:
      return read_only_builder.builder_from_files(
        self.dataset, data_dir=self.data_dir
      )
    except tfds.core.DatasetNotFoundError:
      raise LicError(
        self._advice(tfds.list_builders(with_community_datasets=False))
      ) from None

  @functools.cached_property
  def _records(self) -> Any:
    """Random access to the serialised examples."""
    builder = self._builder
    import tensorflow_datasets as tfds

    try:
      return builder.as_data_source(
        split=self.split,
        deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES,
      )
    except NotImplementedError:
      raise LicError(
        f"data {self.dataset!r}: prepared in a format without random access;"
        f" prepare it with: {self._command()}"
      ) from None
    except (ValueError, OSError) as error:
      reason = str(error).splitlines()[0]
      raise LicError(f"data {self.dataset!r}: {reason}") from None

  @functools.cached_property
  def _feature(self) -> str:
    """Name of the feature that holds the image."""
    features = self._builder.info.features
    import tensorflow_datasets as tfds

    names = [
      name
      for name, feature in features.items()
      if isinstance(feature, tfds.features.Image)
    ]
    if "image" in names or len(names) == 1:
      return "image" if "image" in names else names[0]
    raise LicError(f"data {self.dataset!r}: {len(names)} image features, not 1")

  def _advice(self, builders: list[str]) -> str:
    if re.split("[/:]", self.dataset)[0] not in builders:
      return (
        f"data {self.dataset!r}: no such folder, tar, image or TensorFlow data"
        " set"
      )
    return (
      f"data {self.dataset!r}: not prepared"
      + (f" in {self.data_dir}" if self.data_dir else "")
      + f"; with TensorFlow installed, run: {self._command()}"
    )

  def _command(self) -> str:
    place = f" --data_dir={self.data_dir}" if self.data_dir else ""
    return f"tfds build {self.dataset}{place} --file_format=array_record"
