"""Decodes image files to arrays, with the library that loses nothing.

Pillow reads all files with up to 8 bits per channel. It silently reduces 16-bit
colour to 8 bits, so libpng (`imagecodecs`) reads 16-bit PNG files, and
`tifffile` reads grey and RGB TIFF files of any depth.
"""

import io
import pathlib
from typing import Any
from typing import BinaryIO

import imagecodecs
import numpy as np
from PIL import Image
from PIL import ImageCms
from PIL import UnidentifiedImageError

from autoencoder.photos import headers
from autoencoder.photos import lenient
from autoencoder.photos import samples as samples_lib
from autoencoder.photos import tiff

_PILLOW_FORMATS = ('PNG', 'JPEG', 'WEBP', 'BMP', 'GIF', 'JPEG2000', 'PPM')
_PNG_MAGIC = b'\x89PNG\r\n\x1a\n'
_PNG_DEPTH_OFFSET = 24  # After signature, chunk header, width and height.
_TIFF_MAGIC = (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+')


def decode(
  source: pathlib.Path | bytes, *, upright: bool = True
) -> dict[str, Any]:
  """Decodes an image file. All parts of the package use this decoder.

  Args:
    source: the path of a file, or its content.
    upright: whether to apply the orientation that the file states.

  Returns:
    The fields of `images.Photo`.

  Raises:
    ImageError: the file cannot be read, or is no supported image.
  """
  try:
    with _open(source) as file, lenient.libraries():
      fields = _decode(file)
  except samples_lib.ImageError:
    raise
  except UnidentifiedImageError as error:
    raise samples_lib.ImageError(
      'not an image of a known format (PNG, JPEG, WebP, BMP, TIFF).'
    ) from error
  except MemoryError as error:
    raise samples_lib.ImageError('not enough memory to decode it.') from error
  except OSError as error:
    # An error of the system has `strerror`; its full text repeats the path. An
    # error of a decoder has only a text.
    reason = error.strerror or f'damaged or truncated ({_one_line(error)})'
    raise samples_lib.ImageError(f'cannot be read: {reason}.') from error
  except (AttributeError, LookupError, TypeError) as error:
    # Damaged headers cause these; their text says nothing about the file.
    raise samples_lib.ImageError('damaged image data.') from error
  except Exception as error:  # Decoders raise anything on damaged data.
    raise samples_lib.ImageError(
      f'damaged image data: {_one_line(error)}.'
    ) from error
  return _photo(fields, upright)


def _open(source: pathlib.Path | bytes) -> BinaryIO:
  return io.BytesIO(source) if isinstance(source, bytes) else open(source, 'rb')


def _decode(file: BinaryIO) -> dict[str, Any]:
  """Recognises the format by the content and calls its decoder."""
  header = file.read(_PNG_DEPTH_OFFSET + 1)
  file.seek(0)
  if not header:
    raise samples_lib.ImageError('the file is empty.')
  if header.startswith(_TIFF_MAGIC):
    fields = tiff.decode(file)
    if fields is not None:
      return fields
    file.seek(0)
    with Image.open(file, formats=('TIFF',)) as image:
      return _decode_pillow(image)
  with Image.open(file, formats=_PILLOW_FORMATS) as image:
    samples_lib.check_size(*image.size)
    # Pillow accepts PNG files whose end is missing.
    if header.startswith(_PNG_MAGIC) and not _has(file, b'IEND'):
      raise samples_lib.ImageError('the file is truncated.')
    deep_png = header.startswith(_PNG_MAGIC) and header[-1] == 16
    return _decode_png16(file, image) if deep_png else _decode_pillow(image)


def _has(file: BinaryIO, mark: bytes) -> bool:
  """Returns whether the file contains `mark`; keeps the read position."""
  position = file.tell()
  file.seek(0)
  found = mark in file.read()
  file.seek(position)
  return found


def _decode_pillow(image: Image.Image) -> dict[str, Any]:
  """Decodes an image with up to 8 bits per channel."""
  is_jpeg = image.format in ('JPEG', 'MPO')
  fields = {
    'format': 'JPEG' if is_jpeg else image.format,
    'pages': headers.count_pages(image),
  }
  image.load()
  profile = image.info.get('icc_profile') or None
  # Read after loading: some formats store EXIF behind the pixels, and for TIFF
  # Pillow applies the orientation while loading and removes it.
  fields['orientation'] = headers.orientation(image)
  fields['has_exif'] = 'exif' in image.info
  if image.mode == 'CMYK' and profile:
    image, profile = _cmyk_to_srgb(image, profile), None
  fields['profile'] = profile
  if image.mode == 'F' or image.mode.startswith('I'):
    return fields | {'samples': samples_lib.to_integers(np.asarray(image), 16)}
  grey = image.mode in ('1', 'L', 'LA', 'La')
  mode = ('L' if grey else 'RGB') + ('A' if image.has_transparency_data else '')
  if image.mode != mode:
    image = image.convert(mode)
  return fields | {'samples': np.asarray(image), 'alpha': mode[-1] == 'A'}


def _cmyk_to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
  """Converts with the profile, or without it if the profile is invalid."""
  try:
    converted = ImageCms.profileToProfile(
      image,
      ImageCms.ImageCmsProfile(io.BytesIO(profile)),
      ImageCms.createProfile('sRGB'),
      outputMode='RGB',
    )
    assert converted is not None  # It is None only for a conversion in place.
    return converted
  except (ImageCms.PyCMSError, OSError):
    return image.convert('RGB')


def _decode_png16(file: BinaryIO, header: Image.Image) -> dict[str, Any]:
  """Decodes a 16-bit PNG; `header` is Pillow's unread view of it."""
  file.seek(0)
  data = file.read()
  exif = headers.read_png_exif(data)
  pixels = imagecodecs.png_decode(data)
  return {
    'format': 'PNG',
    'pages': headers.count_pages(header),
    'orientation': headers.orientation_of(*exif),
    'has_exif': exif[0] is not None,
    'profile': header.info.get('icc_profile') or None,
    'samples': pixels,
    'alpha': pixels.ndim == 3 and pixels.shape[-1] in (2, 4),
  }


def _photo(decoded: dict[str, Any], upright: bool) -> dict[str, Any]:
  """Turns samples upright and splits them into the fields of a photo.

  Args:
    decoded: `samples`, `[H, W]` or `[H, W, 1 to 4]`, whose last channel is the
      opacity if `alpha`; `orientation`, EXIF's 1 to 8 or None; `profile`, the
      colour profile or None; and fields of `images.Photo`.
    upright: whether to apply the orientation.
  """
  samples = decoded['samples']
  samples = samples.reshape(*samples.shape[:2], -1)
  if upright:
    samples = headers.turn(samples, decoded['orientation'])
  alpha = None
  if decoded.get('alpha'):
    alpha = np.ascontiguousarray(samples[..., -1])
    samples = samples[..., :-1]
  notes, profile = [*decoded.get('notes', ())], decoded['profile']
  if profile is not None and not _fits(profile, samples.shape[-1]):
    profile = None
    notes.append('its colour profile left out')
  return {
    'pixels': np.ascontiguousarray(samples),
    'alpha': alpha,
    'icc_profile': profile,
    'format': decoded['format'],
    'pages': decoded['pages'],
    'has_exif': decoded['has_exif'],
    'notes': tuple(notes),
  }


def _fits(profile: bytes, channels: int) -> bool:
  """Returns whether a profile opens, and describes grey or RGB as it should."""
  try:
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
  except (ImageCms.PyCMSError, OSError):
    return False
  space = opened.profile.xcolor_space.strip()
  return space == ('GRAY' if channels == 1 else 'RGB')


def _one_line(error: Exception) -> str:
  """Returns the error's message on one line, or its type if it is empty."""
  text = ' '.join(str(error).split()).rstrip('.')
  return text or type(error).__name__
