"""Pictures of channels, receptive fields and walks, as `[H, W, 3]` uint8."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from autoencoder.evaluation import pixels
from autoencoder.inspection import features

_GAP = 8
_LINE = 1

# Side of one crop.
TILE = 48


def crop_tile(crop: np.ndarray, side: int = TILE) -> np.ndarray:
  """Returns a crop of the network's input, clipped, at `side` pixels."""
  return _resize(pixels.to_bytes(pixels.to_rgb(crop)), side)


def projection_tile(projection: np.ndarray, side: int = TILE) -> np.ndarray:
  """Returns a projection around mid-grey, at `side` pixels.

  The largest values are clipped: at a few pixels many kernels overlap, and
  scaling to these would leave the others grey.
  """
  values = _shrink(pixels.to_rgb(projection), side)
  peak = np.percentile(np.abs(values), 99.5)
  return _resize(pixels.to_bytes(0.5 + values / (2 * peak or 1.0)), side)


def channel_sheet(channel: features.Channel, columns: int = 3) -> np.ndarray:
  """Returns pattern, crops and their projections, side by side.

  The pattern is as high as the two grids. The same place in both grids is the
  same activation, the strongest first.

  Args:
    channel: what to draw.
    columns: columns and rows of each grid.
  """
  side = columns * (TILE + _LINE) - _LINE
  shown = channel.strongest[: columns**2]
  blank = [np.full((TILE, TILE, 3), 255, np.uint8)] * (columns**2 - len(shown))
  crops = [crop_tile(feature.crop) for feature in shown]
  projections = [projection_tile(feature.projection) for feature in shown]
  blocks = [
    projection_tile(channel.pattern.projection, side),
    pixels.mosaic(crops + blank, columns, gap=_LINE),
    pixels.mosaic(projections + blank, columns, gap=_LINE),
  ]
  return pixels.mosaic(blocks, len(blocks), gap=_GAP)


def energy_tile(
  energy: np.ndarray, effective: int, side: int = 96
) -> np.ndarray:
  """Returns the magnitude of a gradient in colour, with a white square on it.

  Args:
    energy: `[H, W]`, the squared gradient; 0 is drawn black.
    effective: side of the square in the middle, in pixels of `energy`.
    side: of the picture.
  """
  size = np.sqrt(energy / (energy.max() or 1.0))
  level = np.rint(255 * size).astype(np.uint8)
  tile = _resize(pixels.color_scale()[level], side)
  half = effective / energy.shape[0] * side / 2
  low, high = (
    int(np.clip(round(side / 2 + sign * half), 0, side - 1)) for sign in (-1, 1)
  )
  tile[low : high + 1, [low, high]] = tile[[low, high], low : high + 1] = 255
  return tile


def strip(
  images: Sequence[np.ndarray], gap: int = 6, side: int = 128
) -> np.ndarray:
  """Returns pictures in [0, 1] in a row, each `side` pixels high."""
  tiles = [_resize(pixels.to_bytes(image), side) for image in images]
  return pixels.mosaic(tiles, len(tiles), gap=gap)


def difference(first: np.ndarray, last: np.ndarray, amplify: int) -> np.ndarray:
  """Returns `last - first` around mid-grey, amplified."""
  return 0.5 + amplify * (last - first) / 2


def amplification(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> int:
  """Returns the factor that makes the differences of pairs visible."""
  high = max((np.percentile(np.abs(b - a), 99) for a, b in pairs), default=1.0)
  return pixels.amplification(float(high))


def _shrink(values: np.ndarray, side: int) -> np.ndarray:
  """Returns `[H, W, 3]` floats, averaged down to `side` if larger."""
  height, width = values.shape[:2]
  if max(height, width) <= side:
    return values
  size = tuple(
    max(1, round(n * side / max(height, width))) for n in (width, height)
  )
  planes = [
    Image.fromarray(np.ascontiguousarray(plane, np.float32)).resize(
      size, Image.Resampling.BOX
    )
    for plane in np.moveaxis(values, -1, 0)
  ]
  return np.stack([np.asarray(plane) for plane in planes], axis=-1)


def _resize(picture: np.ndarray, side: int) -> np.ndarray:
  """Returns a picture as a square; enlarging repeats pixels."""
  large = max(picture.shape[:2]) > side
  how = Image.Resampling.LANCZOS if large else Image.Resampling.NEAREST
  return np.array(Image.fromarray(picture).resize((side, side), how))
