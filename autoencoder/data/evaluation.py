"""Held-out images as a few fixed crops, for measuring while training."""

import numpy as np

from autoencoder.data import crops
from autoencoder.data import reader
from autoencoder.data import sources

# Multiples of the inverse powers of the plastic number, modulo 1, fill the unit
# square evenly however many are taken:
# http://extremelearning.com.au/unreasonable-effectiveness-of-quasirandom-sequences
PLASTIC = 1.32471795724474602596


def center_crops(
  source: sources.Source, crop: int, count: int
) -> dict[str, np.ndarray]:
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
    `image` uint8 `[count, crop, crop, C]`, and `label` int32 `[count, crop,
    crop]` where the data has one; the same for the same arguments.
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
      result.append(crops.arrays(crops.cut(item, int(top), int(left), crop)))
  return {name: np.stack([x[name] for x in result]) for name in result[0]}
