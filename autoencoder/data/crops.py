"""Cutting images and their labels on the host, in NumPy.

An item is a dict with `image` uint8 `[H, W, C]` and perhaps `label` int32
`[H, W]`; other entries are left as they are.
"""

from typing import Any

import numpy as np

from autoencoder import palettes

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


def cut_random(
  generator: np.random.Generator, item: Item, crop: int
) -> Item:
  """Returns a crop at a uniformly drawn place of an item as large or larger."""
  height, width = item['image'].shape[:2]
  top = int(generator.integers(height - crop + 1))
  left = int(generator.integers(width - crop + 1))
  return cut(item, top, left, crop)
