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

import dataclasses

import jax
import jax.numpy as jnp

from autoencoder import config as config_lib
from autoencoder import errors
from autoencoder.image import camera as camera_lib
from autoencoder.image import jpeg
from autoencoder.image import noise as noise_lib

# Shares of the kinds, in the order in which they are drawn.
KINDS = ('white', 'camera', 'correlated')


def _share(default: float, what: str) -> float:
  return config_lib.option(default, help=what, low=0, high=1)


def _range(low: float, high: float, what: str) -> tuple[float, ...]:
  return config_lib.option(
    (low, high), help=f'{what}: lowest and highest.', low=0
  )


@dataclasses.dataclass
class Options:
  """What the mixture consists of."""

  white: float = _share(
    0.0,
    'How often a crop gets white Gaussian noise. `white`, `camera` and '
    '`correlated` are proportions; all 0 turns the mixture off.',
  )
  camera: float = _share(
    0.0, 'How often a crop gets shot and read noise of a camera, demosaiced.'
  )
  correlated: float = _share(
    0.0, 'How often a crop gets Gaussian noise of a random covariance.'
  )
  white_sigma: tuple[float, ...] = _range(
    0.0, 55.0, 'Standard deviation of white noise, of 255'
  )
  correlated_sigma: tuple[float, ...] = _range(
    1.0, 25.0, 'Standard deviation of correlated noise, of 255, log-uniform'
  )
  shot: tuple[float, ...] = _range(
    5e-5,
    1e-2,
    'Variance of shot noise at full scale, log-uniform. Cameras have 1e-4 (low '
    'ISO) to 1e-2, and less where they remove some of it',
  )
  smoothed: float = _share(
    0.75, 'Share of camera and correlated noise smoothed as cameras do.'
  )
  luma_width: tuple[float, ...] = _range(
    0.3, 1.2, 'Width of the filter that smooths noise of brightness, pixels'
  )
  chroma_width: tuple[float, ...] = _range(
    0.5, 4.0, 'Width of the filter that smooths noise of colour, pixels'
  )
  rows: float = _share(0.05, 'Share of crops with row noise on top.')
  row_sigma: float = config_lib.option(
    5.0, help='Highest deviation of row noise, of 255.', low=0, high=255
  )
  grey: float = _share(
    0.25, 'Share of grey crops, with one noise for the three channels.'
  )
  flat: float = _share(
    0.02, 'Share of crops of one flat colour, half of them saturated.'
  )
  resized: float = _share(
    0.0, 'Share of crops shrunk and enlarged again; white noise is not.'
  )
  smallest: float = config_lib.option(
    0.6, help='Smallest factor by which they are shrunk.', above=0, high=1
  )
  jpeg: float = _share(
    0.5, 'Share that goes through JPEG; half of it for white noise.'
  )
  quality: tuple[float, ...] = _range(60.0, 98.0, 'Quality of the JPEG')
  rounded: float = _share(
    0.5,
    'Share of white noise that is clipped and rounded to 8 bits; all other '
    'kinds always are.',
  )

  @property
  def active(self) -> bool:
    """Whether there is a mixture at all."""
    return self.white + self.camera + self.correlated > 0

  def validate(self) -> None:
    """Raises `UserError` for a range that is not two numbers in order."""
    for field in dataclasses.fields(self):
      value = getattr(self, field.name)
      if isinstance(value, tuple) and not (
        len(value) == 2 and value[0] <= value[1]
      ):
        raise errors.UserError(
          f'mixture.{field.name} takes two numbers in order, lowest and '
          f'highest; got {value}.'
        )

  def for_evaluation(self) -> 'Options':
    """Returns the noise to measure with: a camera at a high ISO, then JPEG.

    A mixture has no one strength. Measurements draw the same for every image,
    and this fixes what it is.
    """
    if not self.active:
      return self
    return dataclasses.replace(
      self,
      white=0.0,
      camera=1.0,
      correlated=0.0,
      shot=(2e-3, 2e-3),
      smoothed=1.0,
      luma_width=(0.7, 0.7),
      chroma_width=(2.0, 2.0),
      rows=0.0,
      grey=0.0,
      flat=0.0,
      resized=0.0,
      jpeg=1.0,
      quality=(90.0, 90.0),
    )


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
  keys = iter(jax.random.split(key, 16))
  clean = _clean(next(keys), image, options)
  grey = (clean == clean[..., :1]).all()
  shares = jnp.array([getattr(options, kind) for kind in KINDS])
  kind = jax.random.categorical(next(keys), jnp.log(shares))
  white = kind == 0

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

  The power of each part stays what it was, but for a random factor on colour.
  """
  keys = jax.random.split(key, 3)
  luma, chroma = noise_lib.split_luma(noise)
  gain = jax.random.uniform(keys[2], minval=0.3, maxval=1.2)
  luma = _keep_power(
    luma, noise_lib.smooth(luma, _uniform(keys[0], options.luma_width))
  )
  chroma = _keep_power(
    chroma, noise_lib.smooth(chroma, _uniform(keys[1], options.chroma_width))
  )
  return luma + gain * chroma


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
