"""A folder of image files as a source, read in place."""

import difflib
import os
import pathlib
from typing import Any

import numpy as np

from autoencoder import errors
from autoencoder import photos
from autoencoder.data import decode
from autoencoder.data import labels as labels_lib
from autoencoder.data import listing
from autoencoder.data import pairs
from autoencoder.data.sources import registry
from autoencoder.runtime import paths as paths_lib


class FolderSource:
  """The images of a folder and its subfolders, sorted by relative path.

  Opening lists the files but reads none (without labels), so that a million
  files open in seconds. A damaged file raises when it is read.

  Attributes:
    name: the folder's name, safe in file names.
    root: the folder that the images' names are relative to.
    made_grey: names of the colour images that were converted to grey so far.
  """

  def __init__(
    self,
    path: str,
    split: str,
    *,
    channels: int,
    labels: labels_lib.LabelFormat | None = None,
  ):
    """Lists the images below `path`.

    Args:
      path: folder; `~` is expanded. If it has a `train` or `test` subfolder,
        these are the splits; otherwise each split is the whole tree. Hidden
        files and folders are ignored.
      split: 'train' or 'test'.
      channels: 1 for grey, 3 for RGB.
      labels: what the values of label files mean; None reads no labels.

    Raises:
      UserError: the folder is missing, is a file, lacks the split, or holds no
        image; or `labels` is given, and a label is missing.
      NoLabels: `labels` is given, and there is no folder of labels.
      WrongLabel: a label has another size than its image, or a wrong value.
    """
    folder = paths_lib.expand(path)
    _check_folder(path, folder)
    self.name = listing.file_safe(folder.resolve().name) or 'folder'
    present = listing.find_splits(folder, split)
    self.root = folder / split if present else folder
    if labels is not None:
      self.root, label_root = pairs.find_roots(self.root, split)
    self._files = listing.list_files(self.root, photos.SUFFIXES)
    if not self._files:
      raise errors.UserError(
        f'{self.root} and its subfolders hold no image: accepted are '
        f'{", ".join(photos.SUFFIXES)} files.'
      )
    self.made_grey: set[str] = set()
    self._channels = channels
    self._labels = labels
    if labels is not None:
      self._label_files = pairs.match(
        self.root, self._files, label_root, labels
      )

  def __len__(self) -> int:
    return len(self._files)

  def __getitem__(self, i: int) -> dict[str, Any]:
    """Returns image `i`, with its EXIF orientation applied.

    Returns:
      `image` uint8 `[H, W, C]`; `name`, the path relative to the folder; and
      `label` int32 `[H, W]` if labels were asked for. `grey` is set if the file
      has one channel and the image three equal ones.

    Raises:
      UnreadableImage: the file cannot be read; names it.
      WrongLabel: a label value is no class; names the file.
    """
    path = self.root / self._files[i]
    try:
      photo = decode.read(path)
      pixels = decode.to_uint8(photo, self._channels)
      grey = self._channels == 3 and decode.is_stored_grey(photo)
      if self._channels == 1 and decode.has_colors(photo):
        self.made_grey.add(self._files[i])
    except (ValueError, MemoryError) as error:
      raise decode.UnreadableImage(
        f'{path} cannot be read as an image: {str(error).rstrip(".")}.'
      ) from error
    item: dict[str, Any] = {'image': pixels, 'name': self._files[i]}
    if grey:
      item['grey'] = np.True_
    if self._labels is not None:
      item['label'] = pairs.read(
        self._label_files[i], self._labels, pixels.shape[:2]
      )
    return item

  def check_labels(self) -> None:
    """Reads all labels after the first `pairs.CHECKED`, which opening read.

    Raises:
      WrongLabel: a label has another size than its image, or a value that is no
        class; names the file.
    """
    if self._labels is None:
      return
    files = list(zip(self._files, self._label_files, strict=True))
    for file, label in files[pairs.CHECKED :]:
      pairs.check(self.root / file, label, self._labels)


def _check_folder(path: str, folder: pathlib.Path) -> None:
  """Raises `UserError`, with similar names, unless `folder` is a folder."""
  if not path:
    raise errors.UserError(
      "'folder:' is given without a path; write folder:/home/me/photos."
    )
  if folder.is_dir():
    return
  if folder.exists():
    raise errors.UserError(
      f'{folder} is a file; give its folder instead: folder:{folder.parent}'
    )
  siblings = os.listdir(folder.parent) if folder.parent.is_dir() else []
  near = difflib.get_close_matches(folder.name, siblings)
  hint = f' Did you mean {", ".join(near)}?' if near else ''
  raise errors.UserError(
    f'{folder} does not exist (current folder: {os.getcwd()}).{hint}'
  )


@registry.register('folder:PATH', local=True)
def open_folder(
  path: str,
  split: str,
  *,
  channels: int,
  labels: labels_lib.LabelFormat | None = None,
) -> FolderSource:
  """Opens a tree of image files; see `FolderSource`."""
  return FolderSource(path, split, channels=channels, labels=labels)
