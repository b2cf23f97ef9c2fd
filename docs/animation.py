"""Draws `transposed_convolution.gif`: the 2x2 example as an animation.

Run `python docs/animation.py`.
"""

from collections.abc import Iterator
import io
import pathlib

import figures
from figures import Grid
from matplotlib import colors
from matplotlib import patches
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

PATH = pathlib.Path(__file__).with_name('transposed_convolution.gif')
_DPI = 112


def draw_frames(
  inputs: np.ndarray, kernel: np.ndarray
) -> Iterator[tuple[Image.Image, int]]:
  """Draws the steps multiply, place and add for each input element.

  Args:
    inputs: matrix to enlarge with stride 1.
    kernel: matrix that is added once per element of `inputs`.

  Yields:
    A picture and its duration in milliseconds.
  """
  kh, kw = kernel.shape
  values = np.full(np.add(inputs.shape, kernel.shape) - 1, '', object)
  yield (
    _frame(inputs, kernel, values, 'Each input element adds one copy.'),
    1600,
  )
  for i, j in np.ndindex(*inputs.shape):
    place = i, j
    product = inputs[place] * kernel
    common = dict(place=place, product=product)
    patch = np.s_[i : i + kh, j : j + kw]

    caption = f'Multiply: {inputs[place]} × kernel'
    yield _frame(inputs, kernel, values, caption, **common), 1300

    caption = f'Place: row {i}, column {j}'
    for moved in (0.08, 0.3, 0.6, 0.85, 1.0):
      picture = _frame(inputs, kernel, values, caption, moved=moved, **common)
      yield picture, 60 if moved < 1 else 700

    old = values.copy()
    values[patch] = [
      [new if before == '' else before + new for before, new in zip(*lines)]
      for lines in zip(old[patch], product)
    ]
    caption = 'Nothing there yet: keep it'
    if (old[patch] != '').any():
      caption = 'Add the overlaps'
      sums = values.copy()
      for at in zip(*np.nonzero(old != '')):
        if i <= at[0] < i + kh and j <= at[1] < j + kw:
          sums[at] = f'{old[at]}+{values[at] - old[at]}'
      yield _frame(inputs, kernel, sums, caption, patch=patch, **common), 1400
    yield _frame(inputs, kernel, values, caption, place=place), 900
  yield _frame(inputs, kernel, values, 'Done: 2×2 has become 3×3.'), 3500


def _frame(
  inputs: np.ndarray,
  kernel: np.ndarray,
  values: np.ndarray,
  caption: str,
  *,
  place: tuple[int, int] | None = None,
  product: np.ndarray | None = None,
  moved: float | None = None,
  patch: tuple[slice, slice] | None = None,
) -> Image.Image:
  """Draws one frame.

  Args:
    inputs: matrix on the left.
    kernel: matrix next to it.
    values: output so far; `''` in cells without a contribution.
    caption: text below.
    place: the current element of `inputs`.
    product: that element times the kernel.
    moved: fraction of its way to the output that the product has moved; `None`
      before it moves.
    patch: part of the output to which the product is being added.

  Returns:
    The picture.
  """
  (h, w), (kh, kw), (oh, ow) = inputs.shape, kernel.shape, values.shape
  kernel_x, product_x = w + 1.6, w + kw + 2.7
  out_x = product_x + kw + 1.2
  cell = figures.WIDTH / (out_x + ow + 0.5)
  figure, axes = figures.new_canvas((oh + 2.3) * cell, cell)
  middle = 1 + oh / 2

  def put(grid, x, y=None):
    y = middle - grid.size[1] / 2 if y is None else y
    figures.draw_grid(axes, grid, x, y, cell)

  roles, frames = np.full((h, w), 'input', object), []
  if place is not None:
    roles[:] = 'faint'
    roles[place] = 'input'
    frames = [(*place, 1, 1, 'input')]
  put(Grid(inputs, roles, 'Input', frames=frames), 0.5)
  put(Grid(kernel, 'kernel', 'Kernel'), kernel_x)
  symbols = [('×', kernel_x)]
  roles = np.where(values != '', 'output', 'faint').astype(object)
  if patch is not None:
    roles[patch] = 'product'
  put(Grid(values, roles, 'Output'), out_x)
  if product is not None:
    symbols.append(('=', product_x))
    is_here = moved is None and patch is None
    put(Grid(product, 'product' if is_here else 'faint'), product_x)
  if moved is not None:
    x = product_x + (out_x + place[1] - product_x) * moved
    y = middle - kh / 2 + (1 + place[0] - middle + kh / 2) * moved
    order = 2 + 0.01 * len(axes.patches)  # Above everything drawn so far.
    axes.add_patch(patches.Rectangle((x, y), kw, kh, fc='white', zorder=order))
    put(Grid(product, 'product', frames=[(0, 0, kh, kw, 'product')]), x, y)
  for symbol, x in symbols:
    figures.write(axes, x - 0.55, middle, symbol, 0.45 * cell, figures.QUIET)
  center = figures.WIDTH / cell / 2
  figures.write(axes, center, oh + 1.65, caption, 0.3 * cell, figures.TEXT)
  buffer = io.BytesIO()
  figure.savefig(buffer, dpi=_DPI, format='png')
  plt.close(figure)
  return Image.open(buffer).convert('RGB')


def _palette() -> Image.Image:
  """Returns a palette for all frames: the colours and their blends at edges."""
  pairs = [('white', figures.TEXT), ('white', figures.QUIET)]
  for role in ('input', 'kernel', 'product', 'output', 'faint'):
    fill, ink = figures.COLORS[role]
    pairs += [(fill, ink), (fill, figures.STRONG[role])]
  table = [
    np.rint(255 * (np.multiply(1 - t, a) + np.multiply(t, b)))
    for a, b in ([colors.to_rgb(c) for c in pair] for pair in pairs)
    for t in np.linspace(0, 1, 9)
  ]
  palette = Image.new('P', (1, 1))
  palette.putpalette(np.uint8(table).ravel().tolist())
  return palette


def save(path: pathlib.Path = PATH) -> None:
  """Writes the animation of the example worked by hand."""
  matrix = np.array([[0, 1], [2, 3]])
  pictures, durations = zip(*draw_frames(matrix, matrix))
  palette = _palette()
  frames = [
    picture.quantize(palette=palette, dither=Image.Dither.NONE)
    for picture in pictures
  ]
  frames[0].save(
    path, save_all=True, append_images=frames[1:], duration=durations, loop=0
  )


if __name__ == '__main__':
  save()
