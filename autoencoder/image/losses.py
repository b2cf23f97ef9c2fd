"""Losses of images; the caller reduces over the batch.

Images are float32 `[N, H, W, C]`. The weight `[N, H, W, 1]` of each pixel is at
least 0; None weights all pixels equally. Every function returns `[N]`.
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
    weight: `[N, H, W, 1]`, at least 0, or None for equal weights.

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

  The conditional mean minimises it, so it suits a high PSNR.
  """
  return weighted_mean(jnp.square(outputs - target), weight)


def l1(
  outputs: jax.Array, target: jax.Array, weight: jax.Array | None = None
) -> jax.Array:
  """Returns the mean absolute error per image, `[N]`.

  The conditional median minimises it, which depends less on a few unpredictable
  pixels. Training with it often reaches a high PSNR faster (Lim et al., EDSR,
  arXiv:1707.02921, section 4.2).
  """
  return weighted_mean(jnp.abs(outputs - target), weight)


def rmse(
  outputs: jax.Array, target: jax.Array, weight: jax.Array | None = None
) -> jax.Array:
  """Returns the root of the mean squared error per image, `[N]`.

  Its gradient has the direction of the gradient of the PSNR. In a batch, images
  that are hard to predict count less than with `l2`.
  """
  # The constant keeps the gradient finite where an image is exactly right.
  return jnp.sqrt(l2(outputs, target, weight) + 1e-6)
