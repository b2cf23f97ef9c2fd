"""Losses per image; the caller reduces over the batch.

Images are float32 `[N, H, W, C]`; a weight `[N, H, W, 1]` says how much each
pixel counts, None that all count alike. Every function returns `[N]`.
"""

import jax
import jax.numpy as jnp


def weighted_mean(
  values: jax.Array, weight: jax.Array | None = None
) -> jax.Array:
  """Returns the mean of `values` over pixels and channels, per image.

  NOTE: An image whose weights are all zero has the mean 0, not NaN.

  Args:
    values: `[N, H, W, C]`.
    weight: `[N, H, W, 1]`, not negative, or None.

  Returns:
    `[N]`, float32.

  Example:

    >>> weighted_mean(jnp.ones((2, 4, 4, 3)))
    Array([1., 1.], dtype=float32)
  """
  axes = (1, 2, 3)
  values = values.astype(jnp.float32)
  if weight is None:
    return values.mean(axes)
  total = (values * weight).sum(axes)
  count = weight.sum(axes) * values.shape[-1]
  return total / jnp.where(count > 0, count, 1)


def l2(
  outputs: jax.Array, target: jax.Array, weight: jax.Array | None = None
) -> jax.Array:
  """Returns the mean squared error per image, `[N]`.

  Its minimiser is the conditional mean, which is what PSNR rewards.
  """
  return weighted_mean(jnp.square(outputs - target), weight)


def l1(
  outputs: jax.Array, target: jax.Array, weight: jax.Array | None = None
) -> jax.Array:
  """Returns the mean absolute error per image, `[N]`.

  Its minimiser is the conditional median: less swayed by the few pixels that
  cannot be guessed, and often the faster way to a high PSNR as well (Lim et
  al., EDSR, arXiv:1707.02921, section 4.2).
  """
  return weighted_mean(jnp.abs(outputs - target), weight)


def rmse(
  outputs: jax.Array, target: jax.Array, weight: jax.Array | None = None
) -> jax.Array:
  """Returns the root of the mean squared error per image, `[N]`.

  Its gradient points where PSNR rises fastest; over a batch, images that cannot
  be guessed count less than with `l2`.
  """
  # The root's slope is infinite at 0, where an image is right in every pixel.
  return jnp.sqrt(l2(outputs, target, weight) + 1e-6)
