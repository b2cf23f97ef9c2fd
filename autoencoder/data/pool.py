"""Reads a small data set into arrays that are kept on the device."""

import numpy as np

from autoencoder.data import crops
from autoencoder.data import decode
from autoencoder.data import reader
from autoencoder.image import palettes


def read(
  images: reader.Reader, count: int, limit: int
) -> dict[str, np.ndarray] | None:
  """Reads all images into one array, unless it would be too large.

  Stops as soon as the limit is certainly exceeded: the pool has at least
  `count` times the size of the largest image so far.

  Args:
    images: reads the images; unreadable ones are left out.
    count: number of images in the source.
    limit: largest size of the pool, bytes.

  Returns:
    See `batches.Batches.pool`; None if the limit is exceeded.

  Raises:
    UserError: no image can be read.
  """
  items, largest = [], np.zeros(2, np.int64)
  for i in range(count):
    try:
      item = images.read(i)
    except decode.UnreadableImage:
      continue
    items.append(item)
    height, width, channels = item['image'].shape
    largest = np.maximum(largest, (height, width))
    depth = channels + ('label' in item)
    if count * int(largest.prod()) * depth > limit:
      return None
  if not items:
    raise images.nothing_readable()
  return _stack(items, largest)


def _stack(
  items: list[crops.Item], largest: np.ndarray
) -> dict[str, np.ndarray]:
  """Stacks items, each in the upper left corner of its row of the pool."""
  shape = (len(items), *largest)
  pool = {
    'image': np.zeros((*shape, items[0]['image'].shape[2]), np.uint8),
    'size': np.array([x['image'].shape[:2] for x in items], np.int32),
  }
  if 'label' in items[0]:
    pool['label'] = np.full(shape, palettes.IGNORE, np.uint8)
  for row, (item, (height, width)) in enumerate(
    zip(items, pool['size'], strict=True)
  ):
    for name, array in crops.arrays(item).items():
      pool[name][row, :height, :width] = array
  return pool
