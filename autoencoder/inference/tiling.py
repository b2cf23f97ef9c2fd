"""Large images through a network in overlapping tiles, without a seam.

A tile shows the network a window of the image. Near an artificial cut, the
output of the window differs from that of the whole image. Each output pixel is
therefore taken from a window whose cuts are all at least the receptive radius
away. The windows at the edge of the image keep its true border, so the result
equals that of the whole image everywhere.

For a network with a total stride, this is exact under two conditions. Windows
begin at multiples of the stride, so that the strided grid falls on the same
pixels. And the height (width) of a window that reaches the image's end equals
that of the image modulo the stride, so that the network pads both by the same
amount. All windows of an image have one shape, hence one compiled program.
"""

from collections.abc import Callable
from collections.abc import Iterator
import functools
import sys
from typing import Any
from typing import NamedTuple

import numpy as np

from autoencoder import models
from autoencoder.inference import mirror
from autoencoder.models import protocol

Region = tuple[slice, slice]


class Tile(NamedTuple):
  """A window and the part of the output that it decides, in input pixels.

  Attributes:
    window: rows and columns of the image that the network sees.
    output: rows and columns of the image whose output is taken from here.
    inner: the same part as `output`, counted from the corner of the window.
  """

  window: Region
  output: Region
  inner: Region


class Block(NamedTuple):
  """A finished part of the output image.

  Attributes:
    rows: its rows in the output image.
    columns: its columns in the output image.
    values: `[rows, columns, C_out]`, the output there.
    scale: output pixels per input pixel, along each axis.
  """

  rows: slice
  columns: slice
  values: np.ndarray
  scale: int


def plan_tiles(
  height: int,
  width: int,
  *,
  tile: int,
  stride: int,
  radius: int,
  border: int = 0,
) -> list[Tile]:
  """Returns windows of one shape whose outputs cover the image exactly once.

  NOTE: With a large receptive radius `tile` is raised to four times the radius,
  because nearly all of a smaller window would be overlap.

  Args:
    height: rows of the image, at least 1.
    width: columns of the image, at least 1.
    tile: longest side of a window, in pixels.
    stride: the total stride of the network, in pixels.
    radius: the largest distance, in rows or columns, at which an input pixel
      influences an output pixel.
    border: rows and columns by which the image is mirrored at each border
      before the network sees it. Windows reach that far outside the image;
      outputs do not.

  Returns:
    Tiles in row-major order; a single one if both sides are at most `tile`.

  Raises:
    ValueError: the image has no pixels, or `tile` is below 1.

  Example:

    >>> len(plan_tiles(4000, 6000, tile=1024, stride=8, radius=60))
    35
  """
  if height < 1 or width < 1:
    raise ValueError(f'The image has no pixels: {height} x {width}.')
  if tile < 1:
    raise ValueError(f'tile must be at least 1 pixel; got {tile}.')
  halo = _ceil_divide(radius, stride)
  tile = max(tile, 4 * halo * stride, 2 * stride) + 2 * border
  rows, columns = (
    [
      _without_border(*part, size, border)
      for part in _plan_axis(size + 2 * border, tile, stride, halo)
    ]
    for size in (height, width)
  )
  return [Tile(*zip(row, column)) for row in rows for column in columns]


def make_plan(
  model: Any, tile: int, *, margin: int = 0
) -> Callable[[int, int], list[Tile]]:
  """Returns `plan(height, width) -> tiles` for the images of a model.

  A model that is not `models.Tileable` gets every image in one tile. The first
  image larger than `tile` then prints a note on stderr.

  Args:
    model: a `models.Model`.
    tile: longest side of a window, in pixels.
    margin: pixels to add to the receptive radius of the model, for operations
      that come before it.
  """
  if models.can(model, models.Tileable):
    return functools.partial(
      plan_tiles,
      tile=tile,
      stride=model.stride,
      radius=model.receptive_radius + margin,
      border=protocol.border_margin(model),
    )
  missing = ' and '.join(models.lacks(model, models.Tileable))
  told = False

  def plan(height: int, width: int) -> list[Tile]:
    nonlocal told
    side = max(height, width)
    if side > tile and not told:
      told = True
      print(
        f'NOTE: {type(model).__name__} lacks {missing}: images larger than '
        f'{tile} pixels are computed in one piece, which takes more memory.',
        file=sys.stderr,
      )
    return plan_tiles(height, width, tile=max(side, 1), stride=1, radius=0)

  return plan


def map_tiles(
  function: Callable[[np.ndarray], np.ndarray],
  image: np.ndarray,
  tiles: list[Tile],
) -> Iterator[Block]:
  """Yields the results of `function`, one per tile, as they become ready.

  Args:
    function: maps `[h, w, C]` to `[s * h, s * w, C_out]`, with an integer
      s >= 1.
    image: `[H, W, C]`.
    tiles: from `plan_tiles(H, W)`.

  Yields:
    Blocks that together cover `[s * H, s * W, C_out]` exactly once.

  Raises:
    ValueError: the size of a result is no multiple of its window's size.
  """
  for window, output, inner in tiles:
    pixels = mirror.cut(image, window)
    values = np.asarray(function(pixels))
    scale = values.shape[0] // pixels.shape[0]
    if values.shape[:2] != (scale * pixels.shape[0], scale * pixels.shape[1]):
      raise ValueError(
        'An image can be tiled only if both sides of the output are the same '
        f'multiple of the input; got {values.shape[:2]} for {pixels.shape[:2]}.'
      )
    rows, columns = (_scaled(side, scale) for side in output)
    inner_rows, inner_columns = (_scaled(side, scale) for side in inner)
    yield Block(rows, columns, values[inner_rows, inner_columns], scale)


def assemble(
  function: Callable[[np.ndarray], np.ndarray],
  image: np.ndarray,
  tiles: list[Tile],
  on_tile: Callable[[int, int], None] | None = None,
) -> np.ndarray:
  """Returns `function` of the whole image, computed tile by tile.

  Args:
    function: as in `map_tiles`.
    image: `[H, W, C]`.
    tiles: from `plan_tiles(H, W)`.
    on_tile: called after each tile with the number of finished tiles and the
      number of all tiles.

  Returns:
    `[s * H, s * W, C_out]` of the type that `function` returns.
  """
  result: np.ndarray | None = None
  for done, block in enumerate(map_tiles(function, image, tiles), 1):
    if result is None:
      size = [side * block.scale for side in image.shape[:2]]
      result = np.empty((*size, block.values.shape[-1]), block.values.dtype)
    result[block.rows, block.columns] = block.values
    if on_tile is not None:
      on_tile(done, len(tiles))
  assert result is not None  # There is at least one tile.
  return result


def _plan_axis(
  size: int, tile: int, stride: int, halo: int
) -> list[tuple[slice, slice, slice]]:
  """Returns (window, output, inner) along one axis; `halo` is in strides."""
  if size <= tile:
    return [(slice(0, size),) * 3]
  # Lengths are in whole strides. Each window adds the image's remainder.
  total, remainder = divmod(size, stride)
  longest = (tile - remainder) // stride
  count = 1 + _ceil_divide(total - longest, longest - 2 * halo)
  # The shortest window for this count, so that windows overlap least.
  length = _ceil_divide(total + 2 * halo * (count - 1), count)
  window = length * stride + remainder
  starts = [(total - length) * i // (count - 1) * stride for i in range(count)]
  # The middle of an overlap is at least one halo away from both cuts.
  cuts = [
    (before + window + after) // 2 for before, after in zip(starts, starts[1:])
  ]
  bounds = [0, *cuts, size]
  return [
    (
      slice(start, start + window),
      slice(low, high),
      slice(low - start, high - start),
    )
    for start, low, high in zip(starts, bounds, bounds[1:])
  ]


def _without_border(
  window: slice, output: slice, inner: slice, size: int, border: int
) -> tuple[slice, slice, slice]:
  """Returns a window without the output of the mirrored border.

  Args:
    window: in pixels of the mirrored image, as the next two.
    output: the part that the window decides.
    inner: the same part, counted from the window's first pixel.
    size: pixels of the image without its mirrored border.
    border: mirrored pixels on either side.

  Returns:
    The three slices, counted from the first pixel of the image.
  """
  low = max(output.start, border)
  high = min(output.stop, border + size)
  return (
    slice(window.start - border, window.stop - border),
    slice(low - border, high - border),
    slice(inner.start + low - output.start, inner.stop + high - output.stop),
  )


def _ceil_divide(numerator: int, denominator: int) -> int:
  """Returns the quotient, rounded up."""
  return -(-numerator // denominator)


def _scaled(side: slice, scale: int) -> slice:
  """Returns the output pixels that belong to a range of input pixels."""
  return slice(side.start * scale, side.stop * scale)
