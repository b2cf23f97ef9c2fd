"""Local contrast normalisation: images without local mean and contrast."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from autoencoder.image import smoothing

# Windows are cut off at three standard deviations.
_REACH = 3


class Normalised(NamedTuple):
  """A normalised image: `image * scale + mean` is the original.

  Attributes:
    image: `[N, H, W, C]`, around 0, with a local deviation of at most 1.
    mean: `[N, H, W, C]`, the local mean.
    scale: `[N, H, W, 1]`, the local contrast.
  """

  image: jax.Array
  mean: jax.Array
  scale: jax.Array

  def restore(self, image: jax.Array) -> jax.Array:
    """Returns a normalised image with this mean and contrast."""
    return image * self.scale + self.mean


def radius(deviation: float) -> int:
  """Returns the distance, in pixels, from the centre of a window to its end."""
  return int(np.ceil(_REACH * deviation))


@functools.partial(jax.jit, static_argnames='deviation')
def local_mean(image: jax.Array, deviation: float) -> jax.Array:
  """Returns the mean under a Gaussian window; borders are mirrored.

  Args:
    image: `[N, H, W, C]` float32. H and W must exceed `radius(deviation)`.
    deviation: standard deviation of the window, in pixels.

  Raises:
    ValueError: the image is smaller.
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
  """Subtracts the local mean and divides by the local standard deviation.

  NOTE: The deviation counts as at least `floor`, so that nearly smooth areas
  are not amplified to full contrast. The mean is computed of the image minus
  its first pixel, so that a constant image becomes exactly zero.

  Args:
    image: `[N, H, W, C]` float32, in [0, 1].
    deviation: standard deviation of the Gaussian window, in pixels.
    floor: lowest local deviation, in units of the image; above 0.

  Returns:
    `Normalised`. Its `contrast`, the divisor, is common to all channels.

  Raises:
    ValueError: the image is smaller than the window.

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
  # The floor comes before the root, whose derivative at 0 is infinite.
  scale = jnp.sqrt(jnp.maximum(variance, floor**2))
  return Normalised(detail / scale, mean + first, scale)
