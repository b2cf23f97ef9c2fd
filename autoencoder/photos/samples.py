"""Sizes and sample types that decoders accept."""

import numpy as np

# A header that declares more pixels is damaged or malicious. The limit is
# checked before decoding, which would exhaust the memory.
MAX_PIXELS = 10**9


class ImageError(Exception):
  """The reason why a file cannot be used, without the name of the file."""


def check_size(width: int, height: int) -> None:
  """Raises `ImageError` if the declared size is not usable."""
  if width * height > MAX_PIXELS:
    raise ImageError(
      f'{width} x {height} pixels are declared; at most '
      f'{MAX_PIXELS // 10**6} megapixels are read.'
    )
  if width * height < 1:
    raise ImageError(f'it has no pixels ({width} x {height}).')


def to_integers(values: np.ndarray, bits: int) -> np.ndarray:
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
