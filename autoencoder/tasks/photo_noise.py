"""A blind mixture of the noise that photos really have.

White noise alone trains denoisers that fail on what people own. Here each
training crop draws one kind of noise with a random strength, then perhaps a
resize, JPEG and 8-bit rounding. The mixture is set by `Options`, so that
experiments compose their own.

References:
  The idea of random strengths in a random order: Zhang et al., "Designing a
  practical degradation model", ICCV 2021, arXiv:2103.14006, and "Practical
  blind denoising via Swin-Conv-UNet", arXiv:2203.13278.
"""

import jax
import jax.numpy as jnp

from autoencoder.image import camera as camera_lib
from autoencoder.image import jpeg
from autoencoder.image import noise as noise_lib
from autoencoder.tasks.photo_noise_options import Options

# Shares of the kinds, in the order in which they are drawn.
KINDS = ('white', 'camera', 'correlated')


def corrupt(
  key: jax.Array, image: jax.Array, options: Options
) -> tuple[jax.Array, jax.Array]:
  """Returns a noisy photo, and the clean one it should be restored to.

  Args:
    key: a random key.
    image: `[H, W, 3]` float32 sRGB in [0, 1].
    options: the mixture.

  Returns:
    Both `[H, W, 3]` float32. The clean one differs from `image` where the crop
    was made grey or flat.
  """
  keys = iter(jax.random.split(key, 24))
  shares = jnp.array([getattr(options, kind) for kind in KINDS])
  kind = jax.random.categorical(next(keys), jnp.log(shares))
  white = kind == 0
  if options.enlarged:
    enlarged = ~white & _chance(next(keys), options.enlarged)
    larger = _enlarge(next(keys), image, options)
    image = jnp.where(enlarged, larger, image)
  if options.soft:
    soft = ~white & _chance(next(keys), options.soft)
    blurred = noise_lib.blur(image, _uniform(next(keys), options.softness))
    image = jnp.where(soft, blurred, image)
  clean = _clean(next(keys), image, options)
  grey = (clean == clean[..., :1]).all()

  sigma = _uniform(next(keys), options.white_sigma) / 255
  noise = sigma * jax.random.normal(next(keys), clean.shape)
  if options.camera:
    noise = jnp.where(kind == 1, _camera(next(keys), clean, options), noise)
  if options.correlated:
    drawn = _correlated(next(keys), clean, options)
    noise = jnp.where(kind == 2, drawn, noise)
  if options.smoothed and (options.camera or options.correlated):
    smoothed = ~white & _chance(next(keys), options.smoothed)
    noise = jnp.where(smoothed, _smooth(next(keys), noise, options), noise)
  if options.grey:
    noise = jnp.where(grey, noise[..., 1:2], noise)
  noisy = clean + noise
  if options.rows:
    row_sigma = jnp.where(
      ~white & _chance(next(keys), options.rows),
      jax.random.uniform(next(keys), maxval=options.row_sigma / 255),
      0.0,
    )
    noisy = noise_lib.row_noise(next(keys), noisy, row_sigma)
  if options.resized:
    resized = ~white & _chance(next(keys), options.resized)
    factor = jax.random.uniform(next(keys), minval=options.smallest)
    again = noise_lib.resize_round_trip(noisy, factor)
    noisy = jnp.where(resized, again, noisy)
  rounded = ~white | _chance(next(keys), options.rounded)
  in_file = jnp.round(jnp.clip(noisy, 0.0, 1.0) * 255) / 255
  noisy = jnp.where(rounded, in_file, noisy)
  if options.jpeg:
    share = jnp.where(white, options.jpeg / 2, options.jpeg)
    kept = _jpeg(next(keys), noisy, options)
    noisy = jnp.where(rounded & _chance(next(keys), share), kept, noisy)
  return noisy, clean


def _clean(key: jax.Array, image: jax.Array, options: Options) -> jax.Array:
  """Returns the crop, perhaps made grey, or of one flat colour."""
  keys = jax.random.split(key, 4)
  if options.flat:
    color = jax.random.uniform(keys[0], (3,))
    saturated = jax.random.bernoulli(keys[1])
    color = jnp.where(saturated, jnp.round(color), color)
    flat = _chance(keys[2], options.flat)
    image = jnp.where(flat, jnp.broadcast_to(color, image.shape), image)
  if options.grey:
    luma, _ = noise_lib.split_luma(image)
    grey = jnp.broadcast_to(jnp.round(luma * 255) / 255, image.shape)
    image = jnp.where(_chance(keys[3], options.grey), grey, image)
  return image


def _enlarge(key: jax.Array, image: jax.Array, options: Options) -> jax.Array:
  """Returns a random part of the crop, enlarged to its size."""
  keys = jax.random.split(key)
  factor = options.largest ** jax.random.uniform(keys[0])
  return noise_lib.enlarge(image, factor, jax.random.uniform(keys[1], (2,)))


def _camera(key: jax.Array, clean: jax.Array, options: Options) -> jax.Array:
  """Returns the noise of a random camera at a random ISO, `[H, W, 3]`."""
  keys = jax.random.split(key, 5)
  camera = camera_lib.draw_camera(keys[0])
  shot, read = camera_lib.draw_levels(keys[1], *options.shot)
  noisy = camera_lib.camera_noise(
    keys[2],
    clean,
    camera,
    shot,
    read,
    tone=jax.random.bernoulli(keys[3]),
    malvar=jax.random.uniform(keys[4]),
  )
  return noisy - clean


def _correlated(
  key: jax.Array, clean: jax.Array, options: Options
) -> jax.Array:
  """Returns noise of one covariance between channels, `[H, W, 3]`.

  Half of the crops have noise that grows with the brightness.
  """
  keys = jax.random.split(key, 5)
  low, high = (jnp.log(s / 255) for s in options.correlated_sigma)
  sigma = jnp.exp(jax.random.uniform(keys[0], minval=low, maxval=high))
  # Two random factors: the channels share one, and each has its own.
  shared = jax.random.uniform(keys[1])
  weights = jax.random.uniform(keys[2], (3,), minval=0.6, maxval=1.4)
  covariance = shared + (1 - shared) * jnp.eye(3) + 1e-4 * jnp.eye(3)
  deviations = sigma * weights
  covariance *= deviations[:, None] * deviations[None]
  zeros = jnp.zeros_like(clean)
  noise = noise_lib.channel_noise(keys[3], zeros, covariance)
  growing = jnp.sqrt(0.1 + 1.8 * clean)
  return noise * jnp.where(jax.random.bernoulli(keys[4]), growing, 1.0)


def _smooth(key: jax.Array, noise: jax.Array, options: Options) -> jax.Array:
  """Smooths the noise of brightness a little, and that of colours more.

  The power of brightness noise stays what it was.
  """
  keys = jax.random.split(key, 4)
  luma, chroma = noise_lib.split_luma(noise)
  width = _uniform(keys[0], options.luma_width)
  coarse = _uniform(keys[1], options.coarse)
  # The reversed noise is as good as independent of the noise itself.
  luma = jnp.sqrt(1 - coarse) * _keep_power(
    luma, noise_lib.smooth(luma, width)
  ) + jnp.sqrt(coarse) * _keep_power(
    luma, noise_lib.smooth(luma[::-1, ::-1], 3 * width)
  )
  chroma = _keep_power(
    chroma, noise_lib.smooth(chroma, _uniform(keys[2], options.chroma_width))
  )
  return luma + _uniform(keys[3], options.chroma_gain) * chroma


def _keep_power(before: jax.Array, after: jax.Array) -> jax.Array:
  """Returns `after`, scaled to the mean square of `before`."""
  ratio = jnp.mean(before**2) / (jnp.mean(after**2) + 1e-12)
  return after * jnp.sqrt(ratio)


def _jpeg(key: jax.Array, image: jax.Array, options: Options) -> jax.Array:
  """Returns the image out of a JPEG file, whose blocks begin anywhere."""
  keys = jax.random.split(key, 3)
  height, width, _ = image.shape
  top, left = jax.random.randint(keys[0], (2,), 0, 8)
  padded = jnp.pad(image, ((8, 8), (8, 8), (0, 0)), mode='symmetric')
  size = (height + 8, width + 8, 3)
  window = jax.lax.dynamic_slice(padded, (8 - top, 8 - left, 0), size)
  window = jpeg.compress(
    window,
    jnp.round(_uniform(keys[1], options.quality)),
    half_chroma=jax.random.bernoulli(keys[2], 0.7),
  )
  return jax.lax.dynamic_slice(window, (top, left, 0), image.shape)


def _uniform(key: jax.Array, limits: tuple[float, ...]) -> jax.Array:
  low, high = limits
  return jax.random.uniform(key, minval=low, maxval=high)


def _chance(key: jax.Array, share: jax.Array | float) -> jax.Array:
  return jax.random.uniform(key) < share
