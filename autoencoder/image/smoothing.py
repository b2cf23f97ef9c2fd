"""Means under a Gaussian window, which SSIM and local contrast share."""

import jax
import numpy as np


def gaussian_mean(images: jax.Array, taps: int, deviation: float) -> jax.Array:
  """Returns local means where the window lies wholly inside the images.

  Args:
    images: `[N, H, W, C]` float32.
    taps: side of the window, pixels; a shorter side of the images cuts it to
      that side, and it is normalised again.
    deviation: of the window, pixels.

  Returns:
    `[N, H - taps + 1, W - taps + 1, C]`.

  Example:

    >>> gaussian_mean(np.ones((1, 20, 9, 3), np.float32), 11, 1.5).shape
    (1, 10, 1, 3)
  """
  for axis in (1, 2):
    # A sum of shifted slices: XLA fuses it, where a convolution of
    # single channels is several times slower on CPU.
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
