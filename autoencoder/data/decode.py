"""Converts image files of any kind to uint8 `[H, W, C]`, 1 or 3 channels.

Values are stored display values, 0 to 255: they are not linearised, and colour
profiles are not applied.
"""

import os
import pathlib

import numpy as np
from PIL import Image
from PIL import UnidentifiedImageError

from autoencoder import errors
from autoencoder import photos
from autoencoder.photos import decoding


class UnreadableImage(errors.UserError):
  """A file is no image, is damaged, or has an unsupported format.

  Training skips and counts such files; other code does not catch the error.
  """


def open_image(path: str | os.PathLike) -> Image.Image:
  """Opens a file with Pillow; if Pillow cannot, decodes it to 8 bits.

  Pillow cannot open TIFF files of floats in colour.

  Raises:
    Exception: the file is missing, no image, or damaged.
  """
  try:
    return Image.open(path)
  except UnidentifiedImageError:
    photo = photos.Photo(**decoding.decode(pathlib.Path(path)))
  samples = photo.pixels
  if photo.alpha is not None:
    samples = np.concatenate([samples, photo.alpha[..., None]], axis=-1)
  elif samples.shape[-1] == 1:
    samples = samples[..., 0]
  return Image.fromarray(photos.to_eight_bits(samples))


def to_uint8(image: Image.Image, channels: int) -> np.ndarray:
  """Returns `image` as uint8 `[H, W, channels]`.

  Transparent images are composited over white, as viewers do, because the
  colours of transparent pixels are arbitrary. 16-bit grey values and floats in
  [0, 1] are rounded to the nearest of 256 levels. Of 16-bit colour, Pillow
  keeps the high byte, which differs from that by at most one level.

  Args:
    image: Pillow image of any mode, loaded or not.
    channels: 1 for grey (ITU-R 601 luma, as Pillow's 'L'), or 3 for RGB; a grey
      channel is repeated.

  Returns:
    uint8 `[H, W, channels]`, a new array.

  Raises:
    UserError: 32-bit integers outside [0, 65535] or floats outside [0, 1],
      whose scale is unknown.

  Example:

    >>> to_uint8(Image.new('L', (4, 3), 7), channels=3).shape
    (3, 4, 3)
  """
  if image.mode.startswith('I'):
    image = Image.fromarray(_reduce(np.asarray(image), 65535))
  elif image.mode == 'F':
    image = Image.fromarray(_reduce(np.asarray(image), 1))
  elif image.getbands()[-1] in 'Aa' or 'transparency' in image.info:
    image = image.convert('RGBA')
    white = Image.new('RGBA', image.size, 'white')
    image = Image.alpha_composite(white, image)
  image = image.convert('L' if channels == 1 else 'RGB')
  return np.array(image).reshape(image.height, image.width, channels)


def is_stored_grey(image: Image.Image) -> bool:
  """Returns whether a Pillow image has only grey and perhaps transparency."""
  grey = '1', 'F', 'L', 'LA', 'La'
  return image.mode in grey or image.mode.startswith('I')


def has_colors(image: Image.Image) -> bool:
  """Returns whether a Pillow image has a pixel that is not grey."""
  if is_stored_grey(image):
    return False
  low, middle, high = np.moveaxis(np.asarray(image.convert('RGB')), -1, 0)
  return bool((low != middle).any() or (middle != high).any())


def _reduce(values: np.ndarray, peak: int) -> np.ndarray:
  """Scales grey `values` in [0, `peak`] to uint8, rounded."""
  low, high = values.min(), values.max()
  if not np.isfinite([low, high]).all():
    raise errors.UserError('its values are not all finite (NaN or infinity)')
  if not (low >= 0 and high <= peak):
    raise errors.UserError(
      f'its {values.dtype} values span {low} to {high}, accepted are 0 to '
      f'{peak}: convert it to 8 or 16 bits'
    )
  return np.rint(values * (255 / peak)).astype(np.uint8)
