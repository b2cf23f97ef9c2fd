"""Pictures as arrays of pixels: to 8 bits, larger, side by side, encoded.

The report and the inside page draw with these functions. "Pixels" are
`[H, W, 3]` uint8 arrays.
"""

import base64
from collections.abc import Sequence
import io
from typing import Any

import numpy as np
from PIL import Image

# WebP options. For lossless files "quality" is the effort, out of 100: more
# takes longer and hardly saves space.
LOSSLESS = {'lossless': True, 'quality': 30}
LOSSY = {'quality': 80}


def to_bytes(image: np.ndarray) -> np.ndarray:
  """Clips floats to [0, 1] and rounds them to uint8."""
  return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def to_rgb(values: np.ndarray) -> np.ndarray:
  """Returns `[..., C]` as three channels: the first three, or the first thrice.

  Channels after the colours, such as a mask or a noise level, are dropped.
  """
  if values.shape[-1] >= 3:
    return values[..., :3]
  return np.repeat(values[..., :1], 3, axis=-1)


def signed(values: np.ndarray, white: float | None = None) -> np.ndarray:
  """Draws values of either sign in grey: 0 is mid-grey.

  Args:
    values: `[H, W, 1]`.
    white: the value drawn white; `-white` is black. Default: the largest
      magnitude.

  Returns:
    `[H, W, 3]` uint8.
  """
  values = np.asarray(values)
  white = np.abs(values).max() if white is None else white
  return to_rgb(to_bytes(0.5 + 0.5 * values / max(white, 1e-12)))


def middle(shape: Sequence[int], side: int) -> tuple[slice, slice]:
  """Returns rows and columns of the central square of at most `side` pixels.

  Example:

    >>> middle((6, 3), 4)
    (slice(1, 5, None), slice(0, 4, None))
  """
  top, left = (max(0, size - side) // 2 for size in shape[:2])
  return np.s_[top : top + side, left : left + side]


def enlarge(pixels: np.ndarray, factor: int) -> np.ndarray:
  """Returns the picture with each pixel drawn as `factor` x `factor` pixels."""
  return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def enlargement(size: int, side: int) -> int:
  """Returns the largest whole factor, at least 1, with `factor * size <= side`.

  Example:

    >>> enlargement(32, 100)
    3
  """
  return max(1, side // size)


def amplification(error: float) -> int:
  """Returns the power of two from 1 to 64 that brings `error` closest below 1.

  Example:

    >>> amplification(0.1)
    8
  """
  return int(2 ** np.clip(np.floor(-np.log2(max(error, 1e-3))), 0, 6))


def color_scale() -> np.ndarray:
  """Returns the 256 colours of error maps, `[256, 3]` uint8; black is no error.

  They are matplotlib's "inferno".
  """
  import matplotlib

  colors = matplotlib.colormaps['inferno'](np.arange(256))[:, :3]
  return np.rint(colors * 255).astype(np.uint8)


def mosaic(
  tiles: Sequence[np.ndarray], columns: int, *, gap: int, border: int = 0
) -> np.ndarray:
  """Arranges tiles of one size in rows, on white.

  Args:
    tiles: at least one picture; the last row may be incomplete.
    columns: tiles in a row.
    gap: pixels between neighbouring tiles.
    border: pixels around all of them.

  Returns:
    `[H, W, 3]` uint8.
  """
  height, width = tiles[0].shape[:2]
  rows = -(-len(tiles) // columns)
  sheet = np.full(
    (
      rows * (height + gap) - gap + 2 * border,
      columns * (width + gap) - gap + 2 * border,
      3,
    ),
    255,
    np.uint8,
  )
  for index, tile in enumerate(tiles):
    row, column = divmod(index, columns)
    top, left = border + row * (height + gap), border + column * (width + gap)
    sheet[top : top + height, left : left + width] = tile
  return sheet


def encode(pixels: np.ndarray, form: str, **options: Any) -> bytes:
  """Returns the picture as a file.

  Args:
    pixels: `[H, W, 3]` uint8.
    form: 'PNG' or 'WEBP'.
    **options: for Pillow, such as `**LOSSLESS`: WebP is lossy by default.
  """
  buffer = io.BytesIO()
  Image.fromarray(pixels).save(buffer, form, **options)
  return buffer.getvalue()


def data_uri(pixels: np.ndarray, **options: Any) -> str:
  """Returns the picture as a WebP `data:` address, to embed in a page.

  Args:
    pixels: `[H, W, 3]` uint8.
    **options: `**LOSSLESS` or `**LOSSY`.
  """
  data = base64.b64encode(encode(pixels, 'WEBP', **options)).decode()
  return f'data:image/webp;base64,{data}'
