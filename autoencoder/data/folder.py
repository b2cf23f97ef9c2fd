"""A person's own tree of image files as a source, read in place."""

import difflib
import os
import pathlib
import re

import numpy as np
from PIL import Image
from PIL import ImageOps

from autoencoder.data import decode

SUFFIXES = ('.png', '.jpg', '.jpeg', '.webp', '.bmp', '.tif', '.tiff')
SPLITS = ('train', 'test')


class FolderSource:
  """The images of a folder and its subfolders, sorted by relative path.

  Only names are read at opening, so that a tree of a million files opens in
  seconds; a file that cannot be decoded shows itself when it is read.

  Attributes:
    name: the folder's name, safe in file names.
    root: the folder the images' names are relative to.
  """

  def __init__(self, path: str, split: str, *, channels: int):
    """Lists the images below `path`.

    Args:
      path: folder; `~` is expanded. Where it has a `train` or `test`
        subfolder, those are the splits; otherwise both splits are the whole
        tree. Hidden files and folders are ignored.
      split: 'train' or 'test'.
      channels: 1 for grey, 3 for RGB.

    Raises:
      ValueError: the folder is missing, is a file, lacks the split, or holds
        no image.
    """
    folder = pathlib.Path(path).expanduser()
    _check_folder(path, folder)
    self.name = file_safe(folder.resolve().name) or 'folder'
    present = [name for name in SPLITS if (folder / name).is_dir()]
    if present and split not in present:
      raise ValueError(
        f'{folder} has a {present[0]!r} subfolder but no {split!r} subfolder: '
        f'add one, or give the {split} images in a folder of their own.'
      )
    self.root = folder / split if present else folder
    self._files = _list_images(self.root)
    if not self._files:
      raise ValueError(
        f'{self.root} holds no image: it and its subfolders were searched for '
        f'{", ".join(SUFFIXES)} files.'
      )
    self._channels = channels

  def __len__(self) -> int:
    return len(self._files)

  def __getitem__(self, i: int) -> dict[str, np.ndarray | str]:
    """Returns image `i`, upright as its EXIF orientation says.

    Returns:
      `image` uint8 `[H, W, C]` and `name`, its path relative to the folder.

    Raises:
      UnreadableImage: naming the file and the reason.
    """
    path = self.root / self._files[i]
    try:
      with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image)
        pixels = decode.to_uint8(upright, self._channels)
    except Exception as error:  # Damaged files raise nearly anything in Pillow.
      raise decode.UnreadableImage(
        f'{path} cannot be read as an image: {error}.'
      ) from error
    return {'image': pixels, 'name': self._files[i]}


def file_safe(name: str) -> str:
  """Returns `name` with everything but letters, digits, `_.-` as `_`."""
  return re.sub(r'[^\w.-]+', '_', name)


def _check_folder(path: str, folder: pathlib.Path) -> None:
  """Raises `ValueError` unless `folder` is one, saying what is near it."""
  if not path:
    raise ValueError("'folder:' needs a path, as in folder:/home/me/photos.")
  if folder.is_dir():
    return
  if folder.exists():
    raise ValueError(
      f'{folder} is a file; give the folder it is in: folder:{folder.parent}'
    )
  siblings = os.listdir(folder.parent) if folder.parent.is_dir() else []
  near = difflib.get_close_matches(folder.name, siblings)
  hint = f' Did you mean {", ".join(near)}?' if near else ''
  raise ValueError(
    f'{folder} does not exist (looked from {os.getcwd()}).{hint}'
  )


def _list_images(root: pathlib.Path) -> list[str]:
  """Returns the '/'-separated relative paths of the images below `root`."""
  files, seen = [], {os.path.realpath(root)}
  for folder, subfolders, names in os.walk(root, followlinks=True):
    kept = []
    for name in subfolders:
      target = os.path.realpath(os.path.join(folder, name))
      # A link to a folder already seen would repeat its images, or never end.
      if not name.startswith('.') and target not in seen:
        seen.add(target)
        kept.append(name)
    subfolders[:] = sorted(kept)
    files += [
      pathlib.Path(folder, name).relative_to(root).as_posix()
      for name in names
      if name.lower().endswith(SUFFIXES) and not name.startswith('.')
    ]
  return sorted(files)
