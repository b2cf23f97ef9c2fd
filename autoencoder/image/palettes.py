"""Names and colours of the classes of pixels.

A label is an integer from 0 to classes - 1, or 255 for an ignored pixel.
"""

import re
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from autoencoder import errors

# Label of ignored pixels: neither the loss nor the metrics count them.
IGNORE = 255

# Name of the ignored pixels in the option `data.classes`.
VOID = 'void'

_WHITE = 255, 255, 255


class Palette(NamedTuple):
  """The classes of a data set, in the order of their labels.

  Attributes:
    names: one name per class.
    colors: `(red, green, blue)` of each class, 0 to 255.
    void: colour of ignored pixels.
    void_stated: whether label files use this colour for ignored pixels;
      otherwise it only serves for drawing.
  """

  names: tuple[str, ...]
  colors: tuple[tuple[int, int, int], ...]
  void: tuple[int, int, int] = _WHITE
  void_stated: bool = True

  @property
  def classes(self) -> int:
    """The number of classes, without the ignored pixels."""
    return len(self.names)

  def table(self) -> np.ndarray:
    """Returns the colours of labels 0 to 255, `[256, 3]` uint8."""
    table = np.tile(np.array(self.void, np.uint8), (256, 1))
    table[: self.classes] = self.colors
    return table

  def check_weights(self, weights: tuple[float, ...]) -> None:
    """Raises `UserError` unless there are no weights, or one per class."""
    possible = all(0 <= weight < float('inf') for weight in weights)
    if not possible or len(weights) not in (0, self.classes):
      raise errors.UserError(
        f'data.class_weights takes {self.classes} finite numbers of at least '
        f'0, one for each of data.classes; got {weights}.'
      )


def colorize(
  labels: np.ndarray | jax.Array, palette: Palette
) -> np.ndarray | jax.Array:
  """Returns the colours of labels.

  Args:
    labels: integers in 0..255, of any shape `[...]`. Labels that are no class
      get the colour of ignored pixels.
    palette: the colours.

  Returns:
    `[..., 3]` uint8: a JAX array on the device if `labels` is one, otherwise a
    NumPy array.

  Example:

    >>> colorize(np.array([0, 255]), PALETTES['camvid']).tolist()
    [[128, 128, 128], [0, 0, 0]]
  """
  if isinstance(labels, jax.Array):
    return jnp.asarray(palette.table())[labels]
  return palette.table()[labels]


def bit_colors(count: int) -> np.ndarray:
  """Returns PASCAL VOC's colours of labels 0 to `count` - 1.

  Bits 0, 3 and 6 of the label become the highest bits of red, bits 1, 4 and 7
  those of green, and bits 2 and 5 those of blue, so that consecutive labels
  have very different colours. See `VOClabelcolormap` of the VOC development kit
  (Everingham et al., 2010).

  Returns:
    `[count, 3]` uint8.
  """
  labels = np.arange(count)
  colors = np.zeros((count, 3), np.int64)
  for bit in range(8):
    colors[:, bit % 3] |= (labels >> bit & 1) << (7 - bit // 3)
  return colors.astype(np.uint8)


def find(classes: str) -> Palette:
  """Returns the palette for a value of the option `data.classes`.

  Args:
    classes: 'scenes', 'camvid', 'voc' or 'pet'; or a number of classes, such as
      '5'; or their names in the order of the labels, such as 'sky,road,car'. A
      name may be followed by a colour: 'sky=#808080,road=#804080,void=#000000'.
      The name void stands for ignored pixels.

  Raises:
    UserError: the value has another form; lists the accepted ones.
  """
  if classes in PALETTES:
    return PALETTES[classes]
  entries = [entry.strip() for entry in classes.split(',')]
  if re.fullmatch('[0-9]+', classes):
    # Converting a huge number takes long; it is rejected below, as 0 is.
    count = min(int(classes), IGNORE + 1) if len(classes) < 9 else 0
    entries = [f'class {label}' for label in range(count)]
  elif len(entries) < 2:
    raise errors.UserError(
      f'data.classes takes {", ".join(PALETTES)}, a number of classes or their '
      f'names, such as sky,road,car; got {classes!r}.'
    )
  pairs = [entry.partition('=')[::2] for entry in entries]
  void = [_color(text, entries) for name, text in pairs if name == VOID]
  pairs = [pair for pair in pairs if pair[0] != VOID]
  names = tuple(name for name, _ in pairs)
  if not (0 < len(names) <= IGNORE and all(names)) or len(void) > 1:
    raise errors.UserError(
      f'data.classes takes 1 to {IGNORE} classes and void at most once; got '
      f'{classes!r}.'
    )
  if len(set(names)) < len(names):
    raise errors.UserError(f'data.classes names a class twice: {classes!r}.')
  given = [_color(text, entries) for _, text in pairs if text]
  taken = given + void
  if len(set(taken)) < len(taken):
    raise errors.UserError(
      f'data.classes gives two classes one colour, so that they cannot be '
      f'distinguished: {classes!r}.'
    )
  usual = _rgb(bit_colors(IGNORE + 1))
  spare = (color for color in usual[len(names) :] if color not in taken)
  colors = tuple(
    _color(text, entries) if text
    else next(spare) if color in taken
    else color
    for (_, text), color in zip(pairs, usual)
  )  # fmt: skip
  if void:
    return Palette(names, colors, void[0])
  unused = (color for color in (_WHITE, *usual[::-1]) if color not in colors)
  return Palette(names, colors, next(unused), void_stated=False)


def _color(text: str, entries: list[str]) -> tuple[int, int, int]:
  """Returns a colour such as '#804080' as (128, 64, 128)."""
  if not re.fullmatch('#[0-9a-fA-F]{6}', text):
    raise errors.UserError(
      f'data.classes takes colours such as #804080; got {text!r} in '
      f'{",".join(entries)!r}.'
    )
  red, green, blue = bytes.fromhex(text[1:])
  return red, green, blue


def _rgb(colors: np.ndarray) -> tuple[tuple[int, int, int], ...]:
  """Returns `[N, 3]` as a tuple of colours."""
  return tuple(map(tuple, colors.tolist()))


def _from_hex(*colors: str) -> tuple[tuple[int, int, int], ...]:
  return tuple(_color(f'#{color}', []) for color in colors)


_VOC_NAMES = (
  'background', 'aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car',
  'cat', 'chair', 'cow', 'dining table', 'dog', 'horse', 'motorbike', 'person',
  'potted plant', 'sheep', 'sofa', 'train', 'tv monitor',
)  # fmt: skip

PALETTES = {
  # Digits have Paul Tol's "muted" colours, which colour-blind people can
  # distinguish, and the orange of his "vibrant" ones.
  'scenes': Palette(
    ('background', *(f'digit {digit}' for digit in range(10))),
    ((0, 0, 0),)
    + _from_hex('cc6677', '88ccee', 'ddcc77', '117733', '332288')
    + _from_hex('aa4499', '44aa99', '999933', '882255', 'ee7733'),
  ),
  # The 11 classes and the colours of SegNet (Badrinarayanan et al., 2017).
  'camvid': Palette(
    ('sky', 'building', 'pole', 'road', 'pavement', 'tree', 'sign', 'fence')
    + ('car', 'pedestrian', 'bicyclist'),
    _from_hex('808080', '800000', 'c0c080', '804080', '3c28de', '808000')
    + _from_hex('c08080', '404080', '400080', '404000', '0080c0'),
    (0, 0, 0),
  ),
  'voc': Palette(
    _VOC_NAMES,
    _rgb(bit_colors(len(_VOC_NAMES))),
    _rgb(bit_colors(256))[IGNORE],
  ),
  # The trimaps of Oxford-IIIT Pet, from 0.
  'pet': Palette(
    ('pet', 'background', 'border'), _from_hex('ee7733', '332288', 'ddcc77')
  ),
}
