"""Reads and writes picture files without losing depth, alpha or profile.

Pixels keep the depth of the file, 8 or 16 bits. Transparency and the colour
profile are kept beside them. The EXIF orientation is applied.
"""

from collections.abc import Sequence
import dataclasses
import difflib
import os
import pathlib

import numpy as np
from PIL import Image
from scipy import ndimage

from autoencoder import errors
from autoencoder.photos import decoding
from autoencoder.photos import encoding
from autoencoder.photos import samples
from autoencoder.runs import files

# Files with these suffixes are found in folders. A file given by its own name
# may have any suffix, because formats are recognised by their content.
SUFFIXES = (
  '.png',
  '.jpg',
  '.jpeg',
  '.jfif',
  '.jpe',
  '.webp',
  '.bmp',
  '.tif',
  '.tiff',
)


EXIF_NOTE = (
  'NOTE: EXIF (date, camera, position) is not copied to the written files.'
)


@dataclasses.dataclass(frozen=True)
class Photo:
  """A picture, upright, with its transparency and colour profile.

  Attributes:
    pixels: `[H, W, 1 or 3]` uint8 or uint16, grey or RGB, full range.
    alpha: `[H, W]` opacity, of the same type, full range; None if opaque. The
      colours are not multiplied by it.
    icc_profile: the file's colour profile, or None.
    format: name of the file's format, such as 'PNG'; '' if not from a file.
    pages: number of pictures in the file; this is the first of them.
    has_exif: whether the file has EXIF, which is not kept.
    notes: what was left out of the file, such as 'its colour profile left out'.
  """

  pixels: np.ndarray
  alpha: np.ndarray | None = None
  icc_profile: bytes | None = None
  format: str = ''
  pages: int = 1
  has_exif: bool = False
  notes: tuple[str, ...] = ()


def read_image(path: str | os.PathLike) -> Photo:
  """Reads a PNG, JPEG, WebP, BMP or TIFF file.

  Palettes, single bits and CMYK are converted to 8-bit grey or RGB. CMYK is
  converted to sRGB with its profile if it has one. Floats in TIFF files must be
  in [0, 1] and become 16 bits; other depths of TIFF files are scaled to 16
  bits. Only the first page is read.

  Args:
    path: the file.

  Returns:
    The `Photo`, with its EXIF orientation applied.

  Raises:
    UserError: the file is missing, unreadable, not an image, damaged, larger
      than `samples.MAX_PIXELS`, or of an unsupported kind. Names the file.

  Example:

    photo = read_image('photo.jpg')
    height, width, channels = photo.pixels.shape
  """
  path = pathlib.Path(path)
  if path.is_symlink() and not path.exists():
    raise errors.UserError(
      f'{path} is a broken link: its target {os.readlink(path)} does not exist.'
    )
  if not path.exists():
    raise errors.UserError(f'{path} does not exist{nearest_names(path)}.')
  try:
    return Photo(**decoding.decode(path))
  except samples.ImageError as error:
    raise errors.UserError(f'{path}: {error}') from error


def write_image(path: str | os.PathLike, photo: Photo) -> None:
  """Writes a photo; the file appears complete or not at all.

  Args:
    path: the file, replaced if it exists. Its suffix selects the format: `.png`
      and `.tif` store every photo, `.webp` 8 bits, `.jpg` 8 bits without alpha.
    photo: the photo to write.

  Raises:
    UserError: the suffix is unknown, or the format cannot store the photo.
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
  """Returns full-range uint8 or uint16 samples as uint8, rounded."""
  if samples.dtype == np.uint8:
    return samples
  return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def fill_invisible(photo: Photo) -> Photo:
  """Gives each fully transparent pixel the colour of the nearest visible one.

  Colours of invisible pixels are arbitrary. A network would mix them into the
  visible edge.
  """
  if photo.alpha is None:
    return photo
  hidden = photo.alpha == 0
  if not hidden.any() or hidden.all():
    return photo
  rows, columns = ndimage.distance_transform_edt(
    hidden, return_distances=False, return_indices=True
  )
  pixels = photo.pixels.copy()
  pixels[hidden] = photo.pixels[rows[hidden], columns[hidden]]
  return dataclasses.replace(photo, pixels=pixels)


def with_pixels(photo: Photo, pixels: np.ndarray) -> Photo:
  """Returns `photo` with other pixels.

  Its opacity is resized to the new pixels. Its profile is dropped if the number
  of channels changes.
  """
  alpha, profile = photo.alpha, photo.icc_profile
  if alpha is not None and alpha.shape != pixels.shape[:2]:
    alpha = _resize_alpha(alpha, *pixels.shape[:2])
  if pixels.shape[-1] != photo.pixels.shape[-1]:
    profile = None  # A profile of grey does not describe colours.
  return dataclasses.replace(
    photo, pixels=pixels, alpha=alpha, icc_profile=profile
  )


def _resize_alpha(alpha: np.ndarray, height: int, width: int) -> np.ndarray:
  """Resizes the opacity `[H, W]`, bicubic; keeps its type."""
  resized = Image.fromarray(alpha.astype(np.float32)).resize(
    (width, height), Image.Resampling.BICUBIC
  )
  top = np.iinfo(alpha.dtype).max
  return np.round(np.clip(np.asarray(resized), 0, top)).astype(alpha.dtype)


def nearest_names(path: pathlib.Path) -> str:
  """Returns the end of an error message about a missing `path`.

  Returns:
    '; the nearest names there: A, B', or '' if no name there is similar.
  """
  names: Sequence[str] = ()
  if path.parent.is_dir():
    names = sorted(entry.name for entry in path.parent.iterdir())
  near = difflib.get_close_matches(path.name, names, n=3)
  if not near:
    return ''
  return f'; the nearest names there: {", ".join(near)}'
