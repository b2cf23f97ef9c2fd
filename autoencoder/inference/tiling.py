"""Large images through a network in overlapping windows, without a seam.

A window shows the network a part of the image, and near an artificial cut the
answer differs from the one for the whole image. Each output pixel is therefore
taken from a window in which every cut is at least the network's receptive
radius away. What remains is the true border of the image, which the windows
at the edge keep, so the result equals the whole-image one everywhere.

Two conditions make that exact for a network with a total stride: windows
begin at multiples of the stride, so that its grid falls on the same pixels;
and a window that ends where the image ends leaves the same remainder when
divided by the stride, so that the network pads both alike (at the bottom and
right). All windows of one image have one shape, hence one compilation.
"""

from collections.abc import Callable
from collections.abc import Iterator
import functools
import sys
from typing import NamedTuple

from flax import nnx
import numpy as np

from autoencoder import models

Region = tuple[slice, slice]


class Tile(NamedTuple):
  """One window and the part of the image it decides, in input pixels.

  Attributes:
    window: rows and columns of the image shown to the network.
    output: rows and columns of the image this window's answer is kept for.
    inner: the same part, counted from the window's corner.
  """

  window: Region
  output: Region
  inner: Region


class Block(NamedTuple):
  """A finished part of the output image.

  Attributes:
    rows: its rows in the output image.
    columns: its columns in the output image.
    values: `[rows, columns, C_out]`, the answer there.
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

  NOTE: `tile` grows to four halos where the receptive field is large, because
  nearly all of a smaller window would be overlap.

  Args:
    height: rows of the image, at least 1.
    width: columns of the image, at least 1.
    tile: longest side of a window, pixels.
    stride: the network's total stride, pixels.
    radius: how many rows or columns away an input can change an output.
    border: rows and columns by which the image is mirrored at each border
      before the network sees it. Windows then reach so far outside the image;
      no output does.

  Returns:
    Tiles in row-major order: a single one where both sides fit.

  Raises:
    ValueError: for an image without pixels or a tile below 1.

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
  model: nnx.Module, tile: int, *, margin: int = 0
) -> Callable[[int, int], list[Tile]]:
  """Returns `plan(height, width) -> tiles` for images of a model.

  A model that is not `models.Tileable` gets every image in a single tile. The
  first image larger than `tile` prints a line that says so, on stderr.

  Args:
    model: a `models.Model`.
    tile: longest side of a window, pixels.
    margin: added to the model's receptive radius: the reach of what comes
      before it, pixels.
  """
  if models.can(model, models.Tileable):
    return functools.partial(
      plan_tiles,
      tile=tile,
      stride=model.stride,
      radius=model.receptive_radius + margin,
      border=border_margin(model),
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


def border_margin(model: nnx.Module) -> int:
  """Returns by how many pixels images are mirrored at their border.

  Models that restore pictures ask for it in `border_margin`; others need none.
  Their convolutions pad with zeros, which stand for mid grey: without a margin
  a flat white picture comes back grey along its border.
  """
  tileable = models.can(model, models.Tileable)
  return getattr(model, 'border_margin', 0) if tileable else 0


def map_tiles(
  function: Callable[[np.ndarray], np.ndarray],
  image: np.ndarray,
  tiles: list[Tile],
) -> Iterator[Block]:
  """Yields the answers of `function`, window by window, as they are ready.

  Args:
    function: `[h, w, C] -> [s * h, s * w, C_out]`, with an integer s >= 1.
    image: `[H, W, C]`.
    tiles: from `plan_tiles(H, W)`.

  Yields:
    Blocks that together cover `[s * H, s * W, C_out]` exactly once.

  Raises:
    ValueError: when an answer is not a multiple of its window's size.
  """
  for window, output, inner in tiles:
    pixels = _cut(image, window)
    values = np.asarray(function(pixels))
    scale = values.shape[0] // pixels.shape[0]
    if values.shape[:2] != (scale * pixels.shape[0], scale * pixels.shape[1]):
      raise ValueError(
        'A window can only be tiled when both sides of the output are the same '
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
  """Returns `function` of the whole image, computed window by window.

  Args:
    function: as for `map_tiles`.
    image: `[H, W, C]`.
    tiles: from `plan_tiles(H, W)`.
    on_tile: called with the numbers of finished and of all tiles.

  Returns:
    `[s * H, s * W, C_out]`, of the type `function` returns.
  """
  result = None
  for done, block in enumerate(map_tiles(function, image, tiles), 1):
    if result is None:
      size = [side * block.scale for side in image.shape[:2]]
      result = np.empty((*size, block.values.shape[-1]), block.values.dtype)
    result[block.rows, block.columns] = block.values
    if on_tile is not None:
      on_tile(done, len(tiles))
  return result


def _plan_axis(
  size: int, tile: int, stride: int, halo: int
) -> list[tuple[slice, slice, slice]]:
  """Returns (window, output, inner) along one axis; `halo` is in strides."""
  if size <= tile:
    return [(slice(0, size),) * 3]
  # In whole strides; every window has the image's remainder on top.
  total, remainder = divmod(size, stride)
  longest = (tile - remainder) // stride
  count = 1 + _ceil_divide(total - longest, longest - 2 * halo)
  # The shortest window of which no more are needed: the least overlap.
  length = _ceil_divide(total + 2 * halo * (count - 1), count)
  window = length * stride + remainder
  starts = [(total - length) * i // (count - 1) * stride for i in range(count)]
  # The middle of each overlap is at least one halo away from both cuts.
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
  """Counts from the image's first pixel, and leaves the border's output out.

  Args:
    window: of the image with its mirrored borders, as all three.
    output: what the window decides.
    inner: the same, counted from the window's first pixel.
    size: pixels of the image, without them.
    border: pixels on either side.
  """
  low = max(output.start, border)
  high = min(output.stop, border + size)
  return (
    slice(window.start - border, window.stop - border),
    slice(low - border, high - border),
    slice(inner.start + low - output.start, inner.stop + high - output.stop),
  )


def _cut(image: np.ndarray, window: Region) -> np.ndarray:
  """Returns the pixels of a window, mirrored where it leaves the image."""
  pixels = image
  for axis, side in enumerate(window):
    size = image.shape[axis]
    if side.start >= 0 and side.stop <= size:
      pixels = pixels[(slice(None),) * axis + (side,)]
      continue
    # The border pixel is repeated once: ... 1 0 | 0 1 2 ...
    places = np.arange(side.start, side.stop) % (2 * size)
    places = np.minimum(places, 2 * size - 1 - places)
    pixels = pixels.take(places, axis)
  return pixels


def _ceil_divide(numerator: int, denominator: int) -> int:
  """Returns the quotient, rounded up."""
  return -(-numerator // denominator)


def _scaled(side: slice, scale: int) -> slice:
  """Returns the output pixels that belong to a range of input pixels."""
  return slice(side.start * scale, side.stop * scale)
