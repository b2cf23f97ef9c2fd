"""A person's own tree of image files as a source, read in place."""

import difflib
import os
import pathlib

import numpy as np
from PIL import ImageOps

from autoencoder import errors
from autoencoder.data import decode
from autoencoder.data import labels as labels_lib
from autoencoder.data import listing
from autoencoder.data import pairs
from autoencoder.data.sources import registry

SUFFIXES = ('.png', '.jpg', '.jpeg', '.webp', '.bmp', '.tif', '.tiff')


class FolderSource:
  """The images of a folder and its subfolders, sorted by relative path.

  Only names are read at opening, so that a tree of a million files opens in
  seconds; a file that cannot be decoded shows itself when it is read.

  Attributes:
    name: the folder's name, safe in file names.
    root: the folder the images' names are relative to.
    made_grey: names of images in colour, read so far, of which grey was made.
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
      path: folder; `~` is expanded. Where it has a `train` or `test`
        subfolder, those are the splits; otherwise both splits are the whole
        tree. Hidden files and folders are ignored.
      split: 'train' or 'test'.
      channels: 1 for grey, 3 for RGB.
      labels: what the values of label files mean; None reads no labels.

    Raises:
      ValueError: the folder is missing, is a file, lacks the split, or holds
        no image; or labels are asked for, and an image has none of its size.
    """
    folder = pathlib.Path(path).expanduser()
    _check_folder(path, folder)
    self.name = listing.file_safe(folder.resolve().name) or 'folder'
    present = listing.find_splits(folder, split)
    self.root = folder / split if present else folder
    if labels is not None:
      self.root, label_root = pairs.find_roots(self.root, split)
    self._files = listing.list_files(self.root, SUFFIXES)
    if not self._files:
      raise errors.UserError(
        f'{self.root} holds no image: it and its subfolders were searched for '
        f'{", ".join(SUFFIXES)} files.'
      )
    self.made_grey = set()
    self._channels = channels
    self._labels = labels
    if labels is not None:
      self._label_files = pairs.match(
        self.root, self._files, label_root, labels
      )

  def __len__(self) -> int:
    return len(self._files)

  def __getitem__(self, i: int) -> dict[str, np.ndarray | str]:
    """Returns image `i`, upright as its EXIF orientation says.

    Returns:
      `image` uint8 `[H, W, C]`, `name`, its path relative to the folder, and
      `label` int32 `[H, W]` where labels were asked for. `grey` where the file
      has one channel and the image three equal ones.

    Raises:
      UnreadableImage: naming the file and the reason.
      WrongLabel: a label that is no class, naming the file.
    """
    path = self.root / self._files[i]
    try:
      with decode.open_image(path) as image:
        upright = ImageOps.exif_transpose(image)
        pixels = decode.to_uint8(upright, self._channels)
        grey = self._channels == 3 and decode.is_stored_grey(upright)
        if self._channels == 1 and decode.has_colors(upright):
          self.made_grey.add(self._files[i])
    except Exception as error:  # Damaged files raise nearly anything in Pillow.
      raise decode.UnreadableImage(
        f'{path} cannot be read as an image: {str(error).rstrip(".")}.'
      ) from error
    item = {'image': pixels, 'name': self._files[i]}
    if grey:
      item['grey'] = np.True_
    if self._labels is not None:
      item['label'] = pairs.read(
        self._label_files[i], self._labels, pixels.shape[:2]
      )
    return item

  def check_labels(self) -> None:
    """Reads the labels that opening left out, those of a large set.

    Raises:
      WrongLabel: one is no class, or of another size than its image; names it.
    """
    files = list(zip(self._files, self._label_files, strict=True))
    for file, label in files[pairs.CHECKED :]:
      pairs.check(self.root / file, label, self._labels)


def _check_folder(path: str, folder: pathlib.Path) -> None:
  """Raises `ValueError` unless `folder` is one, saying what is near it."""
  if not path:
    raise errors.UserError(
      "'folder:' needs a path, as in folder:/home/me/photos."
    )
  if folder.is_dir():
    return
  if folder.exists():
    raise errors.UserError(
      f'{folder} is a file; give the folder it is in: folder:{folder.parent}'
    )
  siblings = os.listdir(folder.parent) if folder.parent.is_dir() else []
  near = difflib.get_close_matches(folder.name, siblings)
  hint = f' Did you mean {", ".join(near)}?' if near else ''
  raise errors.UserError(
    f'{folder} does not exist (looked from {os.getcwd()}).{hint}'
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
