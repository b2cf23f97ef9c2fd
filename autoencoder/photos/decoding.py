"""Decodes image files to arrays, with the library that loses nothing.

Pillow reads all files with up to 8 bits per channel. It silently reduces 16-bit
colour to 8 bits, so libpng (`imagecodecs`) reads 16-bit PNG files, and
`tifffile` reads grey and RGB TIFF files of any depth.
"""

import io
import math
import pathlib
from typing import Any
from typing import BinaryIO

import imagecodecs
import numpy as np
from PIL import Image
from PIL import ImageCms
from PIL import UnidentifiedImageError
import tifffile

from autoencoder.photos import headers
from autoencoder.photos import lenient

# A header that declares more pixels is damaged or malicious. The limit is
# checked before decoding, which would exhaust the memory.
MAX_PIXELS = 10**9

_PILLOW_FORMATS = ('PNG', 'JPEG', 'WEBP', 'BMP', 'GIF', 'JPEG2000', 'PPM')
_PNG_MAGIC = b'\x89PNG\r\n\x1a\n'
_PNG_DEPTH_OFFSET = 24  # After signature, chunk header, width and height.
_TIFF_MAGIC = (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+')
# Values of the tag ExtraSamples (TIFF 6.0). 0 is a band without a meaning,
# such as infrared.
_ASSOCIATED_ALPHA, _UNASSOCIATED_ALPHA = 1, 2
# Number of colour channels of the TIFF kinds that need no colour conversion.
_TIFF_COLORS: dict[int, int] = {
  tifffile.PHOTOMETRIC.MINISBLACK: 1,
  tifffile.PHOTOMETRIC.MINISWHITE: 1,
  tifffile.PHOTOMETRIC.RGB: 3,
}


class ImageError(Exception):
  """The reason why a file cannot be used, without the name of the file."""


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
  except ImageError:
    raise
  except UnidentifiedImageError as error:
    raise ImageError(
      'not an image of a known format (PNG, JPEG, WebP, BMP, TIFF).'
    ) from error
  except MemoryError as error:
    raise ImageError('not enough memory to decode it.') from error
  except OSError as error:
    # An error of the system has `strerror`; its full text repeats the path. An
    # error of a decoder has only a text.
    reason = error.strerror or f'damaged or truncated ({_one_line(error)})'
    raise ImageError(f'cannot be read: {reason}.') from error
  except (AttributeError, LookupError, TypeError) as error:
    # Damaged headers cause these; their text says nothing about the file.
    raise ImageError('damaged image data.') from error
  except Exception as error:  # Decoders raise anything on damaged data.
    raise ImageError(f'damaged image data: {_one_line(error)}.') from error
  return _photo(fields, upright)


def _open(source: pathlib.Path | bytes) -> BinaryIO:
  return io.BytesIO(source) if isinstance(source, bytes) else open(source, 'rb')


def _decode(file: BinaryIO) -> dict[str, Any]:
  """Recognises the format by the content and calls its decoder."""
  header = file.read(_PNG_DEPTH_OFFSET + 1)
  file.seek(0)
  if not header:
    raise ImageError('the file is empty.')
  if header.startswith(_TIFF_MAGIC):
    return _decode_tiff(file)
  with Image.open(file, formats=_PILLOW_FORMATS) as image:
    _check_size(*image.size)
    # Pillow accepts PNG files whose end is missing.
    if header.startswith(_PNG_MAGIC) and not _has(file, b'IEND'):
      raise ImageError('the file is truncated.')
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
    return fields | {'samples': _to_integers(np.asarray(image), 16)}
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


def _decode_tiff(file: BinaryIO) -> dict[str, Any]:
  """Decodes the first page of a TIFF of any depth."""
  with tifffile.TiffFile(file) as tiff:
    page, pages = tiff.pages.first, len(tiff.pages)
    _check_size(page.imagewidth, page.imagelength)
    file.seek(0, 2)
    ends = map(sum, zip(page.dataoffsets, page.databytecounts))
    # tifffile would decode missing parts of the image as black.
    missing = len(page.dataoffsets) < math.prod(page.chunked)
    if missing or max(ends) > file.tell():
      raise ImageError('the file is truncated.')
    color = _TIFF_COLORS.get(page.photometric)
    if page.bitspersample < 8 or (color is None and page.bitspersample == 8):
      file.seek(0)  # Pillow reads single bits, palettes, CMYK and so on.
      with Image.open(file, formats=('TIFF',)) as image:
        return _decode_pillow(image)
    samples = page.samplesperpixel
    bands = samples - (color or 0)
    if color is None or bands < 0 or page.imagedepth != 1 or color < bands:
      kind = getattr(page.photometric, 'name', page.photometric)
      raise ImageError(
        f'a {page.bitspersample}-bit {kind} TIFF with {samples} samples per '
        'pixel is not supported: save it as grey or RGB, with or without alpha.'
      )
    values = page.asarray()
    if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and samples > 1:
      values = np.moveaxis(values, 0, -1)
    values = values.reshape(*values.shape[:2], samples)
    values = _to_integers(values, page.bitspersample)
    top = np.iinfo(values.dtype).max
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
      values[..., 0] = top - values[..., 0]
    kinds = [*page.extrasamples, *[0] * samples][: samples - color]
    places = [
      color + place
      for place, kind in enumerate(kinds)
      if kind in (_ASSOCIATED_ALPHA, _UNASSOCIATED_ALPHA)
    ][:1]
    notes = []
    if len(kinds) > len(places):
      bands = len(kinds) - len(places)
      notes.append(
        f'{bands} band{"s" * (bands > 1)} besides colour and opacity left out'
      )
    if places and kinds[places[0] - color] == _ASSOCIATED_ALPHA:
      alpha = values[..., places].astype(np.float32) / top
      straight = values[..., :color] / np.maximum(alpha, 1 / top)
      values[..., :color] = np.round(np.minimum(straight, top))
    return {
      'format': 'TIFF',
      'pages': pages,
      'orientation': headers.tiff_orientation(page),
      'has_exif': 34665 in page.tags,
      'profile': page.iccprofile,
      'samples': values[..., [*range(color), *places]],
      'alpha': bool(places),
      'notes': notes,
    }


def _to_integers(values: np.ndarray, bits: int) -> np.ndarray:
  """Scales integers of `bits` bits, or floats in [0, 1], to the full range.

  Returns:
    uint8 or uint16; 8-bit and 16-bit integers are returned unchanged.

  Raises:
    ImageError: another type, or floats outside [0, 1].
  """
  if values.dtype in (np.uint8, np.uint16):
    top = 2**bits - 1
    if top == np.iinfo(values.dtype).max:
      return values
    stretched = (values.astype(np.uint32) * 65535 + top // 2) // top
    return stretched.astype(np.uint16)
  if np.issubdtype(values.dtype, np.integer):
    least, most = values.min(), values.max()
    if values.dtype.itemsize < 4:
      raise ImageError(
        f'{values.dtype} samples are not supported: save it with 8 or 16 bits.'
      )
    if least >= 0 and most <= 65535:
      return values.astype(np.uint16)
    raise ImageError(
      f'its {values.dtype} values span {least} to {most}, accepted are 0 to '
      '65535: save it with 8 or 16 bits.'
    )
  if not np.issubdtype(values.dtype, np.floating):
    raise ImageError(
      f'{values.dtype} samples are not supported: save it with 8 or 16 bits.'
    )
  if not np.isfinite(values).all():
    raise ImageError('the float pixels are not all finite (NaN or infinity).')
  low, high = values.min(), values.max()
  if low < 0 or high > 1:
    raise ImageError(
      f'float pixels must be in [0, 1]; these are in [{low:.4g}, {high:.4g}]: '
      'rescale them, or save it with 8 or 16 bits.'
    )
  return np.round(values.astype(np.float32) * 65535).astype(np.uint16)


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


def _check_size(width: int, height: int) -> None:
  """Raises `ImageError` if the declared size is not usable."""
  if width * height > MAX_PIXELS:
    raise ImageError(
      f'{width} x {height} pixels are declared; at most '
      f'{MAX_PIXELS // 10**6} megapixels are read.'
    )
  if width * height < 1:
    raise ImageError(f'it has no pixels ({width} x {height}).')


def _one_line(error: Exception) -> str:
  """Returns the error's message on one line, or its type if it is empty."""
  text = ' '.join(str(error).split()).rstrip('.')
  return text or type(error).__name__
