"""Any image that Pillow opens as uint8 `[H, W, C]` with 1 or 3 channels.

Values are display values in 0..255, as stored: nothing is linearised and colour
profiles are not applied.
"""

import os
import pathlib

import numpy as np
from PIL import Image
from PIL import UnidentifiedImageError

from autoencoder import errors


class UnreadableImage(ValueError):
  """A file that is no image, is damaged, or holds an unsupported format.

  Training skips and counts such files; everything else lets the error through.
  """


def open_image(path: str | os.PathLike) -> Image.Image:
  """Opens a file with Pillow, or what Pillow cannot read, as 8 bits.

  That is TIFF of floats in colour.

  Raises:
    Exception: it is missing, no image, or damaged; says how.
  """
  try:
    return Image.open(path)
  except UnidentifiedImageError:
    from autoencoder.photos import decoding  # Slow to import, rarely needed.

    fields = decoding.decode(pathlib.Path(path))
  parts = [fields['pixels'], fields['alpha']]
  parts = [x.reshape(*x.shape[:2], -1) for x in parts if x is not None]
  samples = np.concatenate(parts, axis=-1)
  if samples.shape[-1] == 1:
    samples = samples[..., 0]
  scale = np.iinfo(samples.dtype).max / 255
  return Image.fromarray(np.rint(samples / scale).astype(np.uint8))


def to_uint8(image: Image.Image, channels: int) -> np.ndarray:
  """Returns `image` as uint8 `[H, W, channels]`.

  Transparent images are laid over white, as a viewer shows them: the colours
  stored under transparent pixels are arbitrary. 16-bit values are reduced to
  the nearest of 256 levels (in colour, Pillow keeps the high byte, which is
  within one level of it), floats in [0, 1] likewise.

  Args:
    image: Pillow image of any mode, loaded or not.
    channels: 1 for grey (ITU-R 601 luma, as Pillow's 'L'), 3 for RGB; grey
      images are replicated.

  Returns:
    uint8 `[H, W, channels]`, a new array.

  Raises:
    ValueError: 32-bit values outside 0..65535 (integers) or 0..1 (floats),
      whose scale cannot be known.

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
  """Whether a Pillow image has one channel, of grey, besides transparency."""
  grey = '1', 'F', 'L', 'LA', 'La'
  return image.mode in grey or image.mode.startswith('I')


def has_colors(image: Image.Image) -> bool:
  """Whether grey would lose something of a Pillow image: its colours."""
  if is_stored_grey(image):
    return False
  low, middle, high = np.moveaxis(np.asarray(image.convert('RGB')), -1, 0)
  return bool((low != middle).any() or (middle != high).any())


def _reduce(values: np.ndarray, peak: int) -> np.ndarray:
  """Scales grey `values` in [0, `peak`] to the nearest uint8 level."""
  low, high = values.min(), values.max()
  if not np.isfinite([low, high]).all():
    raise errors.UserError('its values are not all finite (NaN or infinity)')
  if not (low >= 0 and high <= peak):
    raise errors.UserError(
      f'its {values.dtype} values span {low} to {high}, and only 0 to {peak} '
      'has a known meaning: convert it to 8 or 16 bits'
    )
  return np.rint(values * (255 / peak)).astype(np.uint8)
