"""TFDS data sets as sources, read without TensorFlow."""

from collections.abc import Sequence
import io
import os
from typing import Any

import numpy as np
from PIL import Image
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import downloader

from autoencoder import errors
from autoencoder.data import catalogue_errors
from autoencoder.data import decode
from autoencoder.data import labels as labels_lib
from autoencoder.data import pairs

# What catalogue entries call the two things we read, and an item's name.
IMAGE_FEATURES = ('image', 'hr')
LABEL_FEATURES = 'segmentation_mask', 'segmentation_label', 'annotation'
# Sets whose labels are not counted from 0: what is stored for class 0.
FIRST_LABELS = {'oxford_iiit_pet': 1}
# Sets whose labels are RGB, and the channel that says the class: here 1 to 100
# in red, 0 elsewhere, and which object of the class in green.
CLASS_CHANNELS = {'scene_parse150': 'R'}
# Sets that withhold the labels of their test split, and the one to measure on.
LABELLED_SPLITS = {'cityscapes': 'validation'}
NAME_FEATURES = ('name', 'file_name', 'image/filename', 'image_id', 'id')


class TfdsSource:
  """One split of a prepared TFDS data set.

  Attributes:
    name: what the source is called.
    split: the split read, 'validation' where a test set was asked for and the
      data has none, or none with labels.
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
    """Opens the split of a prepared `builder`.

    Args:
      builder: of a data set prepared as ArrayRecord.
      split: 'train' or 'test'.
      name: what the source is called; safe in file names.
      channels: 1 for grey, 3 for RGB.
      labels: what the values of labels mean; None reads none.

    Raises:
      ValueError: the data has no image feature, no such split, no or wrong
        labels where they are asked for, or was prepared in a format that only
        TensorFlow reads.
    """
    features = builder.info.features
    images = _image_features(builder)
    self.name = name
    self.split = _choose_split(builder, split, labels is not None)
    self.made_grey = set()
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
        'TFDS_DATA_DIR to another folder to have it prepared there as '
        'array_record.'
      ) from error
    self._path = builder.data_path
    # We decode the files ourselves, in every mode and depth. Set afterwards,
    # because as an argument it makes `tfds.testing.mock_data` use TensorFlow.
    self._data.decoders = {key: tfds.decode.SkipDecoding() for key in images}
    if labels is not None:
      self._check_labels(range(min(pairs.CHECKED, len(self))))

  def __len__(self) -> int:
    return len(self._data)

  def __getitem__(self, i: int) -> dict[str, np.ndarray | str]:
    """Returns item `i`; see `sources.Source`.

    Raises:
      UnreadableImage: naming the item and the reason.
      WrongLabel: a label that is no class, or of another size; names the item.
    """
    if not 0 <= i < len(self):  # Ends iteration; ArrayRecord raises its own.
      raise IndexError(f'{self.name} has {len(self)} items; got index {i}.')
    name, record = self._read(i)
    try:
      stored = _open(record[self._image])
      image = decode.to_uint8(stored, self._channels)
      if self._channels == 1 and decode.has_colors(stored):
        self.made_grey.add(name)
    except Exception as error:  # Damaged files raise nearly anything in Pillow.
      raise self._unreadable(name, error) from error
    item = {'image': image, 'name': name}
    if self._labels is not None:  # Others need not be of a kind we read.
      item['label'] = self._read_label(name, record, image.shape[:2])
    return item

  def _read(self, i: int) -> tuple[str, dict[str, Any]]:
    """Returns the name of item `i`, and what is stored of it."""
    try:
      record = self._data[i]
    except Exception as error:  # ArrayRecord's own, and those of its C++ code.
      raise errors.UserError(
        f'{self.name} in {self._path} is damaged '
        f'({catalogue_errors.brief(error)}): delete that folder and start '
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
    """Returns the label of the item `name`, whose image is of this size.

    Raises:
      UnreadableImage: it is damaged.
      WrongLabel: it does not fit its image or the classes; names it.
    """
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
    """Reads the labels that opening left out, those of a large set.

    Raises:
      WrongLabel: one is no class, or of another size than its image; names it.
    """
    self._check_labels(range(pairs.CHECKED, len(self)))

  def _check_labels(self, rows: range) -> None:
    """Raises `WrongLabel` if the label of one of these items is wrong."""
    for i in rows:
      name, record = self._read(i)
      try:
        size = _open(record[self._image]).size[::-1]
        self._read_label(name, record, size)
      except labels_lib.WrongLabel:
        raise
      except Exception:  # A damaged file says so when it is read.
        continue


def find_image(builder: tfds.core.DatasetBuilder) -> str:
  """Returns which feature to read images from; 'hr' in DIV2K, for example.

  Raises:
    ValueError: the data has no image of 8 or 16 bits.
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
  """Returns the builder of a catalogue entry, its data prepared.

  Data is looked for, and put, in TFDS_DATA_DIR (~/tensorflow_datasets unless
  set). Some entries need TensorFlow to be prepared; none to be read.

  Args:
    name: 'cifar10', 'div2k/bicubic_x4' ..., as in the TFDS catalogue.
    other_names: names that other sources have, for the error message.

  Raises:
    ValueError: the name is unknown or the data could not be prepared; says
      what to do.
  """
  data_dir = os.environ.get('TFDS_DATA_DIR')
  try:
    builder = tfds.builder(name, data_dir=data_dir)
  except Exception as error:  # TFDS raises half a dozen unrelated types.
    raise errors.UserError(
      catalogue_errors.explain_name(name, error, other_names)
    ) from error
  find_image(builder)  # A set without images need not be downloaded.
  # The default of ten retries says nothing for minutes without a network.
  downloader.MAX_RETRIES = 4
  try:
    builder.download_and_prepare(file_format='array_record')
  except Exception as error:  # Every builder is a program of its own.
    raise errors.UserError(
      catalogue_errors.explain_preparation(name, builder, error)
    ) from error
  return builder


def _open(value: bytes | np.ndarray) -> Image.Image:
  """Returns an encoded or a decoded (`[H, W, C]`) image as Pillow's."""
  if isinstance(value, bytes):
    return Image.open(io.BytesIO(value))
  return Image.fromarray(value[..., 0] if value.shape[-1] == 1 else value)


def _image_features(builder: tfds.core.DatasetBuilder) -> list[str]:
  """Returns the features that hold one image file each."""
  return [
    key
    for key, feature in builder.info.features.items()
    if isinstance(feature, tfds.features.Image)
    and feature.np_dtype != np.float32  # Packed as the bytes of RGBA.
  ]


def _choose_split(
  builder: tfds.core.DatasetBuilder, split: str, labelled: bool
) -> str:
  """Returns the split to read where `split` is asked for."""
  if split == 'test' and labelled:
    split = LABELLED_SPLITS.get(builder.name, split)
  available = list(builder.info.splits)
  if split in available or not available:  # None where the data is mocked.
    return split
  if split == 'test' and 'validation' in available:
    return 'validation'
  raise errors.UserError(
    f'{builder.name} has no {split!r} split; it has {", ".join(available)}.'
  )
