"""A data set as windows of one size, each with a part of its image to itself.

One size is one compiled program and bounded memory, whatever the images are;
the parts do not overlap, so that a place in an image is seen once.
"""

from collections.abc import Iterator
from typing import Any
from typing import NamedTuple

import jax
import numpy as np

from autoencoder import errors
from autoencoder.evaluation import items
from autoencoder.tasks import task as task_lib

# Pixels of the image along each axis; less where images are smaller.
SIDE = 256


class Box(NamedTuple):
  """Rows `top` to `bottom` and columns `left` to `right`, ends not included."""

  top: float
  bottom: float
  left: float
  right: float


class Window(NamedTuple):
  """A part of an image, as the network gets it.

  Attributes:
    name: of the image.
    origin: row and column of the window in the image, pixels.
    inputs: `[H, W, C]` float32.
    scale: pixels of the image for one of `inputs`.
    own: the part that no other window has, in rows and columns of `inputs`.
    image: where the image is, in rows and columns of `inputs`.
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
  """Yields windows of a data set, evenly spaced over it and over its images.

  Args:
    task: makes what the network gets of them.
    config: the experiment's; `evaluation.max_images` bounds the images.
    source: see `autoencoder.data.Source`.
    count: how many windows, about, at the most.
    side: of a window, pixels of the image; where the first image is smaller,
      as much as that. Images that are smaller still are continued by mirroring.

  Raises:
    ValueError: no images, or one that cannot be read or used.
  """
  images = items.count_images(config, source)
  used = min(images, count)
  # Compiled once: the key is an argument.
  make = jax.jit(lambda key, item: task.make_example(key, item, config).inputs)
  for number in range(used):
    item = items.read_item(config, source, number * images // used)
    if number == 0:
      side = min(side, max(item['image'].shape[:2]))
    grid = _plan(*item['image'].shape[:2], side)
    most = max(1, count // used)
    for at in range(min(len(grid), most)):
      place = grid[at * len(grid) // min(len(grid), most)]
      yield _window(make, item, place, side, number)


def _plan(height: int, width: int, side: int):
  """Returns rows and columns: `(start, first, end)` of windows, own parts."""

  def axis(size):
    if size <= side:
      return [(0, 0, size)]
    # Half a window of context around most of what is its own.
    number = -(-(size - side) // (side // 2 or 1)) + 1
    starts = [i * (size - side) // (number - 1) for i in range(number)]
    meet = [(a + b + side) // 2 for a, b in zip(starts, starts[1:])]
    return list(zip(starts, [0, *meet], [*meet, size]))

  return [(y, x) for y in axis(height) for x in axis(width)]


def _window(make, item, place, side, number) -> Window:
  """Returns one window, made an example of."""
  (top, *rows), (left, *columns) = place
  part = item['image'][top : top + side, left : left + side]
  margins = [(0, side - size) for size in part.shape[:2]]
  image = np.pad(part, [*margins, (0, 0)], mode='symmetric')
  features = {
    'image': image.astype(np.float32) / 255,
    # Inputs are all that is used, and data may have no labels.
    'label': np.zeros(image.shape[:2], np.int32),
  }
  try:
    inputs = make(jax.random.key(number), features)
  except ValueError as error:
    raise errors.UserError(f'image {item["name"]!r}: {error}') from error
  inputs = np.asarray(inputs)
  scale = max(1, round(side / inputs.shape[0]))
  height, width = item['image'].shape[:2]

  def box(first, end, left_, right):
    edges = (first - top, end - top, left_ - left, right - left)
    return Box(*(edge / scale for edge in edges))

  return Window(
    item['name'],
    (top, left),
    inputs,
    scale,
    own=box(*rows, *columns),
    image=box(0, height, 0, width),
  )
