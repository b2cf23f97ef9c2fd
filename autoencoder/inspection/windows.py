"""A data set as windows of one size, each with its own part of an image.

Windows of one size need one compiled program and bounded memory, whatever the
sizes of the images. Windows overlap, but their own parts do not, so each place
of an image counts once.
"""

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import NamedTuple

import jax
import numpy as np

from autoencoder import errors
from autoencoder.evaluation import items
from autoencoder.tasks import task as task_lib

# Side of a window, in pixels of the image; less if images are smaller.
SIDE = 256


class Box(NamedTuple):
  """Rows `top` to `bottom` and columns `left` to `right`, ends exclusive."""

  top: float
  bottom: float
  left: float
  right: float


class Window(NamedTuple):
  """A part of an image, as the network gets it.

  Attributes:
    name: of the image.
    origin: row and column of the window in the image, in pixels.
    inputs: `[H, W, C]` float32.
    scale: pixels of the image per pixel of `inputs`.
    own: the part that no other window has, in rows and columns of `inputs`.
    image: the extent of the image, in rows and columns of `inputs`.
  """

  name: str
  origin: tuple[int, int]
  inputs: np.ndarray
  scale: int
  own: Box
  image: Box


def cut(
  task: task_lib.Task,
  config: Any,
  source: Any,
  *,
  count: int,
  side: int = SIDE,
) -> Iterator[Window]:
  """Yields windows, evenly spaced over the data set and over each image.

  Args:
    task: makes the network's inputs.
    config: the experiment's configuration; `evaluation.max_images` bounds the
      number of images.
    source: see `autoencoder.data.Source`.
    count: upper bound of the number of windows.
    side: of a window, in pixels of the image, or the longer side of the first
      image if that is less. Smaller images are extended by mirroring.

  Raises:
    UserError: there are no images, or one cannot be used.
  """
  images = items.count_images(config, source)
  used = min(images, count)
  # The key is an argument, so that `make` is compiled once.
  make = jax.jit(lambda key, item: task.make_example(key, item, config).inputs)
  for number in range(used):
    item = items.read_item(config, source, number * images // used)
    if number == 0:
      side = min(side, max(item['image'].shape[:2]))
    height, width = item['image'].shape[:2]
    grid = _plan(height, width, side)
    most = max(1, count // used)
    for at in range(min(len(grid), most)):
      place = grid[at * len(grid) // min(len(grid), most)]
      yield _window(make, item, place, side, number)


class _Span(NamedTuple):
  """A window along one axis: its start, and its own part."""

  start: int
  first: int
  end: int


def _plan(height: int, width: int, side: int) -> list[tuple[_Span, _Span]]:
  """Returns the spans of windows along rows and columns."""

  def axis(size: int) -> list[_Span]:
    if size <= side:
      return [_Span(0, 0, size)]
    # Neighbouring windows overlap by at least about half a window, so that
    # own parts have context around them.
    number = -(-(size - side) // (side // 2 or 1)) + 1
    starts = [i * (size - side) // (number - 1) for i in range(number)]
    meet = [(a + b + side) // 2 for a, b in zip(starts, starts[1:])]
    return list(map(_Span, starts, [0, *meet], [*meet, size]))

  return [(y, x) for y in axis(height) for x in axis(width)]


def _window(
  make: Callable[..., jax.Array],
  item: dict[str, Any],
  place: tuple[_Span, _Span],
  side: int,
  number: int,
) -> Window:
  """Returns one window, with the network's input made from it."""
  rows, columns = place
  top, left = rows.start, columns.start
  part = item['image'][top : top + side, left : left + side]
  margins = [(0, side - size) for size in part.shape[:2]]
  image = np.pad(part, [*margins, (0, 0)], mode='symmetric')
  features = {
    'image': image.astype(np.float32) / 255,
    # Only the inputs of the example are used, and data may have no labels.
    'label': np.zeros(image.shape[:2], np.int32),
  }
  try:
    inputs = np.asarray(make(jax.random.key(number), features))
  except ValueError as error:
    raise errors.UserError(f'image {item["name"]!r}: {error}') from error
  scale = max(1, round(side / inputs.shape[0]))
  height, width = item['image'].shape[:2]

  def box(first_row: int, last_row: int, first: int, last: int) -> Box:
    return Box(
      (first_row - top) / scale,
      (last_row - top) / scale,
      (first - left) / scale,
      (last - left) / scale,
    )

  return Window(
    item['name'],
    (top, left),
    inputs,
    scale,
    own=box(rows.first, rows.end, columns.first, columns.end),
    image=box(0, height, 0, width),
  )
