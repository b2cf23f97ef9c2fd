"""Finds, checks and reads the label files of a folder of images.

Images and labels lie in two folders:

    PATH/train  PATH/trainannot      or      PATH/images  PATH/masks

The second form may also be split: PATH/train/images or PATH/images/train, and
`PATH/images/val` finds `PATH/masks/val`. A label file has the name of its
image, with the suffix of a lossless format.
"""

from collections.abc import Iterable
import contextlib
import functools
import os
import pathlib

import numpy as np
from PIL import Image

from autoencoder import errors
from autoencoder.data import decode
from autoencoder.data import labels
from autoencoder.data import listing
from autoencoder.photos import headers
from autoencoder.photos import lenient

# Lossless formats. GIF is not accepted, because programs that write it reorder
# the palette, so that indices are not labels.
LABEL_SUFFIXES = ('.png', '.bmp', '.tif', '.tiff')
ANNOTATIONS = 'annot'
IMAGES, MASKS = 'images', 'masks'

# Number of labels that opening a source reads and checks, so that mistakes are
# reported before training. It takes a second or two.
CHECKED = 1000

# EXIF tag of the orientation, and its values that exchange width and height.
_ORIENTATION, _TURNED = 0x0112, (5, 6, 7, 8)


def find_roots(
  root: pathlib.Path, split: str
) -> tuple[pathlib.Path, pathlib.Path]:
  """Returns the folder of the images and the folder of their labels.

  Args:
    root: the folder of one split: `train` if there is `trainannot`, or the
      folder that contains `images` and `masks`.
    split: 'train' or 'test'; used if `images` has such subfolders.

  Raises:
    NoLabels: there is no folder of labels.
    UserError: `images` has the other split, but not this one.
  """
  whole = pathlib.Path(os.path.abspath(root))
  beside = whole.with_name(whole.name + ANNOTATIONS)
  if beside.is_dir():
    return root, beside
  if all((root / name).is_dir() for name in (IMAGES, MASKS)):
    part = split if listing.find_splits(root / IMAGES, split) else ''
    return root / IMAGES / part, root / MASKS / part
  for images in (whole, whole.parent):
    masks = images.parent / MASKS / whole.relative_to(images)
    if images.name == IMAGES and masks.is_dir():
      return root, masks
  raise labels.NoLabels(
    f'The images of {root} have no labels. Accepted are labels in {beside}; '
    f'images in {root / IMAGES} with labels in {root / MASKS}; or images in '
    f'{whole.parent / IMAGES / whole.name} with labels in '
    f'{whole.parent / MASKS / whole.name}.'
  )


def match(
  root: pathlib.Path,
  files: Iterable[str],
  label_root: pathlib.Path,
  form: labels.LabelFormat,
) -> list[pathlib.Path]:
  """Returns the label file of each image.

  Reads the headers of all files, and the values of the first `CHECKED` labels.

  Args:
    root: folder of the images.
    files: paths of the images relative to `root`.
    label_root: folder of the labels.
    form: what the values of labels mean.

  Raises:
    UserError: an image has no label or two labels, or a label has no image;
      names the file.
    WrongLabel: a label has another size than its image, or a value that is no
      class; names the file.
  """
  partners: list[pathlib.Path] = []
  labelled: dict[pathlib.Path, str] = {}
  list_folder = functools.cache(_labels_in)
  for file in files:
    path = label_root / file
    found = list_folder(path.parent).get(path.stem, ())
    if not found:
      raise errors.UserError(
        f'{root / file} has no label: there is no file {path.with_suffix("")} '
        f'with the suffix {", ".join(LABEL_SUFFIXES)}.'
      )
    if len(found) > 1:
      raise errors.UserError(
        f'{root / file} has two labels, {found[0]} and {found[1]}: remove one.'
      )
    if found[0] in labelled:
      raise errors.UserError(
        f'{found[0]} would be the label of two images, '
        f'{root / labelled[found[0]]} and {root / file}: rename one.'
      )
    labelled[found[0]] = file
    partners.append(found[0])
    expected, size = _size(root / file), _size(found[0])
    if expected and size and expected != size:
      raise labels.WrongLabel(_mismatch(found[0], size, expected))
    if len(partners) <= CHECKED:
      check(root / file, found[0], form)
  for name in listing.list_files(label_root, LABEL_SUFFIXES):
    if label_root / name not in labelled:
      raise errors.UserError(
        f'{label_root / name} has no image: there is no image with this name '
        f'in {root}.'
      )
  return partners


def check(
  image: pathlib.Path, label: pathlib.Path, form: labels.LabelFormat
) -> None:
  """Raises `WrongLabel` if the label does not fit the image or the classes.

  Ignores damaged files: `read` raises for them, and training skips them.
  """
  size = _size(image)
  if size is not None:
    with contextlib.suppress(decode.UnreadableImage):
      read(label, form, size)


def read(
  path: pathlib.Path, form: labels.LabelFormat, size: tuple[int, int]
) -> np.ndarray:
  """Returns the label file `path` as int32 `[H, W]`.

  Args:
    path: the file.
    form: what its values mean.
    size: (height, width) of the image.

  Raises:
    UnreadableImage: the file is damaged; names it.
    WrongLabel: the label has another size, or a value that is no class; names
      the file.
  """
  try:
    with (
      open(path, 'rb') as file,
      lenient.libraries(),
      Image.open(file) as image,
    ):
      label = labels.decode(image, form)
  except labels.WrongLabel as error:
    raise labels.WrongLabel(f'{path}: {error}.') from error
  except Exception as error:  # Damaged files raise nearly anything in Pillow.
    raise decode.UnreadableImage(
      f'{path} cannot be read as an image: {error}.'
    ) from error
  if label.shape != size:
    raise labels.WrongLabel(_mismatch(path, label.shape, size))
  return label


def _labels_in(folder: pathlib.Path) -> dict[str, list[pathlib.Path]]:
  """Returns the label files of a folder by their names without suffix."""
  found: dict[str, list[pathlib.Path]] = {}
  for name in sorted(os.listdir(folder)) if folder.is_dir() else ():
    path = folder / name
    # Some programs write suffixes in capitals.
    if path.suffix.lower() in LABEL_SUFFIXES and path.is_file():
      found.setdefault(path.stem, []).append(path)
  return found


def _size(path: pathlib.Path) -> tuple[int, int] | None:
  """Returns the (height, width) of the upright image; None if damaged."""
  try:
    with (
      open(path, 'rb') as file,
      lenient.libraries(),
      Image.open(file) as image,
    ):
      turned = headers.orientation(image) in _TURNED
      return image.size if turned else image.size[::-1]
  except Exception:  # Pillow raises any type for damaged files.
    return None


def _mismatch(
  path: pathlib.Path, found: tuple[int, ...], expected: tuple[int, ...]
) -> str:
  """Returns the message for a label of another size than its image."""
  return (
    f'{path} has {found[1]} x {found[0]} pixels; its image has '
    f'{expected[1]} x {expected[0]}.'
  )
