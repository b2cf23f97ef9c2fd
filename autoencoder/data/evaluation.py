"""Cuts a few fixed crops of held-out images, to measure during training."""

import numpy as np

from autoencoder.data import crops
from autoencoder.data import reader
from autoencoder.data import sources

# The plastic number. The multiples of its inverse powers, modulo 1, cover the
# unit square evenly, whatever their number (the R2 sequence):
# http://extremelearning.com.au/unreasonable-effectiveness-of-quasirandom-sequences
PLASTIC = 1.32471795724474602596


def center_crops(
  source: sources.Source, crop: int, count: int
) -> dict[str, np.ndarray]:
  """Returns fixed crops of the source's images, to measure during training.

  If there are more than `count` images, it takes the centre of evenly spaced
  ones; otherwise also further crops of each, spread over the image. Images
  smaller than the crop are padded by mirroring. Unreadable images are replaced
  by the next readable one.

  Args:
    source: any images.
    crop: side of the crops, pixels.
    count: number of crops, at least 1.

  Returns:
    `image` uint8 `[count, crop, crop, C]`, and `label` int32 `[count, crop,
    crop]` if the data has labels. Equal arguments give equal crops.
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
