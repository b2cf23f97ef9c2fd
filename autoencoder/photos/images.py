"""Photos in files: any common format in, with everything its pixels mean.

Pixels stay in the depth of the file, 8 or 16 bits. What else the picture
consists of is kept beside them: transparency and the colour profile. The
orientation that cameras only note down is applied.
"""

from collections.abc import Sequence
import dataclasses
import difflib
import os
import pathlib

import numpy as np
from PIL import Image

from autoencoder import errors
from autoencoder.photos import decoding
from autoencoder.photos import encoding
from autoencoder.runs import files

# What folders are searched for. A file named by itself may have any suffix:
# formats are recognised by their content.
SUFFIXES = ('.png', '.jpg', '.jpeg', '.webp', '.bmp', '.tif', '.tiff')


@dataclasses.dataclass(frozen=True)
class Photo:
  """A picture as a person sees it, upright.

  Attributes:
    pixels: `[H, W, 1 or 3]` uint8 or uint16, grey or RGB, full range.
    alpha: `[H, W]` of the same type, opacity; None where there is none. Colour
      is not multiplied by it.
    icc_profile: the file's colour profile; None where there is none.
    format: name of the format it was read from, such as 'PNG'.
    pages: pictures in the file; this is the first of them.
  """

  pixels: np.ndarray
  alpha: np.ndarray | None = None
  icc_profile: bytes | None = None
  format: str = ''
  pages: int = 1


def read_image(path: str | os.PathLike) -> Photo:
  """Reads a PNG, JPEG, WebP, BMP or TIFF file.

  Palettes, single bits and CMYK are converted to 8-bit grey or RGB (CMYK
  through its profile to sRGB, where it has one). Floats are accepted from TIFF
  files when they are in [0, 1], and become 16 bits; other depths of a TIFF are
  stretched to 16 bits. Of several pages the first is read.

  Args:
    path: the file.

  Returns:
    The `Photo`, with its EXIF orientation applied.

  Raises:
    ValueError: the file is missing, unreadable, not an image, damaged, too
      large (over 1 gigapixel) or of an unsupported kind. Names the file.

  Example:

    photo = read_image('photo.jpg')
    height, width, channels = photo.pixels.shape
  """
  path = pathlib.Path(path)
  if not path.exists():
    raise errors.UserError(f'{path} does not exist{nearest_names(path)}.')
  try:
    return Photo(**decoding.decode(path))
  except decoding.ImageError as error:
    raise errors.UserError(f'{path}: {error}') from error


def write_image(path: str | os.PathLike, photo: Photo) -> None:
  """Writes a photo; the file appears complete or not at all.

  Args:
    path: the file, replaced if it exists. Its suffix gives the format: `.png`
      and `.tif` take everything, `.webp` 8 bits, `.jpg` 8 bits without alpha.
    photo: what to write.

  Raises:
    ValueError: an unknown suffix, or a photo the format cannot hold.
    OSError: the file cannot be written.

  Example:

    write_image('grey.png', Photo(np.zeros((4, 6, 1), np.uint16)))
  """
  path = pathlib.Path(path)
  files.write_bytes(
    path,
    encoding.encode(path.suffix, photo.pixels, photo.alpha, photo.icc_profile),
  )


def to_eight_bits(samples: np.ndarray) -> np.ndarray:
  """Returns uint8 as it is, and full-range uint16 rounded to uint8."""
  if samples.dtype == np.uint8:
    return samples
  return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def with_pixels(photo: Photo, pixels: np.ndarray) -> Photo:
  """Returns `photo` with other pixels, and what of the rest still fits.

  The opacity is enlarged along; a grey profile goes where pixels have colour.
  """
  alpha, profile = photo.alpha, photo.icc_profile
  if alpha is not None and alpha.shape != pixels.shape[:2]:
    alpha = _resize_alpha(alpha, *pixels.shape[:2])
  if pixels.shape[-1] != photo.pixels.shape[-1]:
    profile = None  # A grey profile does not describe colour.
  return dataclasses.replace(
    photo, pixels=pixels, alpha=alpha, icc_profile=profile
  )


def _resize_alpha(alpha: np.ndarray, height: int, width: int) -> np.ndarray:
  """Enlarges the opacity along with the picture, bicubic."""
  resized = Image.fromarray(alpha.astype(np.float32)).resize(
    (width, height), Image.Resampling.BICUBIC
  )
  top = np.iinfo(alpha.dtype).max
  return np.round(np.clip(resized, 0, top)).astype(alpha.dtype)


def nearest_names(path: pathlib.Path) -> str:
  """Returns '; did you mean A or B?' from the folder of a missing `path`."""
  names: Sequence[str] = ()
  if path.parent.is_dir():
    names = sorted(entry.name for entry in path.parent.iterdir())
  near = difflib.get_close_matches(path.name, names, n=3)
  if not near:
    return ''
  return f'; the nearest names there: {", ".join(near)}'
