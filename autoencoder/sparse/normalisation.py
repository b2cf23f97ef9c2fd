"""Local contrast normalisation: an image without its light and its contrast."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from autoencoder.image import smoothing

# Windows are cut off at three deviations.
_REACH = 3


class Normalised(NamedTuple):
  """An image taken apart: `image * scale + mean` is the original.

  Attributes:
    image: `[N, H, W, C]`, about 0, of local deviation up to 1.
    mean: `[N, H, W, C]`, the light around each pixel.
    scale: `[N, H, W, 1]`, the contrast around each pixel.
  """

  image: jax.Array
  mean: jax.Array
  scale: jax.Array

  def restore(self, image: jax.Array) -> jax.Array:
    """Returns what `image`, a normalised one, is in light and contrast."""
    return image * self.scale + self.mean


def radius(deviation: float) -> int:
  """Returns how many pixels away one can change another, in each of two."""
  return int(np.ceil(_REACH * deviation))


@functools.partial(jax.jit, static_argnames='deviation')
def local_mean(image: jax.Array, deviation: float) -> jax.Array:
  """Returns the mean under a Gaussian window, mirrored at the borders.

  Args:
    image: `[N, H, W, C]` float32, at least one pixel more a side than
      `radius(deviation)`.
    deviation: of the window, pixels.

  Raises:
    ValueError: a smaller image.
  """
  reach = radius(deviation)
  least = reach + 1
  if min(image.shape[1:3]) < least:
    raise ValueError(
      f'A window of deviation {deviation} needs images of at least {least} x '
      f'{least} pixels; got {image.shape[1]} x {image.shape[2]}.'
    )
  margin = [(0, 0), (reach, reach), (reach, reach), (0, 0)]
  image = jnp.pad(image, margin, mode='reflect')
  return smoothing.gaussian_mean(image, 2 * reach + 1, deviation)


def normalise(
  image: jax.Array, *, deviation: float, floor: float
) -> Normalised:
  """Subtracts the local mean and divides by the local deviation.

  NOTE: The deviation counts as at least `floor`, so that what the eye takes
  for smooth is not blown up to full contrast. The mean is that of the image
  less its first pixel: a constant image gives exact zeros.

  Args:
    image: `[N, H, W, C]` float32, in [0, 1].
    deviation: of the Gaussian window, pixels.
    floor: least local deviation, in units of the image; above 0.

  Returns:
    `Normalised`. The contrast is common to the channels.

  Raises:
    ValueError: an image smaller than the window.

  References:
    Jarrett, Kavukcuoglu, Ranzato, LeCun, "What is the best multi-stage
    architecture for object recognition?", ICCV 2009: its local contrast
    normalization layer, where the floor is the image's mean deviation.

  Example:

    >>> flat = normalise(jnp.full((1, 32, 32, 1), 0.3), deviation=2, floor=0.1)
    >>> float(abs(flat.image).max())
    0.0
  """
  first = image[:, :1, :1]
  mean = local_mean(image - first, deviation)
  detail = image - first - mean
  variance = local_mean(jnp.square(detail).mean(-1, keepdims=True), deviation)
  # Before the root, whose derivative at 0 is infinite.
  scale = jnp.sqrt(jnp.maximum(variance, floor**2))
  return Normalised(detail / scale, mean + first, scale)
