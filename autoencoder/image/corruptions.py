"""Corrupts one image with noise, on the device.

Each function takes a random key and a float32 image `[H, W, C]` in [0, 1]. The
result is not clipped, so that noise keeps its distribution and corruptions can
be chained. For a batch, use `vmap` over one key per image: then the noise does
not depend on the number of devices, nor on `jit` or `pmap`.
"""

import jax
import jax.numpy as jnp


def gaussian_noise(
  key: jax.Array, image: jax.Array, sigma: jax.Array | float
) -> jax.Array:
  """Returns `image` plus white Gaussian noise, not clipped.

  Args:
    key: random key.
    image: `[H, W, C]`, float32 in [0, 1].
    sigma: standard deviation, at least 0, on the scale of the image: sigma = 25
      in the literature is `25 / 255` here.

  Returns:
    `[H, W, C]`, float32.

  Example:

    >>> noisy = gaussian_noise(jax.random.key(0), jnp.zeros((8, 8, 3)), 0.1)
    >>> noisy.shape
    (8, 8, 3)
  """
  return image + sigma * jax.random.normal(key, image.shape, image.dtype)


def photon_noise(key: jax.Array, image: jax.Array, photon: float) -> jax.Array:
  """Returns `image` with photon (Poisson) noise of variance `photon * image`.

  Args:
    key: random key.
    image: `[H, W, C]`, float32; negative values count as 0.
    photon: brightness of one photon, on the scale of the image, at least 0; 0
      returns the image unchanged.

  Returns:
    `[H, W, C]`, float32, multiples of `photon`, not clipped.

  Reference:
    Foi et al., "Practical Poissonian-Gaussian noise modeling and fitting for
    single-image raw-data", IEEE TIP 2008, equation 1.

  Example:

    >>> noisy = photon_noise(jax.random.key(0), jnp.ones((8, 8, 3)), 0.1)
    >>> noisy.shape
    (8, 8, 3)
  """
  if not photon:
    return image
  counts = jax.random.poisson(key, jnp.maximum(image, 0.0) / photon)
  return photon * counts.astype(image.dtype)
