"""Reads TensorFlow Datasets (TFDS) without TensorFlow."""

from collections.abc import Sequence
import io
import os
from typing import Any

import numpy as np
from PIL import Image
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import downloader

from autoencoder import errors
from autoencoder import photos
from autoencoder.data import catalogue_errors
from autoencoder.data import decode
from autoencoder.data import labels as labels_lib
from autoencoder.data import pairs

# Names of the features that hold the image, the label and the item's name.
IMAGE_FEATURES = ('image', 'hr')
LABEL_FEATURES = 'segmentation_mask', 'segmentation_label', 'annotation'
# Data sets whose labels do not start at 0, and the value stored for class 0.
FIRST_LABELS = {'oxford_iiit_pet': 1}
# Data sets with RGB labels, and the channel that stores the class. In this one,
# green stores the number of the object within its class.
CLASS_CHANNELS = {'scene_parse150': 'R'}
# Data sets without public test labels, and the split to use instead.
LABELLED_SPLITS = {'cityscapes': 'validation'}
NAME_FEATURES = ('name', 'file_name', 'image/filename', 'image_id', 'id')


class TfdsSource:
  """One split of a prepared TFDS data set.

  Attributes:
    name: the name of the source.
    split: the split that is read: 'validation' if 'test' was asked for and does
      not exist, or has no labels.
    made_grey: names of the colour images that were converted to grey so far.
  """

  def __init__(
    self,
    builder: tfds.core.DatasetBuilder,
    split: str,
    *,
    name: str,
    channels: int,
    labels: labels_lib.LabelFormat | None = None,
  ):
    """Opens a split of a prepared data set.

    Args:
      builder: builder of a data set that is prepared as ArrayRecord.
      split: 'train' or 'test'.
      name: name of the source, safe in file names.
      channels: 1 for grey, 3 for RGB.
      labels: what the values of labels mean; None reads no labels.

    Raises:
      UserError: the data has no image feature or no such split, or is prepared
        in a format that only TensorFlow reads.
      NoLabels: `labels` is given, and the data has no labels.
      WrongLabel: `labels` is given, and a label does not fit it.
    """
    features = builder.info.features
    images = _image_features(builder)
    self.name = name
    self.split = _choose_split(builder, split, labels is not None)
    self.made_grey: set[str] = set()
    self._channels = channels
    self._image = find_image(builder)
    self._label = next((key for key in LABEL_FEATURES if key in images), None)
    if labels is not None and self._label is None:
      raise labels_lib.NoLabels(
        f'{name} has no label for each pixel; its features are '
        f'{", ".join(features)}.'
      )
    self._labels = labels
    self._first = FIRST_LABELS.get(builder.name, 0)
    self._class_channel = CLASS_CHANNELS.get(builder.name)
    self._name = next((key for key in NAME_FEATURES if key in features), None)
    try:
      self._data = builder.as_data_source(self.split)
    except NotImplementedError as error:
      raise errors.UserError(
        f'{name} is prepared in {builder.data_path} as '
        f'{builder.info.file_format.value}, which only TensorFlow reads: set '
        'TFDS_DATA_DIR to another folder, and it is prepared there as '
        'array_record.'
      ) from error
    self._path = builder.data_path
    # This class decodes the files, because TFDS does not support every mode and
    # depth. Passed as an argument above, the decoders would make
    # `tfds.testing.mock_data` use TensorFlow.
    self._data.decoders = {key: tfds.decode.SkipDecoding() for key in images}
    if labels is not None:
      self._check_labels(range(min(pairs.CHECKED, len(self))))

  def __len__(self) -> int:
    return len(self._data)

  def __getitem__(self, i: int) -> dict[str, Any]:
    """Returns item `i`; see `sources.Source`.

    Raises:
      UnreadableImage: the item is damaged; names it.
      WrongLabel: the label has another size or a value that is no class; names
        the item.
    """
    # IndexError ends an iteration; ArrayRecord would raise another error.
    if not 0 <= i < len(self):
      raise IndexError(f'{self.name} has {len(self)} items; got index {i}.')
    name, record = self._read(i)
    try:
      stored = self._open(record[self._image])
      image = decode.to_uint8(stored, self._channels)
      if self._channels == 1 and decode.has_colors(stored):
        self.made_grey.add(name)
    except (ValueError, MemoryError) as error:
      raise self._unreadable(name, error) from error
    item: dict[str, Any] = {'image': image, 'name': name}
    if self._labels is not None:
      item['label'] = self._read_label(name, record, image.shape[:2])
    return item

  def _open(self, value: bytes | np.ndarray) -> photos.Photo:
    """Returns an encoded or decoded image, upright.

    Data sets with labels keep the stored orientation, which the labels have.
    """
    if isinstance(value, bytes):
      return decode.read(value, upright=self._label is None)
    return decode.from_array(value)

  def _read(self, i: int) -> tuple[str, dict[str, Any]]:
    """Returns the name of item `i`, and its stored features."""
    try:
      record = self._data[i]
    except Exception as error:  # ArrayRecord raises many types.
      raise errors.UserError(
        f'{self.name} in {self._path} is damaged '
        f'({catalogue_errors.brief(error)}): delete this folder and start '
        'again.'
      ) from error
    name = record[self._name] if self._name else f'{self.split}_{i:06d}'
    return name.decode() if isinstance(name, bytes) else str(name), record

  def _unreadable(self, name: str, error: Exception) -> decode.UnreadableImage:
    return decode.UnreadableImage(
      f'{name} of {self.name} cannot be read: {error}.'
    )

  def _read_label(
    self, name: str, record: dict[str, Any], size: tuple[int, int]
  ) -> np.ndarray:
    """Returns the label of an item, int32 `[H, W]`.

    Args:
      name: name of the item, for messages.
      record: its stored features.
      size: (height, width) of its image.

    Raises:
      UnreadableImage: the label is damaged; names the item.
      WrongLabel: the label has another size or a value that is no class; names
        the item.
    """
    assert self._labels is not None and self._label is not None
    try:
      stored = _open(record[self._label])
      if self._class_channel is not None:
        stored = stored.getchannel(self._class_channel)
      label = labels_lib.decode(stored, self._labels, self._first)
    except labels_lib.WrongLabel as error:
      raise labels_lib.WrongLabel(f'{name} of {self.name}: {error}.') from error
    except Exception as error:
      raise self._unreadable(name, error) from error
    if label.shape != size:
      raise labels_lib.WrongLabel(
        f'{name} of {self.name}: its {self._label} is {label.shape}, its image '
        f'{size}.'
      )
    return label

  def check_labels(self) -> None:
    """Reads all labels after the first `pairs.CHECKED`, which opening read.

    Raises:
      WrongLabel: a label has another size than its image or a value that is no
        class; names the item.
    """
    self._check_labels(range(pairs.CHECKED, len(self)))

  def _check_labels(self, rows: range) -> None:
    """Raises `WrongLabel` if an item in `rows` has a wrong label."""
    for i in rows:
      name, record = self._read(i)
      try:
        size = _open(record[self._image]).size[::-1]
        self._read_label(name, record, size)
      except labels_lib.WrongLabel:
        raise
      except Exception:  # Damaged files raise when they are read.
        continue


def find_image(builder: tfds.core.DatasetBuilder) -> str:
  """Returns the name of the feature with the images, such as 'hr' in DIV2K.

  Raises:
    UserError: the data has no image of 8 or 16 bits.
  """
  images = _image_features(builder)
  inputs = [key for key in images if key not in LABEL_FEATURES]
  if not inputs:
    raise errors.UserError(
      f'{builder.name} has no 8- or 16-bit image; its features are '
      f'{", ".join(builder.info.features)}.'
    )
  return next((key for key in IMAGE_FEATURES if key in inputs), inputs[0])


def prepare(name: str, other_names: Sequence[str]) -> tfds.core.DatasetBuilder:
  """Prepares a data set of the catalogue; returns its builder.

  Reads and writes the folder TFDS_DATA_DIR (default: ~/tensorflow_datasets).
  Preparing some data sets needs TensorFlow; reading needs it for none.

  Args:
    name: 'cifar10', 'div2k/bicubic_x4' ..., as in the TFDS catalogue.
    other_names: names that other sources have, for the error message.

  Raises:
    UserError: the name is unknown or the data cannot be prepared; says what to
      do.
  """
  data_dir = os.environ.get('TFDS_DATA_DIR')
  try:
    builder = tfds.builder(name, data_dir=data_dir)
  except Exception as error:  # TFDS raises many unrelated types.
    raise errors.UserError(
      catalogue_errors.explain_name(name, error, other_names)
    ) from error
  find_image(builder)  # Raises before downloading a data set without images.
  # Without network, the default of ten retries takes minutes, silently.
  downloader.MAX_RETRIES = 4
  try:
    builder.download_and_prepare(file_format='array_record')
  except Exception as error:  # Builders raise any type of exception.
    raise errors.UserError(
      catalogue_errors.explain_preparation(name, builder, error)
    ) from error
  return builder


def _open(value: bytes | np.ndarray) -> Image.Image:
  """Returns an encoded or decoded (`[H, W, C]`) image as a Pillow image."""
  if isinstance(value, bytes):
    return Image.open(io.BytesIO(value))
  return Image.fromarray(value[..., 0] if value.shape[-1] == 1 else value)


def _image_features(builder: tfds.core.DatasetBuilder) -> list[str]:
  """Returns the names of the features that are images."""
  return [
    key
    for key, feature in builder.info.features.items()
    if isinstance(feature, tfds.features.Image)
    and feature.np_dtype != np.float32  # TFDS stores these as bytes of RGBA.
  ]


def _choose_split(
  builder: tfds.core.DatasetBuilder, split: str, labelled: bool
) -> str:
  """Returns the split to read if `split` is asked for."""
  if split == 'test' and labelled:
    split = LABELLED_SPLITS.get(builder.name, split)
  available = list(builder.info.splits)
  if split in available or not available:  # Mocked data has no splits.
    return split
  if split == 'test' and 'validation' in available:
    return 'validation'
  raise errors.UserError(
    f'{builder.name} has no {split!r} split; it has {", ".join(available)}.'
  )
