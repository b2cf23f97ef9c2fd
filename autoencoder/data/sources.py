"""What a data set looks like to the rest of the code; opening one by name."""

from typing import Any
from typing import Protocol

from autoencoder.data import folder
from autoencoder.data import labels as labels_lib

SAMPLE_PHOTOS = 'sample_photos'
SCENES = 'scenes'
FOLDER_PREFIX = 'folder:'


class Source(Protocol):
  """A data set with random access.

  An item is a dict of `image` uint8 `[H, W, C]`, `name` str, and, where the
  data is labelled per pixel, `label` int32 `[H, W]` in 0..255, where 255 is a
  pixel that does not count.

  Attributes:
    name: short and safe in file names: 'sample_photos', a folder's name ...

  One with stored pictures has `made_grey` too, the names of those in colour,
  read so far, of which grey was made; one with stored labels, `check_labels()`,
  which raises `WrongLabel` for those that opening did not read.
  """

  name: str

  def __len__(self) -> int: ...

  def __getitem__(self, i: int) -> dict[str, Any]: ...


def open_source(
  name: str,
  split: str,
  *,
  channels: int,
  labels: labels_lib.LabelFormat | None = None,
) -> Source:
  """Opens a data set for random access, preparing it first where needed.

  Args:
    name: 'sample_photos', photographs that came with the installed packages;
      'scenes', handwritten digits on them; 'folder:PATH', a tree of images
      read in place; or a TFDS name such as 'cifar10' or 'div2k/bicubic_x4',
      downloaded and prepared if necessary.
    split: 'train' or 'test'. A TFDS set without 'test' gives its
      'validation'; a folder without 'train' and 'test' subfolders gives all
      its images for both.
    channels: 1 converts every image to grey (ITU-R 601 luma), 3 to RGB.
    labels: what the values of stored labels mean, for tasks that need labels;
      of stored images they are then read too (see `pairs`).

  Raises:
    ValueError: the name is unknown, the data cannot be had, or has no labels
      where they are needed; says what to do.

  Example:

    >>> source = open_source('sample_photos', 'test', channels=3)
    >>> [item['name'] for item in source]
    ['rocket', 'coffee', 'flower']
  """
  if split not in ('train', 'test'):
    raise ValueError(f"split takes 'train' or 'test'; got {split!r}.")
  if channels not in (1, 3):
    raise ValueError(f'channels takes 1 or 3; got {channels}.')
  if name.startswith(FOLDER_PREFIX):
    path = name.removeprefix(FOLDER_PREFIX)
    return folder.FolderSource(path, split, channels=channels, labels=labels)
  if name == SCENES:
    from autoencoder.data import scenes

    return scenes.ScenesSource(split, channels=channels, labels=labels)
  # TFDS takes a second to import, which the other sources need not pay.
  from autoencoder.data import catalogue

  if name == SAMPLE_PHOTOS:
    from autoencoder.data import sample_photos

    builder = sample_photos.prepare()
  else:
    builder = catalogue.prepare(name)
  return catalogue.TfdsSource(
    builder,
    split,
    name=folder.file_safe(name),
    channels=channels,
    labels=labels,
  )
