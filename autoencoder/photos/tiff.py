"""Decodes TIFF files of any depth, with their opacity and orientation."""

import math
from typing import Any
from typing import BinaryIO

import numpy as np
import tifffile

from autoencoder.photos import headers
from autoencoder.photos import samples as samples_lib

# Values of the tag ExtraSamples (TIFF 6.0). 0 is a band without a meaning,
# such as infrared.
_ASSOCIATED_ALPHA, _UNASSOCIATED_ALPHA = 1, 2
# Number of colour channels of the TIFF kinds that need no colour conversion.
_TIFF_COLORS: dict[int, int] = {
  tifffile.PHOTOMETRIC.MINISBLACK: 1,
  tifffile.PHOTOMETRIC.MINISWHITE: 1,
  tifffile.PHOTOMETRIC.RGB: 3,
}


def decode(file: BinaryIO) -> dict[str, Any] | None:
  """Decodes the first page of a grey or RGB TIFF of any depth.

  Args:
    file: opened at any position.

  Returns:
    The fields that `decoding` turns into those of a photo; None for kinds that
    Pillow reads: single bits, palettes, CMYK and so on.

  Raises:
    ImageError: the file is truncated, too large or of an unsupported kind.
  """
  with tifffile.TiffFile(file) as tiff:
    page, pages = tiff.pages.first, len(tiff.pages)
    samples_lib.check_size(page.imagewidth, page.imagelength)
    file.seek(0, 2)
    ends = map(sum, zip(page.dataoffsets, page.databytecounts))
    # tifffile would decode missing parts of the image as black.
    missing = len(page.dataoffsets) < math.prod(page.chunked)
    if missing or max(ends) > file.tell():
      raise samples_lib.ImageError('the file is truncated.')
    color = _TIFF_COLORS.get(page.photometric)
    if page.bitspersample < 8 or (color is None and page.bitspersample == 8):
      return None
    samples = page.samplesperpixel
    bands = samples - (color or 0)
    if color is None or bands < 0 or page.imagedepth != 1 or color < bands:
      kind = getattr(page.photometric, 'name', page.photometric)
      raise samples_lib.ImageError(
        f'a {page.bitspersample}-bit {kind} TIFF with {samples} samples per '
        'pixel is not supported: save it as grey or RGB, with or without alpha.'
      )
    values = page.asarray()
    if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and samples > 1:
      values = np.moveaxis(values, 0, -1)
    values = values.reshape(*values.shape[:2], samples)
    values = samples_lib.to_integers(values, page.bitspersample)
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
