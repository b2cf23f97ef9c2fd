"""An image as a sum of feature maps, each convolved with its filter.

For images `[N, H, W, C]` and filters `[h, w, C, K]`, maps are
`[N, H + h - 1, W + w - 1, K]`: there is a coefficient for every position at
which a filter still touches the image, so borders are not special. All arrays
are float32.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from autoencoder import layers

# The largest eigenvalue is estimated from below, on an image of at most this
# many filters or pixels a side. The margin makes up for both.
_MARGIN = 1.1
_FILTERS, _PIXELS = 8, 48
_NUMBERS = ('NHWC', 'HWIO', 'NHWC')


def synthesise(maps: jax.Array, filters: jax.Array) -> jax.Array:
  """Returns `sum_k z_k * f_k`, the image that the maps describe.

  It is a transposed convolution with stride 1: each coefficient adds a copy of
  its filter to the image, and the parts outside the image are cut off.

  Args:
    maps: `[N, H + h - 1, W + w - 1, K]`.
    filters: `[h, w, C, K]`.

  Returns:
    `[N, H, W, C]`.

  References:
    Zeiler, Krishnan, Taylor, Fergus, "Deconvolutional networks", CVPR 2010,
    equation 1.

  Example:

    >>> maps = jnp.zeros((1, 5, 5, 1)).at[0, 2, 2, 0].set(1.0)
    >>> filters = jnp.arange(9.0).reshape(3, 3, 1, 1)
    >>> synthesise(maps, filters)[0, ..., 0].tolist()
    [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]
  """
  padding = [(size - 1, size - 1) for size in filters.shape[:2]]
  return layers.conv_transpose(
    maps,
    filters,
    padding=padding,
    padding_convention='torch',
    transpose_kernel=True,
  )


def correlate(image: jax.Array, filters: jax.Array) -> jax.Array:
  """Returns the correlation of each filter with the image: the adjoint.

  Args:
    image: `[N, H, W, C]`, taken as 0 outside.
    filters: `[h, w, C, K]`.

  Returns:
    Maps `[N, H + h - 1, W + w - 1, K]`, with
    `<synthesise(z), y> = <z, correlate(y)>`.
  """
  padding = [(size - 1, size - 1) for size in filters.shape[:2]]
  return layers.conv_general_dilated(
    image, filters, (1, 1), padding, dimension_numbers=_NUMBERS
  )


def map_size(size: Sequence[int], filters: jax.Array) -> tuple[int, int]:
  """Returns height and width of the maps of an image of `size`."""
  height, width = filters.shape[:2]
  return size[0] + height - 1, size[1] + width - 1


def squared_norm(
  filters: jax.Array, size: Sequence[int], *, iterations: int = 30
) -> jax.Array:
  """Returns a bound of the largest eigenvalue of `correlate(synthesise(.))`.

  This is the Lipschitz constant of the gradient of `||y - synthesise(z)||^2 /
  2` in z. It is computed by power iteration from white noise that is always the
  same. The iteration converges from below, and the constant grows with the
  image towards a limit, so 10 % are added. Images count up to 48 pixels a side,
  or 8 filters if that is more.

  Args:
    filters: `[h, w, C, K]`.
    size: height and width of the image.
    iterations: of the power iteration.

  Returns:
    A scalar.

  Example:

    >>> filters = jnp.full((1, 1, 1, 4), 0.5)
    >>> round(float(squared_norm(filters, (8, 8))), 4)  # 4 * 0.5**2 * 1.1
    1.1
  """
  largest = max(_PIXELS, _FILTERS * max(filters.shape[:2]))
  height, width = (min(side, largest) for side in size)
  start = jax.random.normal(
    jax.random.key(0), (1, height, width, filters.shape[2]), filters.dtype
  )

  def step(_, carry):
    image, _ = carry
    image = image / jnp.sqrt(jnp.square(image).sum())
    # Iterate on images: they are smaller than maps by a factor of K / C.
    image = synthesise(correlate(image, filters), filters)
    return image, jnp.sqrt(jnp.square(image).sum())

  _, norm = jax.lax.fori_loop(0, iterations, step, (start, jnp.zeros(())))
  return _MARGIN * norm
