"""Encodes arrays as image files, with the bit depth of the array."""

from collections.abc import Callable
import difflib
import io
import struct
import zlib

import imagecodecs
import numpy as np
from PIL import Image
import tifffile

from autoencoder import errors

# No loss is visible, and the file is much smaller than a lossless one.
_LOSSY_QUALITY = 95
_PNG_AFTER_HEADER = 33  # Length of signature and IHDR chunk, both fixed.


def encode(
  suffix: str,
  pixels: np.ndarray,
  alpha: np.ndarray | None,
  icc_profile: bytes | None,
) -> bytes:
  """Returns the content of an image file.

  Args:
    suffix: '.png', '.tif', '.tiff', '.jpg', '.jpeg' or '.webp', in any case.
    pixels: `[H, W, 1 or 3]` uint8 or uint16.
    alpha: `[H, W]` of the same type, or None.
    icc_profile: colour profile to embed, or None.

  Raises:
    UserError: the suffix is unknown, or the format cannot store this depth or
      transparency.
  """
  check_suffix(suffix)
  samples = pixels
  if alpha is not None:
    samples = np.concatenate([pixels, alpha[..., None]], axis=-1)
  return _ENCODERS[suffix.lower()](samples, icc_profile)


def check_suffix(suffix: str) -> None:
  """Raises `UserError` unless images can be written with this suffix."""
  if suffix.lower() not in _ENCODERS:
    near = difflib.get_close_matches(suffix.lower(), _ENCODERS, n=1)
    raise errors.UserError(
      f'Images are written as {", ".join(_ENCODERS)}; got {suffix!r}'
      + (f', did you mean {near[0]}?' if near else '.')
    )


def _png(samples: np.ndarray, icc_profile: bytes | None) -> bytes:
  # The copy is needed: an array made by `[..., None]` has a last stride of 0,
  # and the encoder rejects it.
  data = bytes(imagecodecs.png_encode(samples.copy()))
  if icc_profile is None:
    return data
  # The encoder takes no profile, so insert its chunk (PNG 1.2, 4.2.2.4 iCCP).
  content = b'ICC profile\0\0' + zlib.compress(icc_profile)
  chunk = struct.pack('>I', len(content)) + b'iCCP' + content
  chunk += struct.pack('>I', zlib.crc32(chunk[4:]))
  return data[:_PNG_AFTER_HEADER] + chunk + data[_PNG_AFTER_HEADER:]


def _tiff(samples: np.ndarray, icc_profile: bytes | None) -> bytes:
  buffer = io.BytesIO()
  channels = samples.shape[-1]
  has_alpha = channels in (2, 4)
  tifffile.imwrite(
    buffer,
    samples[..., 0] if channels == 1 else samples,
    photometric='rgb' if channels > 2 else 'minisblack',
    planarconfig=None if channels == 1 else 'contig',
    extrasamples=['unassalpha'] if has_alpha else None,
    compression='zlib',
    predictor=True,
    iccprofile=icc_profile,
    metadata=None,
  )
  return buffer.getvalue()


def _jpeg(samples: np.ndarray, icc_profile: bytes | None) -> bytes:
  if samples.shape[-1] in (2, 4):
    raise errors.UserError(
      'JPEG files have no transparency: write PNG, TIFF or WebP instead.'
    )
  # No chroma subsampling: it would blur the restored colours again.
  return _pillow('JPEG', samples, icc_profile, subsampling=0)


def _webp(samples: np.ndarray, icc_profile: bytes | None) -> bytes:
  return _pillow('WEBP', samples, icc_profile)


def _pillow(
  name: str, samples: np.ndarray, icc_profile: bytes | None, **options: int
) -> bytes:
  """Encodes 8-bit samples with Pillow."""
  if samples.dtype != np.uint8:
    raise errors.UserError(
      f'{name} files have 8 bits per channel: write 16 bits as PNG or TIFF.'
    )
  if samples.shape[-1] == 1:
    samples = samples[..., 0]
  elif samples.shape[-1] == 2:
    samples = samples[..., [0, 0, 0, 1]]  # WebP has no grey with alpha.
  buffer = io.BytesIO()
  Image.fromarray(samples).save(
    buffer, name, quality=_LOSSY_QUALITY, icc_profile=icc_profile, **options
  )
  return buffer.getvalue()


_ENCODERS: dict[str, Callable[[np.ndarray, bytes | None], bytes]] = {
  '.png': _png,
  '.tif': _tiff,
  '.tiff': _tiff,
  '.jpg': _jpeg,
  '.jpeg': _jpeg,
  '.webp': _webp,
}
