"""Simulates camera noise: adds noise to sensor data recovered from a photo.

A camera counts light on a sensor with one colour per pixel. It scales the
colours for white balance, interpolates the missing ones, mixes them into sRGB
and applies a tone curve. Simple noise on the sensor becomes complicated in the
finished photo: it depends on the brightness and is correlated between channels
and pixels. This module converts a finished photo back to linear sensor colours,
adds noise there, and processes the result as a camera does.

Images are float32 `[H, W, 3]`: sRGB in [0, 1], or linear sensor colours with
full scale 1. Results are clipped only where the docstring says so. Strengths
may be traced values.

Reference:
  Brooks et al., "Unprocessing images for learned raw denoising", CVPR 2019,
  arXiv:1811.11127.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from autoencoder.image import bayer
from autoencoder.image import color


class Camera(NamedTuple):
  """How one camera turns sensor colours into sRGB.

  Attributes:
    matrix: `[3, 3]`, linear sRGB from white-balanced sensor colours. Its rows
      sum to 1, so that grey stays grey.
    gains: `[3]`, white balance: the factors of red, green and blue of the
      sensor; above 0, green about 1.
    phase: `[2]` int32 of 0 or 1: row and column of the first red pixel of the
      sensor's 2 x 2 pattern.
  """

  matrix: jax.Array
  gains: jax.Array
  phase: jax.Array


def draw_camera(key: jax.Array) -> Camera:
  """Returns a random camera.

  The diagonal of its matrix is in [1.3, 2], as in common cameras. The other
  entries of a row are negative; the larger one belongs to the neighbour in the
  spectrum. The gains of red and blue are in [1.2, 2.6], the range from daylight
  to indoor light.
  """
  keys = jax.random.split(key, 4)
  excess = jax.random.uniform(keys[0], (3,), minval=0.3, maxval=1.0)
  near = jax.random.uniform(keys[1], (3,), minval=0.6, maxval=1.0)
  share = jnp.stack([near, 1 - near], axis=-1)
  # `share` has the nearest other channel first; green is next to both others.
  (r, g, b), (rs, gs, bs) = excess, share
  matrix = jnp.stack(
    [
      jnp.stack([1 + r, -r * rs[0], -r * rs[1]]),
      jnp.stack([-g * gs[1], 1 + g, -g * gs[0]]),
      jnp.stack([-b * bs[1], -b * bs[0], 1 + b]),
    ]
  )
  red, blue = jax.random.uniform(keys[2], (2,), minval=1.2, maxval=2.6)
  phase = jax.random.randint(keys[3], (2,), 0, 2)
  return Camera(matrix, jnp.stack([red, jnp.ones(()), blue]), phase)


def tone_curve(x: jax.Array) -> jax.Array:
  """Returns 3 x^2 - 2 x^3 of x clipped to [0, 1], which raises the contrast.

  Approximates the tone curves of cameras (Brooks et al., section 3.1).
  """
  x = jnp.clip(x, 0.0, 1.0)
  return x * x * (3.0 - 2.0 * x)


def inverse_tone_curve(y: jax.Array) -> jax.Array:
  """Returns the x in [0, 1] with `tone_curve(x) == y`, for y in [0, 1]."""
  y = jnp.clip(y, 0.0, 1.0)
  return 0.5 - jnp.sin(jnp.arcsin(1.0 - 2.0 * y) / 3.0)


def unprocess(
  image: jax.Array, camera: Camera, tone: jax.Array | bool = False
) -> jax.Array:
  """Returns the linear sensor colours that `process` converts to `image`.

  Args:
    image: `[H, W, 3]` sRGB.
    camera: the camera's colours.
    tone: whether the camera applies `tone_curve`; may be traced.

  Returns:
    `[H, W, 3]`, not clipped: saturated colours may be slightly negative.
  """
  linear = color.linearize(jnp.where(tone, inverse_tone_curve(image), image))
  return (
    color.mix(linear, jnp.linalg.inv(camera.matrix)) / camera.gains[None, None]
  )


def process(
  raw: jax.Array, camera: Camera, tone: jax.Array | bool = False
) -> jax.Array:
  """Converts linear sensor colours to an sRGB photo, clipped to [0, 1].

  Args:
    raw: `[H, W, 3]`.
    camera: the camera's colours.
    tone: whether to apply `tone_curve`; may be traced.
  """
  linear = jnp.clip(
    color.mix(raw * camera.gains[None, None], camera.matrix), 0.0, 1.0
  )
  image = color.delinearize(linear)
  return jnp.where(tone, tone_curve(image), image)


def shot_and_read_noise(
  key: jax.Array,
  raw: jax.Array,
  shot: jax.Array | float,
  read: jax.Array | float,
) -> jax.Array:
  """Returns `raw` plus the sensor's noise, of variance `shot * raw + read`.

  A Gaussian approximation of photon noise, good for ten photons or more.

  Args:
    key: a random key.
    raw: `[H, W, C]`, linear light in [0, 1]; negative values count as 0.
    shot: variance per unit of light; in cameras 1e-4 (base ISO) to 1e-2.
    read: variance in the dark; in cameras 1e-8 to 1e-3.

  Returns:
    `[H, W, C]`, not clipped.

  Example:

    >>> raw = jnp.full((8, 8, 1), 0.5)
    >>> shot_and_read_noise(jax.random.key(0), raw, 1e-3, 1e-5).shape
    (8, 8, 1)
  """
  variance = shot * jnp.maximum(raw, 0.0) + read
  return raw + jnp.sqrt(variance) * jax.random.normal(key, raw.shape)


def draw_levels(
  key: jax.Array, low: float = 1e-4, high: float = 1.2e-2
) -> tuple[jax.Array, jax.Array]:
  """Returns `shot` and `read` noise of a random camera at a random ISO.

  Args:
    key: a random key.
    low: smallest `shot`.
    high: largest `shot`; its logarithm is uniform between both.

  Returns:
    Two scalars. `log read` is normal around `2.18 log shot + 1.2`, the line
    that Brooks et al. fit to smartphones (section 3.1), with deviation 0.26.
  """
  shot_key, read_key = jax.random.split(key)
  log_shot = jax.random.uniform(
    shot_key, minval=np.log(low), maxval=np.log(high)
  )
  log_read = 2.18 * log_shot + 1.2 + 0.26 * jax.random.normal(read_key)
  return jnp.exp(log_shot), jnp.exp(log_read)


def camera_noise(
  key: jax.Array,
  image: jax.Array,
  camera: Camera,
  shot: jax.Array | float,
  read: jax.Array | float,
  *,
  tone: jax.Array | bool = False,
  malvar: jax.Array | float = 1.0,
) -> jax.Array:
  """Returns `image` as the camera would have taken it with this noise.

  NOTE: Only the noise passes through `bayer.mosaic` and `bayer.demosaic`. Both
  are linear, so the noise is exactly that of a real demosaicing, and the photo,
  which its own camera has demosaiced before, is not blurred again.

  Args:
    key: a random key.
    image: `[H, W, 3]` sRGB in [0, 1].
    camera: see `draw_camera`.
    shot: see `shot_and_read_noise`.
    read: see `shot_and_read_noise`.
    tone: see `process`.
    malvar: see `bayer.demosaic`.

  Returns:
    `[H, W, 3]` sRGB, clipped to [0, 1].

  Example:

    >>> key = jax.random.key(0)
    >>> camera = draw_camera(key)
    >>> camera_noise(key, jnp.ones((8, 8, 3)) / 2, camera, 1e-3, 1e-5).shape
    (8, 8, 3)
  """
  raw = unprocess(image, camera, tone)
  light = bayer.mosaic(raw, camera.phase)
  noise = shot_and_read_noise(key, light, shot, read) - light
  noisy = raw + bayer.demosaic(noise, camera.phase, malvar)
  return process(noisy, camera, tone)
