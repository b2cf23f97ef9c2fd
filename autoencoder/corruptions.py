"""Corruptions of one image, on the device, the key first.

Each takes float32 `[H, W, C]` in [0, 1] and does not clip its result, so that
corruptions chain and noise keeps its distribution. For a batch, `vmap` over
one key per image: then one device or eight, `jit` or `pmap`, see the same.
"""

import jax


def gaussian_noise(
  key: jax.Array, image: jax.Array, sigma: jax.Array | float
) -> jax.Array:
  """Returns `image` plus white Gaussian noise, not clipped.

  Args:
    key: a key; the same one gives the same noise.
    image: `[H, W, C]`, float32.
    sigma: standard deviation, in units of the image's [0, 1]; the literature's
      sigma = 25 is `25 / 255`.

  Returns:
    `[H, W, C]`, float32.

  Example:

    >>> noisy = gaussian_noise(jax.random.key(0), jnp.zeros((8, 8, 3)), 0.1)
    >>> noisy.shape
    (8, 8, 3)
  """
  return image + sigma * jax.random.normal(key, image.shape, image.dtype)
