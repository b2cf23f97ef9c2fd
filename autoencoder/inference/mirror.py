"""Images that are continued by mirroring, on the host.

Inference and the codec pad images only here. The border pixel is repeated once:
... 1 0 | 0 1 2 ...
"""

import numpy as np


def pad_to_multiple(images: np.ndarray, multiple: int) -> np.ndarray:
  """Returns `[..., H, W, C]` mirrored at the bottom and right.

  H and W become the next multiples of `multiple`. The caller crops its result
  to the rows and columns of the image. Models pad by `models.inputs.pad`, which
  does the same on the device.
  """
  rows, columns = (-side % multiple for side in images.shape[-3:-1])
  margins = [(0, 0)] * (images.ndim - 3) + [(0, rows), (0, columns), (0, 0)]
  return np.pad(images, margins, mode='symmetric')


def add_border(images: np.ndarray, margin: int) -> np.ndarray:
  """Returns `[..., H, W, C]` mirrored by `margin` pixels at each border."""
  side = (margin, margin)
  margins = [(0, 0)] * (images.ndim - 3) + [side, side, (0, 0)]
  return np.pad(images, margins, mode='symmetric')


def cut(image: np.ndarray, window: tuple[slice, slice]) -> np.ndarray:
  """Returns the pixels of a window, mirrored where it leaves the image."""
  pixels = image
  for axis, side in enumerate(window):
    size = image.shape[axis]
    if side.start >= 0 and side.stop <= size:
      pixels = pixels[(slice(None),) * axis + (side,)]
      continue
    places = np.arange(side.start, side.stop) % (2 * size)
    places = np.minimum(places, 2 * size - 1 - places)
    pixels = pixels.take(places, axis)
  return pixels
