"""Converts image files of any kind to uint8 `[H, W, C]`, 1 or 3 channels.

Values are stored display values, 0 to 255: they are not linearised, and colour
profiles are not applied.
"""

import pathlib

import numpy as np
from PIL import Image

from autoencoder import errors
from autoencoder import photos
from autoencoder.photos import decoding
from autoencoder.photos import samples


class UnreadableImage(errors.UserError):
  """A file is no image, is damaged, or has an unsupported format.

  Training skips and counts such files; other code does not catch the error.
  """


def read(source: pathlib.Path | bytes, *, upright: bool = True) -> photos.Photo:
  """Decodes a file as the other parts of the package do.

  Args:
    source: the path of a file, or its content.
    upright: whether to apply the orientation that the file states.

  Raises:
    UserError: the file cannot be decoded; does not name it.
  """
  try:
    return photos.Photo(**decoding.decode(source, upright=upright))
  except samples.ImageError as error:
    raise errors.UserError(str(error)) from error


def from_array(values: np.ndarray) -> photos.Photo:
  """Returns decoded samples `[H, W, 1 to 4]`, uint8 or uint16, as a photo."""
  alpha = values[..., -1] if values.shape[-1] in (2, 4) else None
  channels = 3 if values.shape[-1] > 2 else 1
  return photos.Photo(pixels=values[..., :channels], alpha=alpha)


def to_uint8(photo: photos.Photo, channels: int) -> np.ndarray:
  """Returns the pixels of a photo as uint8 `[H, W, channels]`.

  Transparent images are composited over white, as viewers do, because the
  colours of transparent pixels are arbitrary. 16-bit values are rounded to the
  nearest of 256 levels.

  Args:
    photo: any photo.
    channels: 1 for grey (ITU-R 601 luma, as Pillow's 'L'), or 3 for RGB; a grey
      channel is repeated.

  Returns:
    uint8 `[H, W, channels]`, a new array.

  Example:

    >>> photo = photos.Photo(np.full((3, 4, 1), 7, np.uint8))
    >>> to_uint8(photo, channels=3).shape
    (3, 4, 3)
  """
  pixels = photos.to_eight_bits(photo.pixels)
  if photo.alpha is None and pixels.shape[-1] == channels:
    return np.array(pixels)
  if photo.alpha is None and channels == 3:
    return np.repeat(pixels, 3, axis=-1)
  image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
  if photo.alpha is not None:
    image = image.convert('RGBA')
    image.putalpha(Image.fromarray(photos.to_eight_bits(photo.alpha)))
    white = Image.new('RGBA', image.size, 'white')
    image = Image.alpha_composite(white, image)
  image = image.convert('L' if channels == 1 else 'RGB')
  return np.array(image).reshape(image.height, image.width, channels)


def is_stored_grey(photo: photos.Photo) -> bool:
  """Returns whether a photo has only grey and perhaps transparency."""
  return photo.pixels.shape[-1] == 1


def has_colors(photo: photos.Photo) -> bool:
  """Returns whether a photo has a pixel that is not grey at 8 bits."""
  pixels = photos.to_eight_bits(photo.pixels)
  return bool((pixels != pixels[..., :1]).any())
