"""Reads what image files say about their pixels: orientation and pages.

A wrong or damaged statement counts as missing, because the pixels are sound.
"""

from collections.abc import Iterator
import re
import struct
from typing import Any
import zlib

import numpy as np
from PIL import Image
import tifffile

ORIENTATION = 274
_XMP_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)\s*([1-8])')
_XMP_KEYWORD = b'XML:com.adobe.xmp'
_PNG_SIGNATURE = 8  # Length in bytes.


def orientation(image: Image.Image) -> int | None:
  """Returns the orientation by EXIF or XMP, 1 to 8; None if there is none."""
  try:
    # Pillow reads XMP, too, if EXIF does not tell.
    return _valid(image.getexif().get(ORIENTATION))
  except Exception:  # Pillow raises any type for damaged EXIF.
    return None


def orientation_of(exif: bytes | None, xmp: bytes | None) -> int | None:
  """Returns the orientation by the content of EXIF, or else of XMP."""
  found = None
  if exif is not None:
    try:
      parsed = Image.Exif()
      parsed.load(exif)
      found = _valid(parsed.get(ORIENTATION))
    except Exception:  # Pillow raises any type for damaged EXIF.
      found = None
  if found is None and xmp is not None:
    match = _XMP_ORIENTATION.search(xmp)
    found = int(match[1]) if match else None
  return found


def tiff_orientation(page: tifffile.TiffPage) -> int | None:
  """Returns the orientation of a page by its tags, or else by its XMP."""
  xmp = page.tags.valueof(700)
  if not isinstance(xmp, bytes):
    xmp = None
  found = _valid(page.tags.valueof(ORIENTATION))
  return orientation_of(None, xmp) if found is None else found


def read_png_exif(data: bytes) -> tuple[bytes | None, bytes | None]:
  """Returns EXIF and XMP of a PNG file, also from behind the pixels."""
  exif = xmp = None
  for kind, content in _png_chunks(data):
    if kind == b'eXIf':
      exif = content
    elif kind == b'iTXt' and content.startswith(_XMP_KEYWORD + b'\0'):
      flags = len(_XMP_KEYWORD) + 1
      # A language and a translated keyword, both ended by 0, precede the text.
      text = content[flags + 2 :].split(b'\0', 2)[-1]
      if content[flags : flags + 1] == b'\1':
        try:
          text = zlib.decompressobj().decompress(text, 2**20)
        except zlib.error:
          continue
      xmp = text
  return exif, xmp


def count_pages(image: Image.Image) -> int:
  """Returns the number of pictures in a file, without camera previews."""
  if image.format == 'MPO':
    try:
      entries = image.mpinfo[0xB002]  # type: ignore[attr-defined] # Of MPO.
      types = [str(entry['Attribute']['MPType']) for entry in entries[1:]]
    except Exception:  # A damaged index of the pictures.
      return 1
    return 1 + sum('Multi-Frame' in each for each in types)
  return getattr(image, 'n_frames', 1)


def turn(samples: np.ndarray, value: int | None) -> np.ndarray:
  """Applies the EXIF orientation 1 to 8 (EXIF 2.32, tag 0x0112)."""
  if value in (5, 6, 7, 8):
    samples = samples.swapaxes(0, 1)
  if value in (3, 4, 7, 8):
    samples = samples[::-1]
  if value in (2, 3, 6, 7):
    samples = samples[:, ::-1]
  return samples


def upright(image: Image.Image) -> Image.Image:
  """Returns a Pillow image turned by its orientation, of the same mode."""
  image.load()
  methods = Image.Transpose
  method = {
    2: methods.FLIP_LEFT_RIGHT,
    3: methods.ROTATE_180,
    4: methods.FLIP_TOP_BOTTOM,
    5: methods.TRANSPOSE,
    6: methods.ROTATE_270,
    7: methods.TRANSVERSE,
    8: methods.ROTATE_90,
  }.get(orientation(image) or 1)
  return image if method is None else image.transpose(method)


def _valid(value: Any) -> int | None:
  return value if value in range(1, 9) else None


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
  """Yields the type and the content of each chunk except the pixels."""
  start = _PNG_SIGNATURE
  while start + 8 <= len(data):
    (size,) = struct.unpack_from('>I', data, start)
    kind = data[start + 4 : start + 8]
    if kind != b'IDAT':
      yield kind, data[start + 8 : start + 8 + size]
    start += size + 12
