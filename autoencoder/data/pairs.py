"""Images and the label files that belong to them, in two folders.

    PATH/train  PATH/trainannot      or      PATH/images  PATH/masks

The latter may lie in `PATH/train` and `PATH/test`, or have these in both, and
`PATH/images/val` finds `PATH/masks/val`. A label has its image's name, in a
format without loss.
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

# Not GIF, whose writers number colours anew: indices are no labels there.
SUFFIXES = ('.png', '.bmp', '.tif', '.tiff')
ANNOTATIONS = 'annot'
IMAGES, MASKS = 'images', 'masks'

# So many labels are read at opening, which takes a second or two: a wrong one
# of the test images is better known before training than after.
CHECKED = 1000

# EXIF's tag of orientation, and the values by which width becomes height.
_ORIENTATION, _TURNED = 0x0112, (5, 6, 7, 8)


def find_roots(
  root: pathlib.Path, split: str
) -> tuple[pathlib.Path, pathlib.Path]:
  """Returns the folder of the images and that of their labels.

  Args:
    root: the folder of one split: `train` of `train` and `trainannot`, or what
      holds `images` and `masks`.
    split: 'train' or 'test'; where `images` has such folders, they are taken.

  Raises:
    NoLabels: there are none.
    ValueError: `images` has one of the two splits, and not this one.
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
    f'The images of {root} have no labels: they are looked for in {beside}, or '
    f'with the images in {root / IMAGES} in {root / MASKS}, or with the images '
    f'in {whole.parent / IMAGES / whole.name} in '
    f'{whole.parent / MASKS / whole.name}.'
  )


def match(
  root: pathlib.Path,
  files: Iterable[str],
  label_root: pathlib.Path,
  form: labels.LabelFormat,
) -> list[pathlib.Path]:
  """Returns the label file of each image, all of the image's size.

  The headers of all files are read, and the labels of the first `CHECKED`.

  Args:
    root: folder of the images.
    files: their paths in it.
    label_root: folder of the labels.
    form: what their values mean.

  Raises:
    ValueError: an image has no label, two, or one of another size or with a
      value that is no class; or a label has no image. Names it.
  """
  partners, labelled = [], {}
  list_folder = functools.cache(_labels_in)
  for file in files:
    path = label_root / file
    found = list_folder(path.parent).get(path.stem, ())
    if not found:
      raise errors.UserError(
        f'{root / file} has no label: there is no {path.with_suffix("")} with '
        f'{", ".join(SUFFIXES)}.'
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
    sizes = _size(root / file), _size(found[0])
    if None not in sizes and sizes[0] != sizes[1]:
      raise labels.WrongLabel(_mismatch(found[0], sizes[1], sizes[0]))
    if len(partners) <= CHECKED:
      check(root / file, found[0], form)
  for name in listing.list_files(label_root, SUFFIXES):
    if label_root / name not in labelled:
      raise errors.UserError(
        f'{label_root / name} has no image: it would be that of an image in '
        f'{root} with the same name.'
      )
  return partners


def check(
  image: pathlib.Path, label: pathlib.Path, form: labels.LabelFormat
) -> None:
  """Raises `WrongLabel` for a label that `read` would refuse.

  Damaged files are left to those who read them: training skips them.
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
    UnreadableImage: it is damaged.
    WrongLabel: a value is no class, or the size is not the image's; names it.
  """
  try:
    with Image.open(path) as image:
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
  found = {}
  for name in sorted(os.listdir(folder)) if folder.is_dir() else ():
    path = folder / name
    # Cameras and some tools write suffixes in capitals.
    if path.suffix.lower() in SUFFIXES and path.is_file():
      found.setdefault(path.stem, []).append(path)
  return found


def _size(path: pathlib.Path) -> tuple[int, int] | None:
  """Returns (height, width) as shown; None where the file is damaged."""
  try:
    with Image.open(path) as image:
      turned = image.getexif().get(_ORIENTATION) in _TURNED
      return image.size if turned else image.size[::-1]
  except Exception:  # Pillow's own zoo; reading it says what is wrong.
    return None


def _mismatch(path, found, expected) -> str:
  return (
    f'{path} has {found[1]} x {found[0]} pixels; its image has '
    f'{expected[1]} x {expected[0]}.'
  )
