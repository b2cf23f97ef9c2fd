"""Bicubic resizing exactly as MATLAB's `imresize`, on the device.

Super-resolution tables are made with it: pictures are shrunk by it, and it is
the baseline. Other libraries' bicubic kernels, borders and antialiasing differ
and change the tables' numbers by up to 1 dB. Everything here takes
`[..., H, W, C]`; the indices and weights are constants of the compiled program.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

# MATLAB sums in float64, where halves come out exact and are rounded up.
# float32 may fall short of a half by less than this part of a grey level.
_HALF = 0.5 + 1e-4


def bicubic(
  images: jax.Array, scale: float, *, eight_bit: bool = False
) -> jax.Array:
  """Enlarges (`scale` > 1) or shrinks (< 1) with MATLAB's bicubic `imresize`.

  Keys' kernel with a = -0.5, widened by 1 / scale where it shrinks, so that it
  does not alias; the border is mirrored. Rows are done first, then columns.

  NOTE: With `eight_bit` it is `imresize` of a uint8 image, which rounds and
  clips after *each* of the two passes; there is then no gradient.

  Args:
    images: `[..., H, W, C]` float32, any H and W of at least 1.
    scale: output pixels per input pixel, above 0; 1 / 3 shrinks to a third.
    eight_bit: whether the images are uint8 divided by 255, and the result too.
      Input that is not is rounded first.

  Returns:
    `[..., ceil(scale * H), ceil(scale * W), C]` float32. Without `eight_bit` it
    overshoots at edges and is not clipped.

  Raises:
    ValueError: for a `scale` that is not above 0 and finite, or images without
      pixels.

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
  """Cuts rows at the bottom and columns at the right off `[..., H, W, C]`.

  What is left has an H and W that `multiple` divides: what a picture has to
  have before it is shrunk by that factor and compared with what comes back.

  Raises:
    ValueError: if nothing would be left.

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
  """Grey levels as uint8 would hold them; halves go up."""
  return jnp.clip(jnp.floor(levels + _HALF), 0, 255)


def _resize_axis(images: jax.Array, axis: int, scale: float) -> jax.Array:
  """Weighted sums along one axis.

  A sum over gathered taps: a matrix product with the mostly empty matrix of all
  weights was 2 to 15 times slower on CPU, and loses digits on accelerators.
  """
  indices, weights = _contributions(images.shape[axis], scale)
  shape = [1] * images.ndim
  shape[axis] = -1
  return sum(
    jnp.take(images, index, axis=axis, mode='clip') * weight.reshape(shape)
    for index, weight in zip(indices.T, weights.T)
  )


def _contributions(size: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
  """Returns what each output pixel is a sum of, along one axis.

  Args:
    size: input pixels.
    scale: output pixels per input pixel.

  Returns:
    Indices, int32 `[ceil(scale * size), taps]`, and their weights, float32,
    each row of which sums to 1.
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
  """Keys' cubic convolution kernel with a = -0.5, zero from 2 on."""
  x = np.abs(x)
  near = 1.5 * x**3 - 2.5 * x**2 + 1
  far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
  return np.where(x <= 1, near, np.where(x < 2, far, 0.0))
