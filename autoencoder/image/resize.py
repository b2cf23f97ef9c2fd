"""Bicubic resizing that equals MATLAB's `imresize`, on the device.

Published tables of super-resolution use it to shrink pictures and as baseline.
Bicubic resizing in other libraries has other kernels, borders or antialiasing,
which changes the PSNR by up to 1 dB. Images are `[..., H, W, C]`. Indices and
weights are constants of the compiled program.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

# MATLAB sums in float64, where halves are exact and are rounded up. In float32
# a half may be too small by less than this excess over 0.5, in grey levels.
_HALF = 0.5 + 1e-4


def bicubic(
  images: jax.Array, scale: float, *, eight_bit: bool = False
) -> jax.Array:
  """Enlarges (`scale` > 1) or shrinks (< 1) with MATLAB's bicubic `imresize`.

  Uses Keys' kernel with a = -0.5; shrinking widens it by 1 / scale to avoid
  aliasing. The border is mirrored. It resizes the rows' axis first.

  NOTE: With `eight_bit` it equals `imresize` of a uint8 image, which rounds and
  clips after *each* of the two passes. Then there is no gradient.

  Args:
    images: `[..., H, W, C]` float32, any H and W of at least 1.
    scale: output pixels per input pixel, above 0; 1 / 3 shrinks to a third.
    eight_bit: whether to round images and result to uint8 values divided by
      255.

  Returns:
    `[..., ceil(scale * H), ceil(scale * W), C]` float32. Without `eight_bit` it
    overshoots at edges and is not clipped.

  Raises:
    ValueError: `scale` is not above 0 and finite, or the images have no pixels.

  References:
    Keys, "Cubic convolution interpolation for digital image processing", IEEE
    TASSP 1981, equation 15. The conventions are those of the function
    `contributions` in MATLAB's `imresize.m`.

  Example:

    >>> bicubic(jnp.ones((37, 50, 3)), 1 / 2).shape
    (19, 25, 3)
  """
  if not 0 < scale < math.inf:
    raise ValueError(f'scale must be above 0 and finite; got {scale}.')
  if images.ndim < 3 or 0 in images.shape[-3:]:
    raise ValueError(
      f'Images are [..., H, W, C] with at least one pixel; got {images.shape}.'
    )
  images = images.astype(jnp.float32)
  if eight_bit:
    images = _round(images * 255)
  for axis in (images.ndim - 3, images.ndim - 2):
    images = _resize_axis(images, axis, scale)
    if eight_bit:
      images = _round(images)
  return images / 255 if eight_bit else images


def crop_to_multiple(images: jax.Array, multiple: int) -> jax.Array:
  """Cuts off rows at the bottom and columns at the right.

  Use it before shrinking a picture by the factor `multiple`, so that enlarging
  it again gives the same size.

  Args:
    images: `[..., H, W, C]`.
    multiple: divisor of the resulting H and W, at least 1.

  Raises:
    ValueError: no pixel would be left.

  Example:

    >>> crop_to_multiple(jnp.ones((37, 50, 3)), 4).shape
    (36, 48, 3)
  """
  height, width = (side - side % multiple for side in images.shape[-3:-1])
  if not height or not width:
    raise ValueError(
      f'An image of {images.shape[-2]} x {images.shape[-3]} pixels cannot be '
      f'shrunk {multiple} times: both sides must have at least {multiple}.'
    )
  return images[..., :height, :width, :]


def _round(levels: jax.Array) -> jax.Array:
  """Rounds grey levels to [0, 255], halves up."""
  return jnp.clip(jnp.floor(levels + _HALF), 0, 255)


def _resize_axis(images: jax.Array, axis: int, scale: float) -> jax.Array:
  """Resizes one axis.

  Sums over gathered taps: a product with the mostly empty matrix of all weights
  is slower on CPU and loses digits on accelerators.
  """
  if not isinstance(images.shape[axis], int):
    return _enlarge_open_axis(images, axis, scale)
  indices, weights = _contributions(images.shape[axis], scale)
  shape = [1] * images.ndim
  shape[axis] = -1
  return sum(
    jnp.take(images, index, axis=axis, mode='clip') * weight.reshape(shape)
    for index, weight in zip(indices.T, weights.T)
  )


def _enlarge_open_axis(images: jax.Array, axis: int, scale: float) -> jax.Array:
  """Enlarges an axis whose size is left open (`jax.export`)."""
  factor = int(scale)
  if factor != scale:
    raise ValueError(
      f'Images of open size can be enlarged by integers only; got {scale}.'
    )
  # Away from the border all pixels have the same weights.
  offsets, weights = (
    part[4 * factor : 5 * factor] for part in _contributions(9, scale)
  )
  size = images.shape[axis]
  phases = []
  for row, row_weights in zip(offsets - 4, weights):
    terms = []
    for offset, weight in zip(row, row_weights):
      places = (jnp.arange(size) + int(offset)) % (2 * size)
      places = jnp.minimum(places, 2 * size - 1 - places)
      terms.append(jnp.take(images, places, axis=axis) * weight)
    phases.append(sum(terms))
  y = jnp.stack(phases, axis + 1)
  shape = images.shape
  return y.reshape(*shape[:axis], size * factor, *shape[axis + 1 :])


def _contributions(size: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
  """Returns the input pixels of each output pixel, and their weights.

  Args:
    size: input pixels.
    scale: output pixels per input pixel.

  Returns:
    Indices, int32 `[ceil(scale * size), taps]`, and weights, float32 of the
    same shape; each row of weights sums to 1.
  """
  shrinking = min(scale, 1.0)
  width = 4 / shrinking
  # Centres of output pixels, in input pixels counted from 0.
  centers = (np.arange(math.ceil(scale * size)) + 0.5) / scale - 0.5
  first = np.floor(centers - width / 2)
  indices = first[:, None] + np.arange(math.ceil(width) + 2)
  weights = _keys(shrinking * (centers[:, None] - indices))
  weights /= weights.sum(axis=1, keepdims=True)
  used = (weights != 0).any(axis=0)
  indices, weights = indices[:, used], weights[:, used]
  mirrored = indices.astype(np.int64) % (2 * size)
  mirrored = np.minimum(mirrored, 2 * size - 1 - mirrored)
  return mirrored.astype(np.int32), weights.astype(np.float32)


def _keys(x: np.ndarray) -> np.ndarray:
  """Returns Keys' cubic kernel with a = -0.5 at `x`; it is 0 for |x| >= 2."""
  x = np.abs(x)
  near = 1.5 * x**3 - 2.5 * x**2 + 1
  far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
  return np.where(x <= 1, near, np.where(x < 2, far, 0.0))
