"""Cutting images and their labels on the host, in NumPy.

An item is a dict with `image` uint8 `[H, W, C]` and perhaps `label` int32
`[H, W]`; other entries are left as they are.
"""

import math
from typing import Any

import numpy as np

from autoencoder.image import palettes

Item = dict[str, Any]


def arrays(item: Item) -> Item:
  """Returns the image, and the label if any, without the other entries."""
  # In a fixed order, so that a compiled step is found in the cache again.
  return {name: item[name] for name in ('image', 'label') if name in item}


def pad_to_crop(item: Item, crop: int) -> Item:
  """Returns `item` at least `crop` pixels high and wide.

  Smaller images are continued by mirroring at their lower and right edges, as
  often as it takes, and their labels by 255.
  """
  height, width = item['image'].shape[:2]
  down, right = max(crop - height, 0), max(crop - width, 0)
  if not down and not right:
    return item
  pad = ((0, down), (0, right))
  padded = item | {
    'image': np.pad(item['image'], (*pad, (0, 0)), mode='symmetric')
  }
  if 'label' in item:
    padded['label'] = np.pad(
      item['label'], pad, constant_values=palettes.IGNORE
    )
  return padded


def cut(item: Item, top: int, left: int, crop: int) -> Item:
  """Returns the square of side `crop` whose first pixel is (top, left)."""
  window = np.s_[top : top + crop, left : left + crop]
  return item | {name: x[window] for name, x in arrays(item).items()}


def cut_random(generator: np.random.Generator, item: Item, crop: int) -> Item:
  """Returns a crop at a uniformly drawn place of an item as large or larger."""
  height, width = item['image'].shape[:2]
  top = int(generator.integers(height - crop + 1))
  left = int(generator.integers(width - crop + 1))
  return cut(item, top, left, crop)


def window_side(crop: int, scale_range: tuple[float, float]) -> int:
  """Returns the side of a window that holds a crop of any scale, pixels."""
  return math.ceil(crop / scale_range[0]) + 1  # It begins between two pixels.


def cut_window(
  generator: np.random.Generator,
  item: Item,
  crop: int,
  scale_range: tuple[float, float],
) -> Item:
  """Draws a scale and a place, and cuts what `augment.zoom` needs for them.

  The twin on the host of `augment.random_window`.

  Args:
    generator: what draws.
    item: at least `crop` pixels high and wide.
    crop: side of the crop, pixels.
    scale_range: smallest and largest factor to enlarge by.

  Returns:
    `image`, and `label` if any, of one size for all items, with zeros where
    the image is smaller; `size` and `box`, see `augment.zoom`.
  """
  size = np.array(item['image'].shape[:2])
  factor = np.exp(generator.uniform(*np.log(scale_range)))
  side = min(crop / factor, *size)
  place = generator.uniform(size=2) * (size - side)
  full = window_side(crop, scale_range)
  top, left = corner = np.clip(place.astype(int), 0, np.maximum(size - full, 0))
  part = arrays(cut(item, top, left, full))
  kept = np.array(part['image'].shape[:2], np.int32)
  pad = [(0, full - n) for n in kept]
  padded = {
    name: np.pad(x, pad + [(0, 0)] * (x.ndim - 2)) for name, x in part.items()
  }
  box = np.array([*(place - corner), side], np.float32)
  return padded | {'size': kept, 'box': box}
