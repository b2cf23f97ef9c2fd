"""The compression task: a trade-off between bits and distortion."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from autoencoder import errors
from autoencoder import models
from autoencoder.image import losses
from autoencoder.image import metrics as metrics_lib
from autoencoder.models import rates
from autoencoder.tasks import task

# The weight of the distortion against bits per pixel, for each quality. Those
# for MS-SSIM are CompressAI's from the second quality on.
PRICES = {
  'mse': tuple(255**2 * weight for weight in rates.LAMBDAS),
  'ms_ssim': (1.2, 2.4, 4.58, 8.73, 16.64, 31.73, 60.5, 115.37, 220.0),
}


def check(distortion: str, quality: int, channels: int, crop: int) -> None:
  """Raises `UserError` for options that no model can be trained with.

  Args:
    distortion: a key of `PRICES`.
    quality: from 1 to `rates.QUALITIES`.
    channels: channels of the training images.
    crop: side of the training crops, pixels.
  """
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
      'The codec works on RGB, and grey images are converted: data.channels '
      f'must be 3; got {channels}.'
    )
  if crop < 64:
    raise errors.UserError(
      'data.crop must be at least 64 pixels, the size of one place of the '
      f'side information; got {crop}.'
    )


def make_example(
  key: jax.Array, item: dict[str, jax.Array], config: Any
) -> task.Example:
  """Returns the image as input and target, with a quality and a noise key.

  Training draws the quality at random. Evaluation (`config.measured`) takes
  `config.quality`.
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
  """Returns the model's output for the images at their qualities.

  Evaluation (`config.measured`) rounds; training adds noise instead.
  """
  keys = None if config.measured else example.extra['key']
  return model(example.inputs, example.extra['quality'], keys)


def loss(
  outputs: models.Compressed, example: task.Example, config: Any
) -> jax.Array:
  """Returns the weighted distortion plus the bits per pixel, `[N]`.

  NOTE: The sum is divided by the square root of the quality's lambda (and
  normalised). Otherwise the losses of the qualities would differ thirtyfold,
  and training would favour the finest quality. Rates grow about as the square
  root of lambda.
  """
  if config.distortion == 'mse':
    error = losses.l2(outputs.image, example.target)
  else:
    error = 1 - metrics_lib.ms_ssim(outputs.image, example.target)
  index = example.extra['quality'] - 1
  price = jnp.array(PRICES[config.distortion])[index]
  weight = jnp.array(rates.LAMBDAS)[index] ** -0.5
  weight = weight / jnp.mean(jnp.array(rates.LAMBDAS) ** -0.5)
  rate = _total(bits_per_pixel(outputs))
  return weight * (price * error + rate)


def metrics(
  outputs: models.Compressed, example: task.Example, config: Any
) -> dict[str, jax.Array]:
  """Returns `psnr` in dB, `bpp`, and `bpp_STREAM` for each stream, `[N]`."""
  del config
  per_stream = bits_per_pixel(outputs)
  return {
    'psnr': metrics_lib.psnr(outputs.image, example.target),
    'bpp': _total(per_stream),
  } | {f'bpp_{stream}': rate for stream, rate in per_stream.items()}


def bits_per_pixel(outputs: models.Compressed) -> dict[str, jax.Array]:
  """Returns `{stream: [N]}`, as the entropy models estimate them."""
  height, width = outputs.image.shape[1:3]
  return {
    stream: bits / (height * width) for stream, bits in outputs.bits.items()
  }


def _total(per_stream: dict[str, jax.Array]) -> jax.Array:
  """Returns the sum over streams, `[N]`."""
  return functools.reduce(jnp.add, per_stream.values())


def picture(
  outputs: models.Compressed, example: task.Example, config: Any
) -> dict[str, jax.Array]:
  """Returns the panels `output` and `target`."""
  del config
  return {'output': outputs.image, 'target': example.target}
