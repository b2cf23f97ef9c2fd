"""Local means under a Gaussian window, for SSIM and local contrast."""

import jax
import numpy as np


def gaussian_mean(images: jax.Array, taps: int, deviation: float) -> jax.Array:
  """Returns local means at all positions where the window is inside the image.

  Args:
    images: `[N, H, W, C]` float32.
    taps: side of the window, pixels. Along a shorter side of the images, the
      window is cut to that side and normalised again.
    deviation: standard deviation of the window, pixels.

  Returns:
    `[N, max(1, H - taps + 1), max(1, W - taps + 1), C]` float32.

  Example:

    >>> gaussian_mean(np.ones((1, 20, 9, 3), np.float32), 11, 1.5).shape
    (1, 10, 1, 3)
  """
  for axis in (1, 2):
    # XLA fuses a sum of shifted slices, which is faster on CPU than a
    # convolution of single channels.
    side = images.shape[axis]
    count = min(taps, side)
    offsets = np.arange(count) - (count - 1) / 2
    window = np.exp(-0.5 * (offsets / deviation) ** 2)
    window = (window / window.sum()).astype(np.float32)
    images = sum(
      tap * jax.lax.slice_in_dim(images, i, side - count + 1 + i, axis=axis)
      for i, tap in enumerate(window)
    )
  return images
