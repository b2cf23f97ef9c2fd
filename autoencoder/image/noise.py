"""Noise that is not white: grey, correlated between channels or pixels, rows.

Photos seldom have white noise. A grey photo has one noise for its three equal
channels, demosaicing correlates channels and neighbours, cameras smooth the
noise of colours more than that of brightness, and sensors read out rows. Each
function here adds one of these.

All take float32 `[H, W, C]` in [0, 1] and one key, and do not clip, so that
they chain; for a batch, `vmap` over one key per image. `sigma` is a standard
deviation in units of [0, 1]: the literature's sigma = 25 is `25 / 255`.
Strengths and widths may be traced values.
"""

import jax
import jax.numpy as jnp
import numpy as np

from autoencoder.image import color

# Luma weights of ITU-R BT.601.
LUMA = (0.299, 0.587, 0.114)


def grey_noise(
  key: jax.Array, image: jax.Array, sigma: jax.Array | float
) -> jax.Array:
  """Returns `image` plus white Gaussian noise that all channels share.

  This is the noise of a grey photo that is stored, or seen, as RGB.

  Args:
    key: a random key.
    image: `[H, W, C]` float32.
    sigma: standard deviation, in units of [0, 1].

  Returns:
    `[H, W, C]` float32, not clipped.

  Example:

    >>> noisy = grey_noise(jax.random.key(0), jnp.zeros((8, 8, 3)), 0.1)
    >>> bool((noisy[..., 0] == noisy[..., 2]).all())
    True
  """
  shape = (*image.shape[:2], 1)
  return image + sigma * jax.random.normal(key, shape, image.dtype)


def channel_noise(
  key: jax.Array, image: jax.Array, covariance: jax.Array | np.ndarray
) -> jax.Array:
  """Returns `image` plus Gaussian noise that is correlated between channels.

  The noise is independent from pixel to pixel.

  Args:
    key: a random key.
    image: `[H, W, C]` float32.
    covariance: `[C, C]`, symmetric and positive definite, in units of [0, 1]
      squared.

  Returns:
    `[H, W, C]` float32, not clipped.

  Example:

    >>> covariance = 0.01 * (0.5 * jnp.eye(3) + 0.5)  # Correlation 0.5.
    >>> image = jnp.zeros((8, 8, 3))
    >>> channel_noise(jax.random.key(0), image, covariance).shape
    (8, 8, 3)
  """
  factor = jnp.linalg.cholesky(jnp.asarray(covariance, image.dtype))
  noise = jax.random.normal(key, image.shape, image.dtype)
  return image + color.mix(noise, factor)


def smooth_noise(
  key: jax.Array,
  image: jax.Array,
  sigma: jax.Array | float,
  width: jax.Array | float,
) -> jax.Array:
  """Returns `image` plus Gaussian noise that is correlated between pixels.

  White noise is filtered by a Gaussian and scaled back to its variance. Two
  pixels at a distance d then have the correlation exp(-d^2 / (4 width^2)).

  Args:
    key: a random key.
    image: `[H, W, C]` float32; channels get independent noise.
    sigma: standard deviation of the noise, in units of [0, 1], at every pixel,
      the border included.
    width: standard deviation of the filter, pixels. Below about 0.3 the noise
      is white.

  Returns:
    `[H, W, C]` float32, not clipped.

  Example:

    >>> image = jnp.zeros((8, 8, 3))
    >>> smooth_noise(jax.random.key(0), image, 0.1, 1.5).shape
    (8, 8, 3)
  """
  noise = jax.random.normal(key, image.shape, image.dtype)
  return image + sigma * smooth(noise, width)


def smooth(noise: jax.Array, width: jax.Array | float) -> jax.Array:
  """Filters white noise by a Gaussian, and keeps its variance at every pixel.

  Args:
    noise: `[H, W, C]` float32, white, of mean 0.
    width: standard deviation of the filter, pixels.

  Returns:
    `[H, W, C]` float32, with the variance of `noise`. Of noise that is already
    correlated the variance grows.
  """
  rows, columns = (_gaussian(size, width) for size in noise.shape[:2])
  # Scaling each row to unit 2-norm keeps the variance at the border as well,
  # where the Gaussian is cut off.
  rows /= jnp.sqrt((rows**2).sum(axis=1, keepdims=True))
  columns /= jnp.sqrt((columns**2).sum(axis=1, keepdims=True))
  return _separable(noise, rows, columns)


def blur(image: jax.Array, width: jax.Array | float) -> jax.Array:
  """Returns a Gaussian mean of `[H, W, C]`; `width` may be traced.

  Args:
    image: `[H, W, C]` float32.
    width: standard deviation of the Gaussian, pixels. Near the border, the
      Gaussian is truncated and renormalised, so that flat images stay flat.
  """
  rows, columns = (_gaussian(size, width) for size in image.shape[:2])
  rows /= rows.sum(axis=1, keepdims=True)
  columns /= columns.sum(axis=1, keepdims=True)
  return _separable(image, rows, columns)


def _separable(
  image: jax.Array, rows: jax.Array, columns: jax.Array
) -> jax.Array:
  image = jnp.einsum('ij,jwc->iwc', rows, image)
  return jnp.einsum('ij,hjc->hic', columns, image)


def _gaussian(size: int, width: jax.Array | float) -> jax.Array:
  """Returns `[size, size]` weights exp(-d^2 / (2 width^2))."""
  distance = np.arange(size)[:, None] - np.arange(size)
  squares = jnp.asarray(distance**2, jnp.float32)
  return jnp.exp(-squares / (2 * jnp.maximum(width, 0.1) ** 2))


def split_luma(noise: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Returns the brightness part `[H, W, 1]` of noise, and the rest `[H, W, 3]`.

  The rest is what differs between channels; both add up to `noise`.
  """
  luma = color.mix(noise, np.array([LUMA], np.float32))
  return luma, noise - luma


def row_noise(
  key: jax.Array, image: jax.Array, sigma: jax.Array | float
) -> jax.Array:
  """Returns `image` plus one Gaussian offset per row, equal in all channels.

  Sensors that are read row by row have it; it shows as faint stripes.

  Args:
    key: a random key.
    image: `[H, W, C]` float32.
    sigma: standard deviation of the offsets, in units of [0, 1].

  Returns:
    `[H, W, C]` float32, not clipped.

  Example:

    >>> noisy = row_noise(jax.random.key(0), jnp.zeros((8, 8, 3)), 0.1)
    >>> bool((noisy[:, 0] == noisy[:, 7]).all())
    True
  """
  shape = (image.shape[0], 1, 1)
  return image + sigma * jax.random.normal(key, shape, image.dtype)


def resize_round_trip(image: jax.Array, factor: jax.Array | float) -> jax.Array:
  """Shrinks an image by `factor` and enlarges it back to its size.

  Detail above the lower resolution is lost, and noise becomes correlated
  between neighbours.

  Args:
    image: `[H, W, C]` float32.
    factor: in (0, 1]; may be traced. 1 returns the image within rounding.

  Returns:
    `[H, W, C]` float32, not clipped.

  Example:

    >>> resize_round_trip(jnp.ones((8, 8, 3)), 0.5).shape
    (8, 8, 3)
  """
  for axis, size in enumerate(image.shape[:2]):
    matrix = _round_trip(size, factor)
    image = jnp.moveaxis(jnp.tensordot(matrix, image, axes=(1, axis)), 0, axis)
  return image


def _round_trip(size: int, factor: jax.Array | float) -> jax.Array:
  """Returns the `[size, size]` matrix that shrinks and enlarges one axis.

  Both steps interpolate with a triangle, which is widened where it shrinks so
  that it does not alias. Samples past the shrunken end repeat the last one.
  """
  ends = jnp.ceil(size * jnp.asarray(factor, jnp.float32))
  grid = jnp.arange(size, dtype=jnp.float32)
  # Rows of `down` past the end are never used.
  down = _triangle((grid + 0.5) / factor - 0.5, grid, 1 / factor)
  centers = jnp.clip((grid + 0.5) * factor - 0.5, 0, ends - 1)
  up = _triangle(centers, grid, 1.0)
  return up @ down


def enlarge(
  image: jax.Array, factor: jax.Array | float, place: jax.Array
) -> jax.Array:
  """Returns a part of an image, enlarged to its size by linear interpolation.

  Args:
    image: `[H, W, C]` float32.
    factor: at least 1; may be traced.
    place: `[2]` in [0, 1], where the part begins: 0 is the first row and
      column, 1 the last possible one.
  """
  for axis, size in enumerate(image.shape[:2]):
    grid = jnp.arange(size, dtype=jnp.float32)
    first = place[axis] * (size - size / factor)
    matrix = _triangle(first + (grid + 0.5) / factor - 0.5, grid, 1.0)
    image = jnp.moveaxis(jnp.tensordot(matrix, image, axes=(1, axis)), 0, axis)
  return image


def _triangle(
  centers: jax.Array, grid: jax.Array, radius: jax.Array | float
) -> jax.Array:
  """Returns triangle weights `[len(centers), len(grid)]`; rows sum to 1."""
  centers = jnp.clip(centers, 0, grid[-1])
  distance = jnp.abs(centers[:, None] - grid[None])
  weights = jnp.maximum(1 - distance / radius, 0)
  return weights / weights.sum(axis=1, keepdims=True)
