"""Label files: from what people keep per pixel to classes, checked.

A label is int32 `[H, W]`, 0 to classes - 1, and 255 where a pixel does not
count.
"""

from typing import Any
from typing import NamedTuple

import numpy as np
from PIL import Image

from autoencoder import palettes

_WHITE = 255, 255, 255


class NoLabels(ValueError):
  """Labels are asked for, and the data has none."""


class LabelFormat(NamedTuple):
  """What the values of label files mean.

  Attributes:
    palette: the classes; its colours are those of coloured files.
    ignore: the value that, besides 255, marks pixels that do not count.
  """

  palette: palettes.Palette
  ignore: int = palettes.IGNORE


def label_format(options: Any) -> LabelFormat | None:
  """Returns what the labels mean under `autoencoder.config.DataConfig`.

  None where `options.classes` says that the task needs none.
  """
  if not options.classes:
    return None
  return LabelFormat(palettes.find(options.classes), options.ignore)


def decode(image: Image.Image, form: LabelFormat) -> np.ndarray:
  """Returns a label file as int32 `[H, W]`.

  Files of one channel hold the labels; so do those with a palette of their own,
  whose colours are for show. Files in RGB hold the colours of `form.palette`,
  and so do grey ones where one of its classes is white: masks of 0 and 255.

  Raises:
    ValueError: a value or a colour that is no class, and where it is.
  """
  white = image.mode == 'L' and _WHITE in map(tuple, form.palette.colors)
  if white or image.mode in ('RGB', 'RGBA'):
    return _from_colors(np.asarray(image.convert('RGB')), form.palette)
  if image.mode not in ('1', 'L', 'P') and not image.mode.startswith('I'):
    raise ValueError(
      f'its mode is {image.mode}; labels are files of one channel, or RGB'
    )
  return check(np.asarray(image, np.int32), form)


def check(label: np.ndarray, form: LabelFormat) -> np.ndarray:
  """Returns `label` with 255 for what does not count.

  Args:
    label: int32 `[H, W]`, as stored.
    form: what its values mean.

  Raises:
    ValueError: a value that is no class, and where it is.
  """
  ignored = (label == form.ignore) | (label == palettes.IGNORE)
  classes = form.palette.classes
  bad = ~ignored & ((label < 0) | (label >= classes))
  if bad.any():
    row, column = np.argwhere(bad)[0]
    raise ValueError(
      f'its label at row {row}, column {column} is {label[row, column]}; '
      f'labels are 0 to {classes - 1} for the {classes} classes of '
      f'data.classes, and {_values(form)} for what does not count '
      '(data.ignore)'
    )
  return np.where(ignored, palettes.IGNORE, label).astype(np.int32)


def _values(form: LabelFormat) -> str:
  """Returns '255', or '11 or 255'."""
  values = sorted({form.ignore, palettes.IGNORE})
  return ' or '.join(map(str, values))


def _from_colors(
  pixels: np.ndarray, palette: palettes.Palette
) -> np.ndarray:
  """Returns `[H, W, 3]` uint8 of the palette's colours as labels."""
  codes = _codes(pixels)
  colors = np.array([*palette.colors, palette.void])
  meant = [*range(palette.classes), palettes.IGNORE]
  order = np.argsort(_codes(colors), kind='stable')
  known = _codes(colors)[order]
  place = np.minimum(np.searchsorted(known, codes), len(known) - 1)
  bad = known[place] != codes
  if bad.any():
    row, column = np.argwhere(bad)[0]
    raise ValueError(
      f'its colour at row {row}, column {column} is '
      f'{tuple(pixels[row, column].tolist())}, which is of none of the classes '
      f'{", ".join(palette.names)} of data.classes'
    )
  return np.array(meant, np.int32)[order][place]


def _codes(colors: np.ndarray) -> np.ndarray:
  """Returns `[..., 3]` as one integer each."""
  return np.asarray(colors, np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
