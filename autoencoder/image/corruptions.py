"""Corruptions of one image, on the device, the key first.

Each takes float32 `[H, W, C]` in [0, 1] and does not clip its result, so that
corruptions chain and noise keeps its distribution. For a batch, `vmap` over
one key per image: then one device or eight, `jit` or `pmap`, see the same.
"""

import jax
import jax.numpy as jnp


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


def photon_noise(key: jax.Array, image: jax.Array, photon: float) -> jax.Array:
  """Returns `image` as counted photons would show it, not clipped.

  Its variance grows with the light: `photon * image`.

  Args:
    key: a key; the same one gives the same noise.
    image: `[H, W, C]`, float32; negative values count as 0.
    photon: brightness of one photon, in units of the image's [0, 1]; 0 returns
      the image.

  Returns:
    `[H, W, C]`, float32, multiples of `photon`.

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
