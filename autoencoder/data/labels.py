"""Label files: from what people keep per pixel to classes, checked.

A label is int32 `[H, W]`, 0 to classes - 1, and 255 where a pixel does not
count.
"""

from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np
from PIL import Image
from PIL import ImageOps

from autoencoder.image import palettes

_WHITE = 255, 255, 255

# Classes that a sentence names, at the most.
_NAMED = 21

# The code of a grey of value 1, by `_codes`.
_GREY = 0x010101


class NoLabels(ValueError):
  """Labels are asked for, and the data has none."""


class WrongLabel(ValueError):
  """A label that is no class, or does not fit its image.

  Unlike a damaged file it is never left out: it says that the data is not what
  `data.classes` says.
  """


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


def decode(image: Image.Image, form: LabelFormat, first: int = 0) -> np.ndarray:
  """Returns a label file as int32 `[H, W]`, upright.

  Files of one channel hold the labels, 2- and 4-bit ones as well. So do those
  with a palette, whose colours are for show unless they are those of
  `form.palette` in another order. Files in RGB hold its colours, and so do grey
  ones where one of its classes is white: masks of 0 and 255.

  Args:
    image: as opened. Once it is loaded, what 2 and 4 bits held is lost.
    form: what its values mean.
    first: the number of class 0.

  Raises:
    WrongLabel: a value or a colour that is no class, and where it is.
    Exception: Pillow's own, where the file is damaged.
  """
  stretch = _stretch(image)
  image = ImageOps.exif_transpose(image)
  if image.mode in ('RGB', 'RGBA'):
    colors = np.asarray(image.convert('RGB'))
    return _known(_look_up(_codes(colors), form), colors, form)
  if image.mode not in ('1', 'L', 'P') and not image.mode.startswith('I'):
    raise WrongLabel(
      f'its mode is {image.mode}; labels are files of one channel, or RGB'
    )
  values = np.asarray(image, np.int32)
  if image.mode == 'P':
    meant = _by_colors(image, values, form)
    return check(values, form, first) if meant is None else meant[values]
  if _WHITE in form.palette.colors:
    return _from_greys(values * 255 if image.mode == '1' else values, form)
  return check(values // stretch, form, first)


def check(label: np.ndarray, form: LabelFormat, first: int = 0) -> np.ndarray:
  """Returns `label` counted from 0, with 255 for what does not count.

  Args:
    label: int32 `[H, W]`, as stored.
    form: what its values mean.
    first: the number of class 0.

  Raises:
    WrongLabel: a value that is no class, and where it is.
  """
  ignored = (label == form.ignore) | (label == palettes.IGNORE)
  classes = form.palette.classes
  bad = ~ignored & ((label < first) | (label >= first + classes))
  if bad.any():
    row, column = np.argwhere(bad)[0]
    raise WrongLabel(
      f'its label at row {row}, column {column} is {label[row, column]}; '
      f'labels are {first} to {first + classes - 1} for the {classes} classes '
      f'of data.classes, and {_values(form)} for what does not count '
      '(data.ignore)'
    )
  return np.where(ignored, palettes.IGNORE, label - first).astype(np.int32)


def note_on_absent(pixels: np.ndarray, classes: str, which: str) -> str:
  """Returns a sentence on the classes that no pixel is of, '' for none.

  Args:
    pixels: `[classes]`, how many are of each.
    classes: `data.classes`, what they are called.
    which: what was counted, such as 'training labels'.
  """
  palette = palettes.find(classes)
  names = [name for name, count in zip(palette.names, pixels) if not count]
  if not names:
    return ''
  note = (
    f'No pixel of the {which} is {_named(names, " or ")}: is '
    f'--config.data.classes={classes} what the labels mean?'
  )
  if not np.any(pixels[1:]) and _WHITE not in palette.colors:
    note += (
      ' Masks of 0 and 255 are read with '
      '--config.data.classes=other=#000000,thing=#ffffff.'
    )
  return note


def _named(names: Sequence[str], between: str) -> str:
  """Returns the names, or the first of many."""
  return between.join(names[:_NAMED]) + ', ...' * (len(names) > _NAMED)


def _values(form: LabelFormat) -> str:
  """Returns '255', or '11 or 255'."""
  values = sorted({form.ignore, palettes.IGNORE})
  return ' or '.join(map(str, values))


def _stretch(image: Image.Image) -> int:
  """Returns what Pillow multiplies the grey values of a file by, at loading."""
  for tile in getattr(image, 'tile', ()):
    raw = tile.args if isinstance(tile.args, str) else str(tile.args[0])
    if raw.startswith(('L;2', 'L;4')):
      return 255 // (2 ** int(raw[2]) - 1)
  return 1


def _by_colors(
  image: Image.Image, values: np.ndarray, form: LabelFormat
) -> np.ndarray | None:
  """Returns the label of each index of a palette, None where it is for show.

  Tools that make files smaller sort a palette anew: then its colours count.
  """
  colors = np.array(image.getpalette('RGB'), np.int32).reshape(-1, 3)
  used = np.flatnonzero(np.bincount(values.ravel()))
  if used[-1] >= len(colors):
    return None
  codes = _codes(colors)
  meant = _look_up(codes, form)
  white = _WHITE in form.palette.colors
  # A coloured entry of another data set, and the palette is another's as well;
  # greys may just fill it up. Masks of black and white have any palette.
  strange = (meant < 0) & (colors != colors[:, :1]).any(axis=-1)
  if strange.any() and not white:
    return None
  if form.ignore != palettes.IGNORE and white:
    meant[codes == form.ignore * _GREY] = palettes.IGNORE
  found = meant[used]
  is_class = (found >= 0) & (found != palettes.IGNORE)
  # Void alone, or one colour for everything, says nothing of the classes.
  if found.min() < 0 or not is_class.any() or len(set(codes[used])) < len(used):
    return None
  counted = is_class | form.palette.void_stated
  return meant if (counted & (found != used)).any() else None


def _from_greys(values: np.ndarray, form: LabelFormat) -> np.ndarray:
  """Returns grey values, 255 or in 16 bits 65535 for white, as labels."""
  shades = values
  if values.max() > 255:
    shades = np.where(values % 257, -1, values // 257)
  shades = np.where((shades < 0) | (shades > 255), -1, shades)
  labels = _look_up(shades * _GREY, form)
  if form.ignore != palettes.IGNORE:
    labels[values == form.ignore] = palettes.IGNORE
  return _known(labels, values, form)


def _known(
  labels: np.ndarray, pixels: np.ndarray, form: LabelFormat
) -> np.ndarray:
  """Returns `labels`, of `pixels`; raises `WrongLabel` where one is -1."""
  bad = labels < 0
  if bad.any():
    row, column = np.argwhere(bad)[0]
    found = pixels[row, column].tolist()
    raise WrongLabel(
      f'its colour at row {row}, column {column} is '
      f'{tuple(found) if isinstance(found, list) else found}, which is of none '
      f'of the classes {_named(form.palette.names, ", ")} of data.classes (a '
      'colour that does not count is named there as void=#rrggbb)'
    )
  return labels


def _look_up(codes: np.ndarray, form: LabelFormat) -> np.ndarray:
  """Returns the labels of `_codes` of colours, -1 where they are none."""
  palette = form.palette
  known = _codes(np.array([*palette.colors, palette.void]))
  meant = np.array([*range(palette.classes), palettes.IGNORE], np.int32)
  order = np.argsort(known, kind='stable')
  place = np.searchsorted(known, codes, sorter=order)
  found = order[np.minimum(place, len(known) - 1)]
  return np.where(known[found] == codes, meant[found], np.int32(-1))


def _codes(colors: np.ndarray) -> np.ndarray:
  """Returns `[..., 3]` as one integer each."""
  return np.asarray(colors, np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
