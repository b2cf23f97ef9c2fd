"""Pictures of channels, fields and walks, `[H, W, 3]` uint8."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from autoencoder.evaluation import pictures
from autoencoder.inspection import features

_GAP = 8
_LINE = 1

# Side of one crop.
TILE = 48


def to_rgb(values: np.ndarray) -> np.ndarray:
  """Returns `[..., C]` as colours: the first three channels, or the first.

  What comes after the colours (a mask, a noise level) is not shown.
  """
  if values.shape[-1] >= 3:
    return values[..., :3]
  return np.repeat(values[..., :1], 3, axis=-1)


def crop_tile(crop: np.ndarray, side: int = TILE) -> np.ndarray:
  """Returns what the network saw, clipped, at `side` pixels."""
  return _resize(_to_bytes(to_rgb(crop)), side)


def projection_tile(projection: np.ndarray, side: int = TILE) -> np.ndarray:
  """Returns a projection around grey, all but its largest values in range.

  A few pixels hit by every kernel would leave the others grey.
  """
  values = _shrink(to_rgb(projection), side)
  peak = np.percentile(np.abs(values), 99.5)
  return _resize(_to_bytes(0.5 + values / (2 * peak or 1.0)), side)


def channel_sheet(channel: features.Channel, columns: int = 3) -> np.ndarray:
  """Returns pattern, crops and their projections, side by side.

  The pattern is as high as the grids; in both grids the same place is the same
  activation, the strongest first.
  """
  side = columns * (TILE + _LINE) - _LINE
  blocks = [projection_tile(channel.pattern.projection, side)]
  for draw, name in ((crop_tile, 'crop'), (projection_tile, 'projection')):
    grid = np.full((side, side, 3), 255, np.uint8)
    for place, feature in enumerate(channel.strongest[: columns**2]):
      top, left = (at * (TILE + _LINE) for at in divmod(place, columns))
      tile = draw(getattr(feature, name))
      grid[top : top + TILE, left : left + TILE] = tile
    blocks.append(grid)
  gap = np.full((side, _GAP, 3), 255, np.uint8)
  return np.concatenate([blocks[0], gap, blocks[1], gap, blocks[2]], axis=1)


def energy_tile(
  energy: np.ndarray, effective: int, side: int = 96
) -> np.ndarray:
  """Returns a gradient's size in colour, black is none, and a square on it.

  Args:
    energy: `[H, W]`, squared.
    effective: side of the square in the middle, in pixels of the map.
    side: of the picture.
  """
  size = np.sqrt(energy / (energy.max() or 1.0))
  level = np.rint(255 * size).astype(np.uint8)
  tile = _resize(pictures.color_scale()[level], side)
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
  tiles = [_resize(_to_bytes(image), side) for image in images]
  space = np.full((side, gap, 3), 255, np.uint8)
  parts = [part for tile in tiles for part in (tile, space)][:-1]
  return np.concatenate(parts, axis=1)


def difference(first: np.ndarray, last: np.ndarray, amplify: int) -> np.ndarray:
  """Returns `last - first` around grey, `amplify` times as large."""
  return 0.5 + amplify * (last - first) / 2


def amplification(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> int:
  """Returns the power of two up to 64 that shows the differences of pairs."""
  high = max((np.percentile(np.abs(b - a), 99) for a, b in pairs), default=1.0)
  return int(2 ** np.clip(np.floor(-np.log2(max(high, 1e-3))), 0, 6))


def _to_bytes(image: np.ndarray) -> np.ndarray:
  return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def _shrink(values: np.ndarray, side: int) -> np.ndarray:
  """Returns `[H, W, 3]` floats, averaged down to `side` where larger."""
  height, width = values.shape[:2]
  if max(height, width) <= side:
    return values
  size = [max(1, round(n * side / max(height, width))) for n in (width, height)]
  planes = [
    Image.fromarray(np.ascontiguousarray(plane, np.float32)).resize(
      size, Image.Resampling.BOX
    )
    for plane in np.moveaxis(values, -1, 0)
  ]
  return np.stack([np.asarray(plane) for plane in planes], axis=-1)


def _resize(pixels: np.ndarray, side: int) -> np.ndarray:
  """Returns uint8 pixels as a square; enlarged ones stay square pixels."""
  large = max(pixels.shape[:2]) > side
  how = Image.Resampling.LANCZOS if large else Image.Resampling.NEAREST
  return np.array(Image.fromarray(pixels).resize((side, side), how))
