"""Image files to arrays: which library reads what, and what it is told.

Pillow reads everything of up to 8 bits per channel. It silently reduces 16-bit
colour to 8, so 16-bit PNG goes through libpng (`imagecodecs`), and grey and
RGB TIFF of any depth through `tifffile`.
"""

from collections.abc import Iterator
import contextlib
import io
import logging
import math
import pathlib
from typing import Any
from typing import BinaryIO
import warnings

import imagecodecs
import numpy as np
from PIL import Image
from PIL import ImageCms
from PIL import UnidentifiedImageError
import tifffile

# Larger headers are taken for damaged or malicious: decoding would fill the
# memory before anything else could be checked.
MAX_PIXELS = 10**9

_PILLOW_FORMATS = ('PNG', 'JPEG', 'WEBP', 'BMP')
_PNG_MAGIC = b'\x89PNG\r\n\x1a\n'
_PNG_DEPTH_OFFSET = 24  # After signature, chunk header, width and height.
_TIFF_MAGIC = (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+')
_ORIENTATION_TAG = 274
_ASSOCIATED_ALPHA = 1
# Channels of what tifffile decodes without a change of colour space.
_TIFF_COLORS = {
  tifffile.PHOTOMETRIC.MINISBLACK: 1,
  tifffile.PHOTOMETRIC.MINISWHITE: 1,
  tifffile.PHOTOMETRIC.RGB: 3,
}


class ImageError(Exception):
  """Why a file cannot be used, without its name."""


def decode(path: pathlib.Path) -> dict[str, Any]:
  """Returns the fields of `images.Photo`; raises `ImageError`."""
  try:
    with open(path, 'rb') as file, _lenient_libraries():
      return _decode(file)
  except ImageError:
    raise
  except UnidentifiedImageError as error:
    raise ImageError(
      'not an image of a known format (PNG, JPEG, WebP, BMP, TIFF).'
    ) from error
  except MemoryError as error:
    raise ImageError('not enough memory to decode it.') from error
  except OSError as error:
    # The system's own message repeats the path; the decoders' has no errno.
    reason = error.strerror or f'damaged or truncated ({_one_line(error)})'
    raise ImageError(f'cannot be read: {reason}.') from error
  except (AttributeError, LookupError, TypeError) as error:
    # What damaged headers lead to; the text would not help.
    raise ImageError('damaged image data.') from error
  except Exception as error:  # Decoders raise anything on damaged data.
    raise ImageError(f'damaged image data: {_one_line(error)}.') from error


def _decode(file: BinaryIO) -> dict[str, Any]:
  """Recognises the format by its content and dispatches."""
  header = file.read(_PNG_DEPTH_OFFSET + 1)
  file.seek(0)
  if not header:
    raise ImageError('the file is empty.')
  if header.startswith(_TIFF_MAGIC):
    return _decode_tiff(file)
  with Image.open(file, formats=_PILLOW_FORMATS) as image:
    _check_size(*image.size)
    # Pillow takes what lacks its end for whole.
    if header.startswith(_PNG_MAGIC) and not _has(file, b'IEND'):
      raise ImageError('the file is truncated.')
    deep_png = header.startswith(_PNG_MAGIC) and header[-1] == 16
    return _decode_png16(file, image) if deep_png else _decode_pillow(image)


def _has(file: BinaryIO, mark: bytes) -> bool:
  """Returns whether the file holds `mark`, and leaves it where it was."""
  place = file.tell()
  file.seek(0)
  found = mark in file.read()
  file.seek(place)
  return found


def _decode_pillow(image: Image.Image) -> dict[str, Any]:
  """Decodes what has up to 8 bits per channel."""
  # The second picture of a camera's multi-picture JPEG is its own preview.
  is_jpeg = image.format in ('JPEG', 'MPO')
  fields = {
    'format': 'JPEG' if is_jpeg else image.format,
    'pages': 1 if is_jpeg else getattr(image, 'n_frames', 1),
  }
  image.load()
  profile = image.info.get('icc_profile') or None
  # After loading: some formats keep it behind the pixels, TIFF applies it.
  orientation = image.getexif().get(_ORIENTATION_TAG)
  if image.mode == 'CMYK' and profile:
    image, profile = _cmyk_to_srgb(image, profile), None
  grey = image.mode in ('1', 'L', 'LA', 'La')
  mode = ('L' if grey else 'RGB') + ('A' if image.has_transparency_data else '')
  if image.mode != mode:
    image = image.convert(mode)
  return fields | _photo(np.asarray(image), orientation, profile)


def _cmyk_to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
  """Converts with the profile, or without it where it is of no use."""
  try:
    return ImageCms.profileToProfile(
      image,
      ImageCms.ImageCmsProfile(io.BytesIO(profile)),
      ImageCms.createProfile('sRGB'),
      outputMode='RGB',
    )
  except (ImageCms.PyCMSError, OSError):
    return image.convert('RGB')


def _decode_png16(file: BinaryIO, header: Image.Image) -> dict[str, Any]:
  """Decodes a 16-bit PNG; `header` is Pillow's unread view of it."""
  orientation = None
  # Asking for EXIF that is not there would make Pillow decode the pixels.
  if 'exif' in header.info:
    orientation = header.getexif().get(_ORIENTATION_TAG)
  profile = header.info.get('icc_profile') or None
  file.seek(0)
  pixels = imagecodecs.png_decode(file.read())
  if pixels.ndim == 2:
    pixels = pixels[..., None]
  fields = {'format': 'PNG', 'pages': getattr(header, 'n_frames', 1)}
  return fields | _photo(pixels, orientation, profile)


def _decode_tiff(file: BinaryIO) -> dict[str, Any]:
  """Decodes the first page of a TIFF of any depth."""
  with tifffile.TiffFile(file) as tiff:
    page, pages = tiff.pages[0], len(tiff.pages)
    _check_size(page.imagewidth, page.imagelength)
    file.seek(0, 2)
    ends = map(sum, zip(page.dataoffsets, page.databytecounts))
    # tifffile takes missing parts of the image for black ones.
    missing = len(page.dataoffsets) < math.prod(page.chunked)
    if missing or max(ends) > file.tell():
      raise ImageError('the file is truncated.')
    color = _TIFF_COLORS.get(page.photometric)
    if page.bitspersample < 8 or (color is None and page.bitspersample == 8):
      file.seek(0)  # Single bits, palettes, CMYK and the like.
      with Image.open(file, formats=('TIFF',)) as image:
        return _decode_pillow(image)
    samples = page.samplesperpixel
    if color is None or not 0 <= samples - color < 2 or page.imagedepth != 1:
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
    if samples > color and page.extrasamples[:1] == (_ASSOCIATED_ALPHA,):
      alpha = values[..., -1:].astype(np.float32) / top
      straight = values[..., :-1] / np.maximum(alpha, 1 / top)
      values[..., :-1] = np.round(np.minimum(straight, top))
    orientation = page.tags.valueof(_ORIENTATION_TAG)
    fields = {'format': 'TIFF', 'pages': pages}
    return fields | _photo(values, orientation, page.iccprofile)


def _to_integers(values: np.ndarray, bits: int) -> np.ndarray:
  """Stretches unsigned integers, or floats in [0, 1], to full uint8 or 16."""
  if values.dtype in (np.uint8, np.uint16):
    top = 2**bits - 1
    if top == np.iinfo(values.dtype).max:
      return values
    stretched = (values.astype(np.uint32) * 65535 + top // 2) // top
    return stretched.astype(np.uint16)
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


def _photo(
  samples: np.ndarray, orientation: int | None, profile: bytes | None
) -> dict[str, Any]:
  """Splits `[H, W, 1 to 4]` (or `[H, W]`) into the fields of a photo."""
  samples = _upright(samples.reshape(*samples.shape[:2], -1), orientation)
  channels = samples.shape[-1]
  alpha = np.ascontiguousarray(samples[..., -1]) if channels in (2, 4) else None
  pixels = np.ascontiguousarray(samples[..., : 3 if channels > 2 else 1])
  return {'pixels': pixels, 'alpha': alpha, 'icc_profile': profile}


def _upright(samples: np.ndarray, orientation: int | None) -> np.ndarray:
  """Applies the EXIF orientation 1 to 8 (EXIF 2.32, tag 0x0112)."""
  if orientation in (5, 6, 7, 8):
    samples = samples.swapaxes(0, 1)
  if orientation in (3, 4, 7, 8):
    samples = samples[::-1]
  if orientation in (2, 3, 6, 7):
    samples = samples[:, ::-1]
  return samples


def _check_size(width: int, height: int) -> None:
  """Raises `ImageError` for a header with an absurd size."""
  if width * height > MAX_PIXELS:
    raise ImageError(
      f'{width} x {height} pixels are declared; at most '
      f'{MAX_PIXELS // 10**6} megapixels are read.'
    )
  if width * height < 1:
    raise ImageError(f'it has no pixels ({width} x {height}).')


@contextlib.contextmanager
def _lenient_libraries() -> Iterator[None]:
  """Lifts Pillow's size limit for `_check_size`, and keeps libraries quiet.

  They warn of oddities that change no pixel, such as invalid EXIF; what does
  change pixels is an exception.
  """
  limit, logger = Image.MAX_IMAGE_PIXELS, logging.getLogger('tifffile')
  level = logger.level
  with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    try:
      Image.MAX_IMAGE_PIXELS = None
      logger.setLevel(logging.CRITICAL)
      yield
    finally:
      Image.MAX_IMAGE_PIXELS = limit
      logger.setLevel(level)


def _one_line(error: Exception) -> str:
  """Returns the error's message, or its type, without line breaks."""
  text = ' '.join(str(error).split()).rstrip('.')
  return text or type(error).__name__
