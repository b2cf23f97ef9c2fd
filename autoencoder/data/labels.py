"""Decodes label files of many formats to classes, and checks the values.

A label is int32 `[H, W]` with values 0 to classes - 1, or 255 for ignored
pixels.
"""

from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np
from PIL import Image

from autoencoder import errors
from autoencoder.image import palettes
from autoencoder.photos import headers

_WHITE = 255, 255, 255

# Largest number of classes that a message names.
_NAMED = 21

# The code (see `_codes`) of the grey level 1.
_GREY = 0x010101


class NoLabels(errors.UserError):
  """Labels were asked for, but the data has none."""


class WrongLabel(errors.UserError):
  """A label has a value that is no class, or another size than its image.

  Unlike damaged files, such labels are never skipped, because then
  `data.classes` is probably wrong.
  """


class LabelFormat(NamedTuple):
  """The meaning of the values in label files.

  Attributes:
    palette: the classes, and their colours in coloured label files.
    ignore: a value that marks ignored pixels, besides 255.
  """

  palette: palettes.Palette
  ignore: int = palettes.IGNORE


def label_format(options: Any) -> LabelFormat | None:
  """Returns the format of labels by the options.

  Args:
    options: an `autoencoder.config.DataConfig`.

  Returns:
    The format; None if `options.classes` is empty: the task needs no labels.
  """
  if not options.classes:
    return None
  return LabelFormat(palettes.find(options.classes), options.ignore)


def decode(image: Image.Image, form: LabelFormat, first: int = 0) -> np.ndarray:
  """Decodes a label file to int32 `[H, W]`, with EXIF orientation applied.

  - Grey files, of 1 to 16 bits, store labels as values. If a class of
    `form.palette` is white, their values are grey colours of the palette
    instead, as in masks of 0 and 255.
  - Files with a palette store labels as indices. If their palette has the
    colours of `form.palette` in another order, they store colours instead.
  - RGB files store colours of `form.palette`.

  Args:
    image: opened and not yet loaded, because loading scales 2- and 4-bit
      values.
    form: what the values mean.
    first: the value stored for class 0.

  Raises:
    WrongLabel: a value or a colour is no class; gives its position.
    Exception: the file is damaged; Pillow raises many types.
  """
  stretch = _stretch(image)
  image = headers.upright(image)
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
  """Checks stored values; returns labels from 0, and 255 for ignored pixels.

  Args:
    label: int32 `[H, W]`, the stored values.
    form: what the values mean.
    first: the value stored for class 0.

  Raises:
    WrongLabel: a value is no class; gives its position.
  """
  ignored = (label == form.ignore) | (label == palettes.IGNORE)
  classes = form.palette.classes
  bad = ~ignored & ((label < first) | (label >= first + classes))
  if bad.any():
    row, column = np.argwhere(bad)[0]
    raise WrongLabel(
      f'its label at row {row}, column {column} is {label[row, column]}; '
      f'labels are {first} to {first + classes - 1} for the {classes} classes '
      f'of data.classes, and {_values(form)} for ignored pixels '
      '(data.ignore)'
    )
  return np.where(ignored, palettes.IGNORE, label - first).astype(np.int32)


def note_on_absent(pixels: np.ndarray, classes: str, which: str) -> str:
  """Returns a sentence on the classes without pixels, '' if there are none.

  Args:
    pixels: `[classes]`, the number of pixels of each class.
    classes: the option `data.classes`.
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
  """Joins the names, or the first `_NAMED` of them."""
  return between.join(names[:_NAMED]) + ', ...' * (len(names) > _NAMED)


def _values(form: LabelFormat) -> str:
  """Returns the values of ignored pixels: '255', or '11 or 255'."""
  values = sorted({form.ignore, palettes.IGNORE})
  return ' or '.join(map(str, values))


def _stretch(image: Image.Image) -> int:
  """Returns the factor by which Pillow scales grey values when it loads."""
  for tile in getattr(image, 'tile', ()):
    raw = tile.args if isinstance(tile.args, str) else str(tile.args[0])
    if raw.startswith(('L;2', 'L;4')):
      return 255 // (2 ** int(raw[2]) - 1)
  return 1


def _by_colors(
  image: Image.Image, values: np.ndarray, form: LabelFormat
) -> np.ndarray | None:
  """Returns the label of each palette index if the colours define the labels.

  Tools that shrink PNG files reorder the palette: then indices are not labels,
  but the colours still identify the classes.

  Args:
    image: an image with a palette.
    values: its indices, int32 `[H, W]`.
    form: the classes and their colours.

  Returns:
    int32 `[entries of the palette]`; None if the indices are the labels.
  """
  colors = np.array(image.getpalette('RGB'), np.int32).reshape(-1, 3)
  used = np.flatnonzero(np.bincount(values.ravel()))
  if used[-1] >= len(colors):
    return None
  codes = _codes(colors)
  meant = _look_up(codes, form)
  white = _WHITE in form.palette.colors
  # One coloured entry that is no class shows that the palette belongs to
  # another data set; unknown greys may only fill it up. This does not hold for
  # black and white masks, which come with any palette.
  strange = (meant < 0) & (colors != colors[:, :1]).any(axis=-1)
  if strange.any() and not white:
    return None
  if form.ignore != palettes.IGNORE and white:
    meant[codes == form.ignore * _GREY] = palettes.IGNORE
  found = meant[used]
  is_class = (found >= 0) & (found != palettes.IGNORE)
  # Only ignored pixels, or one colour for two indices, identify no classes.
  if found.min() < 0 or not is_class.any() or len(set(codes[used])) < len(used):
    return None
  counted = is_class | form.palette.void_stated
  return meant if (counted & (found != used)).any() else None


def _from_greys(values: np.ndarray, form: LabelFormat) -> np.ndarray:
  """Returns the labels of grey values; white is 255, or 65535 in 16 bits."""
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
  """Returns `labels`; raises `WrongLabel`, with the pixel, if one is -1."""
  bad = labels < 0
  if bad.any():
    row, column = np.argwhere(bad)[0]
    found = pixels[row, column].tolist()
    raise WrongLabel(
      f'its colour at row {row}, column {column} is '
      f'{tuple(found) if isinstance(found, list) else found}, which is the '
      f'colour of none of the classes {_named(form.palette.names, ", ")} of '
      'data.classes (add void=#rrggbb there for the colour of ignored pixels)'
    )
  return labels


def _look_up(codes: np.ndarray, form: LabelFormat) -> np.ndarray:
  """Returns the labels of colours given by `_codes`, -1 for unknown ones."""
  palette = form.palette
  known = _codes(np.array([*palette.colors, palette.void]))
  meant = np.array([*range(palette.classes), palettes.IGNORE], np.int32)
  order = np.argsort(known, kind='stable')
  place = np.searchsorted(known, codes, sorter=order)
  found = order[np.minimum(place, len(known) - 1)]
  return np.where(known[found] == codes, meant[found], np.int32(-1))


def _codes(colors: np.ndarray) -> np.ndarray:
  """Returns each colour of `[..., 3]` as one integer, `[...]`."""
  return np.asarray(colors, np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
