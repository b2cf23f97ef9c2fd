"""The task of compression: few bits, and a picture like the original."""

from typing import Any

import jax
import jax.numpy as jnp

from autoencoder import errors
from autoencoder import models
from autoencoder.image import losses
from autoencoder.image import metrics as metrics_lib
from autoencoder.models import rates
from autoencoder.tasks import task

# What a unit of the error costs in bits per pixel, quality by quality. For
# MS-SSIM too, from the second on, CompressAI's values.
PRICES = {
  'mse': tuple(255**2 * weight for weight in rates.LAMBDAS),
  'ms_ssim': (1.2, 2.4, 4.58, 8.73, 16.64, 31.73, 60.5, 115.37, 220.0),
}


def check(distortion: str, quality: int, channels: int, crop: int) -> None:
  """Raises `ValueError` for options that no model can be trained with."""
  if distortion not in PRICES:
    raise errors.UserError(
      f'distortion takes {", ".join(map(repr, PRICES))}; got {distortion!r}.'
    )
  if not 1 <= quality <= rates.QUALITIES:
    raise errors.UserError(
      f'quality takes 1 (the smallest files) to {rates.QUALITIES}; got '
      f'{quality}.'
    )
  if channels != 3:
    raise errors.UserError(
      'The codec is one of colour images, and takes grey ones as such: '
      f'data.channels must be 3; got {channels}.'
    )
  if crop < 64:
    raise errors.UserError(
      'data.crop must be at least 64 pixels, one place of the side '
      f'information; got {crop}.'
    )


def make_example(
  key: jax.Array, item: dict[str, jax.Array], config: Any
) -> task.Example:
  """Returns the image with itself as target, a quality and a key for noise.

  Training draws the quality; measuring (`config.measured`) takes
  `config.quality` and no noise.
  """
  quality_key, noise_key = jax.random.split(key)
  quality = jnp.asarray(config.quality)
  if not config.measured:
    quality = jax.random.randint(quality_key, (), 1, rates.QUALITIES + 1)
  extra = {'quality': quality, 'key': noise_key}
  return task.Example(item['image'], item['image'], extra=extra)


def forward(
  model: models.CompressionModel, example: task.Example, config: Any
) -> models.Compressed:
  """Returns what the model makes of the images at their qualities."""
  keys = None if config.measured else example.extra['key']
  return model(example.inputs, example.extra['quality'], keys)


def loss(
  outputs: models.Compressed, example: task.Example, config: Any
) -> jax.Array:
  """Returns the price of the error and the bits per pixel, `[N]`.

  NOTE: Each is over the root of its quality's lambda. Losses of the qualities
  differ thirtyfold, and the finest would be all that is learned: the weight
  is that of one bit where rates grow about as the root.
  """
  if config.distortion == 'mse':
    error = losses.l2(outputs.image, example.target)
  else:
    error = 1 - metrics_lib.ms_ssim(outputs.image, example.target)
  index = example.extra['quality'] - 1
  price = jnp.array(PRICES[config.distortion])[index]
  weight = jnp.array(rates.LAMBDAS)[index] ** -0.5
  weight = weight / jnp.mean(jnp.array(rates.LAMBDAS) ** -0.5)
  rate = sum(bits_per_pixel(outputs).values())
  return weight * (price * error + rate)


def metrics(
  outputs: models.Compressed, example: task.Example, config: Any
) -> dict[str, jax.Array]:
  """Returns `psnr` in dB, `bpp`, and `bpp_STREAM` of each stream, `[N]`."""
  del config
  rates = bits_per_pixel(outputs)
  return {
    'psnr': metrics_lib.psnr(outputs.image, example.target),
    'bpp': sum(rates.values()),
  } | {f'bpp_{stream}': rate for stream, rate in rates.items()}


def bits_per_pixel(outputs: models.Compressed) -> dict[str, jax.Array]:
  """Returns `{stream: [N]}`, estimates by the entropy models."""
  height, width = outputs.image.shape[1:3]
  return {
    stream: bits / (height * width) for stream, bits in outputs.bits.items()
  }


def picture(
  outputs: models.Compressed, example: task.Example, config: Any
) -> dict[str, jax.Array]:
  """Returns the panels `output` and `target`."""
  del config
  return {'output': outputs.image, 'target': example.target}
