"""Held-out images: whole, in batches of one shape, or as a few fixed crops."""

from collections.abc import Iterator
import itertools
from typing import Any

import numpy as np

from autoencoder.data import crops
from autoencoder.data import reader
from autoencoder.data import sources

# Multiples of the inverse powers of the plastic number, modulo 1, fill the unit
# square evenly however many are taken:
# http://extremelearning.com.au/unreasonable-effectiveness-of-quasirandom-sequences
PLASTIC = 1.32471795724474602596


def evaluation_batches(
  source: sources.Source, batch_size: int, max_images: int = 0
) -> Iterator[dict[str, Any]]:
  """Yields whole images, each exactly once, in the source's order.

  Consecutive images of one shape share a batch. A batch that is not full is
  filled up by repeating its last image with mask 0, so that each shape compiles
  once.

  Args:
    source: any images.
    batch_size: rows of every batch.
    max_images: stops after so many images; 0 takes all.

  Yields:
    `image` uint8 `[N, H, W, C]`; `label` int32 `[N, H, W]` where the data has
    one; `index` int32 `[N]`, the position in `source`; `mask` float32 `[N]`;
    and `name`, N strings.

  Raises:
    UnreadableImage: naming the first file that cannot be read; a result must
      not depend on which files happened to be readable.
  """
  count = min(len(source), max_images or len(source))
  numbered = ((i, source[i]) for i in range(count))
  for _, group in itertools.groupby(
    numbered, key=lambda pair: pair[1]['image'].shape
  ):
    while rows := list(itertools.islice(group, batch_size)):
      padding = batch_size - len(rows)
      mask = np.repeat(np.float32([1, 0]), [len(rows), padding])
      rows += [rows[-1]] * padding
      indices, items = zip(*rows, strict=True)
      yield {
        name: np.stack([item[name] for item in items])
        for name in items[0]
        if name != 'name'
      } | {
        'index': np.array(indices, np.int32),
        'mask': mask,
        'name': [item['name'] for item in items],
      }


def center_crops(
  source: sources.Source, crop: int, count: int
) -> np.ndarray:
  """Returns fixed crops of the source's images, to measure on while training.

  From more images than `count`, it takes evenly spaced ones and the centre of
  each; from fewer, further crops of each, spread over the image. Images smaller
  than the crop are continued by mirroring, unreadable ones replaced by the
  next.

  Args:
    source: any images.
    crop: side of the crops, pixels.
    count: how many, at least 1.

  Returns:
    uint8 `[count, crop, crop, C]`, the same for the same arguments.
  """
  images = reader.Reader(source, crop)
  used = min(count, len(source))
  result = []
  for i in range(used):
    item = images.read_next(i * len(source) // used)
    height, width = item['image'].shape[:2]
    for k in range(count // used + (i < count % used)):
      top = (0.5 + k / PLASTIC) % 1 * (height - crop + 1)
      left = (0.5 + k / PLASTIC**2) % 1 * (width - crop + 1)
      result.append(crops.cut(item, int(top), int(left), crop)['image'])
  return np.stack(result)
