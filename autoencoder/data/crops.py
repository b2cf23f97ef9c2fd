"""Crops images and their labels on the host, with NumPy.

An item is a dict with `image` uint8 `[H, W, C]` and perhaps `label` int32
`[H, W]`. Other entries are not changed.
"""

from collections.abc import Sequence
import math
from typing import Any

import numpy as np

from autoencoder.image import palettes

Item = dict[str, Any]


def arrays(item: Item) -> Item:
  """Returns only the image, and the label if there is one."""
  # The fixed order lets JAX find the compiled step in its cache.
  return {name: item[name] for name in ('image', 'label') if name in item}


def pad_to_crop(item: Item, crop: int) -> Item:
  """Pads `item` at the bottom and right to at least `crop` pixels a side.

  The image is mirrored, repeatedly if needed; the label is padded with 255.
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
  """Returns the square with side `crop` and upper left pixel (top, left)."""
  window = np.s_[top : top + crop, left : left + crop]
  return item | {name: x[window] for name, x in arrays(item).items()}


def cut_random(generator: np.random.Generator, item: Item, crop: int) -> Item:
  """Returns a crop from a uniform random place; the item must be as large."""
  height, width = item['image'].shape[:2]
  top = int(generator.integers(height - crop + 1))
  left = int(generator.integers(width - crop + 1))
  return cut(item, top, left, crop)


def window_side(crop: int, scale_range: Sequence[float]) -> int:
  """Returns the side, in pixels, of a window that contains a crop of any scale.

  It has one pixel more than the largest box, which may begin between pixels.
  """
  return math.ceil(crop / scale_range[0]) + 1


def cut_window(
  generator: np.random.Generator,
  item: Item,
  crop: int,
  scale_range: Sequence[float],
) -> Item:
  """Draws a scale and a place, and cuts the window that `augment.zoom` takes.

  Does on the host what `augment.random_window` does on the device.

  Args:
    generator: random generator.
    item: at least `crop` pixels high and wide.
    crop: side of the crop, pixels.
    scale_range: smallest and largest magnification, above 0.

  Returns:
    `image`, and `label` if any, with the side `window_side(...)`, padded with
    zeros if the image is smaller; and `size` and `box`, see `augment.zoom`.
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
