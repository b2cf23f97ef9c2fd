"""Pictures of `transposed_convolution.ipynb`: rows of grids of numbers.

The colours have the same meaning throughout: blue is the input, orange the
kernel, violet a copy of the kernel scaled by one input element, green the
output, and grey what does not count. Pictures have a white background of their
own, so that they are legible on light and on dark pages.
"""

from collections.abc import Sequence
import dataclasses

from matplotlib import patches
import matplotlib.pyplot as plt
import numpy as np

# Fill and text colour of a cell.
COLORS = {
  'input': ('#d2e3f8', '#164a86'),
  'kernel': ('#fde0bf', '#86480a'),
  'product': ('#e6dcf5', '#54318c'),
  'output': ('#cdebd4', '#14602f'),
  'faint': ('#f1f3f5', '#818a94'),
  'phase 0': ('#cdebd4', '#14602f'),
  'phase 1': ('#fbe3b6', '#7a5200'),
  'phase 2': ('#cfe5ee', '#14556b'),
  'phase 3': ('#f6d5dc', '#8c2742'),
  'count 1': ('#e9f6ec', '#14602f'),
  'count 2': ('#c6e8cf', '#14602f'),
  'count 3': ('#a3d9b1', '#0f4f26'),
  'count 4': ('#83ca97', '#0b3f1d'),
}
STRONG = {  # Outlines and lines.
  'input': '#164a86',
  'kernel': '#e08a2b',
  'product': '#8d6bc9',
  'output': '#2f9e57',
  'faint': '#a3abb3',
}
TEXT, QUIET = '#2a323b', '#5d6873'
# Inches. All pictures have the same width, so that they have the same scale.
WIDTH = 8.4
_DPI = 160


@dataclasses.dataclass(frozen=True)
class Grid:
  """A matrix drawn as coloured cells.

  Attributes:
    values: numbers or strings, `[h, w]` or `[w]`; `''` leaves a cell blank.
    role: meaning of the cells, a key of `COLORS`, or an array of one per cell.
    title: text above the grid.
    cell: size of a cell relative to those of other grids in the picture.
    frames: `(row, column, height, width, role)` of outlines over the grid.
  """

  values: np.ndarray
  role: str | np.ndarray = 'faint'
  title: str = ''
  cell: float = 1.0
  frames: Sequence[tuple] = ()

  @property
  def size(self) -> tuple[float, float]:
    """Width and height."""
    h, w = np.atleast_2d(self.values).shape
    return w * self.cell, h * self.cell


def draw(*rows: Sequence[Grid | str], cell: float = 0.5) -> None:
  """Shows rows of grids; strings between the grids are symbols.

  Args:
    *rows: grids and symbols, left to right.
    cell: inches of a cell. Smaller if the widest row would not fit.
  """
  cell = min(cell, (WIDTH - 0.2) / max(map(_row_width, rows)))
  heights = [_row_height(row, cell) for row in rows]
  figure, axes = new_canvas(sum(heights) * cell + 0.1, cell)
  left = (WIDTH / cell - max(map(_row_width, rows))) / 2
  y = 0.05 / cell
  for row, height in zip(rows, heights):
    x = left
    tallest = max(item.size[1] for item in row if isinstance(item, Grid))
    center = y + height - tallest / 2 - 0.15
    for item in row:
      if isinstance(item, Grid):
        draw_grid(axes, item, x, center - item.size[1] / 2, cell)
        x += item.size[0]
      else:
        width = _symbol_width(item)
        write(axes, x + width / 2, center, item, 0.42 * cell, QUIET)
        x += width
    y += height
  plt.show()


def draw_sizes(sizes: Sequence[tuple[str, int, str]]) -> None:
  """Shows square images, `(title, size, role)`, with arrows between them."""
  row = []
  for title, n, role in sizes:
    blank = np.full((n, n), '', dtype=object)
    row += [Grid(blank, role, title, cell=0.5), '→']
  draw(row[:-1], cell=0.6)


def draw_bars(panels: Sequence[tuple[str, Sequence[int]]]) -> None:
  """Shows one bar chart per `(title, counts)`."""
  figure, axes = _panels(len(panels), 1.9)
  for ax, (title, values) in zip(axes, panels):
    for i, value in enumerate(values):
      fill, ink = COLORS[f'count {value}']
      ax.bar(i, value, 0.88, color=fill)
      ax.text(i, value / 2, value, ha='center', va='center', size=11, color=ink)
    ax.set_ylim(0, max(max(v) for _, v in panels) * 1.02)
    ax.axis('off')
    ax.set_title(title, size=10, color=TEXT)
  plt.show()


def draw_images(panels: Sequence[tuple[str, np.ndarray]]) -> None:
  """Shows one grey image per `(title, values)`, each from black to white."""
  figure, axes = _panels(len(panels), WIDTH / len(panels) + 0.25)
  for ax, (title, values) in zip(axes, panels):
    ax.imshow(values, cmap='gray', interpolation='nearest', vmin=0)
    ax.axis('off')
    ax.set_title(title, size=10, color=TEXT)
  plt.show()


def draw_lines(
  series: Sequence[tuple[str, Sequence[float]]], title: str, label: str
) -> None:
  """Shows `(name, values)` as lines over 0, 1, 2, ..., named at their ends."""
  _, (ax,) = _panels(1, 2.4)
  ax.set_position([0.12, 0.22, 0.6, 0.6])
  for (name, values), role in zip(series, ('output', 'faint')):
    ax.plot(values, 'o-', color=STRONG[role], lw=2.5, ms=7, clip_on=False)
    end = len(values) - 0.85, values[-1]
    ax.text(*end, name, color=COLORS[role][1], size=10, va='center')
  ax.set_ylim(0, 1.1)
  ax.set_xticks(range(len(series[0][1])))
  ax.set_title(title, size=10, color=TEXT, loc='left')
  ax.set_xlabel(label, size=10, color=TEXT)
  ax.tick_params(colors=QUIET, labelsize=9, length=0)
  ax.spines[['top', 'right']].set_visible(False)
  ax.spines[['left', 'bottom']].set_color('#c5cbd1')
  plt.show()


def draw_products(inputs: np.ndarray, kernel: np.ndarray) -> None:
  """Shows each element of a matrix times the kernel, two products per row."""
  rows = []
  for line in inputs:
    row = []
    for x in line:
      row += [Grid([[x]], 'input'), '×', Grid(kernel, 'kernel')]
      row += ['=', Grid(x * kernel, 'product'), ' ' * 8]
    rows.append(row[:-1])
  draw(*rows)


def draw_placed(
  inputs: np.ndarray, kernel: np.ndarray, outputs: np.ndarray
) -> None:
  """Shows the scaled copies of the kernel and their sum, at stride 1."""
  h, w = kernel.shape
  row = []
  for (i, j), x in np.ndenumerate(inputs):
    values = np.full(outputs.shape, '', object)
    role = np.full(outputs.shape, 'faint', object)
    values[i : i + h, j : j + w] = x * kernel
    role[i : i + h, j : j + w] = 'product'
    row += [Grid(values, role, f'{x} × K'), '+']
  draw([*row[:-1], '=', Grid(outputs, 'output', 'Output Y')])


def draw_phases(
  inputs: np.ndarray,
  kernel: np.ndarray,
  phases: np.ndarray,
  outputs: np.ndarray,
) -> None:
  """Shows how a transposed convolution of stride 2 splits into four phases."""
  roles = np.array([['phase 0', 'phase 1'], ['phase 2', 'phase 3']], object)
  kernels, results = [], []
  for p, (a, b) in enumerate(np.ndindex(2, 2)):
    title = 'split into four kernels' if p == 0 else ''
    kernels += [Grid(kernel[a::2, b::2], f'phase {p}', title), ' ']
    title = 'convolved with each of them' if p == 0 else ''
    results += [Grid(phases[..., p], f'phase {p}', title), ' ']
  grids = []
  for matrix, title in ((kernel, 'Kernel'), (outputs, 'interleaved')):
    h, w = matrix.shape
    tiled = np.tile(roles, (h // 2, w // 2))
    grids.append(Grid(matrix, tiled, f'{title}, {h}×{w}'))
  draw(
    [grids[0], '→', *kernels[:-1]],
    [Grid(inputs, 'input', 'Input'), '→', *results[:-1], '→', grids[1]],
  )


def new_canvas(height: float, cell: float) -> tuple[plt.Figure, plt.Axes]:
  """Returns a white figure with a cell as its unit and y pointing down."""
  figure = plt.figure(figsize=(WIDTH, height), dpi=_DPI)
  axes = figure.add_axes((0, 0, 1, 1))
  axes.set_xlim(0, WIDTH / cell)
  axes.set_ylim(height / cell, 0)
  axes.axis('off')
  _add_background(figure)
  return figure, axes


def _panels(count: int, height: float):
  """Returns a white figure with `count` axes side by side."""
  figure, axes = plt.subplots(
    1, count, figsize=(WIDTH, height), dpi=_DPI, squeeze=False
  )
  figure.subplots_adjust(0.01, 0.01, 0.99, 0.86, wspace=0.06)
  _add_background(figure)
  return figure, axes[0]


def _add_background(figure):
  """Fills the figure with white, so that no viewer crops or tints it."""
  figure.add_artist(
    patches.Rectangle(
      (0, 0), 1, 1, transform=figure.transFigure, color='white', zorder=-10
    )
  )


def _symbol_width(text: str) -> float:
  return 0.5 + 0.3 * max(map(len, text.split('\n')))


def _row_width(row) -> float:
  return sum(
    item.size[0] if isinstance(item, Grid) else _symbol_width(item)
    for item in row
  )


def _row_height(row, cell: float) -> float:
  grids = [item for item in row if isinstance(item, Grid)]
  lines = max(g.title.count('\n') + 1 if g.title else 0 for g in grids)
  return max(g.size[1] for g in grids) + lines * 0.2 / cell + 0.4


def write(axes, x, y, text, inches, color, **kwargs) -> None:
  """Writes centred text with a height in inches."""
  kwargs = dict(ha='center', va='center') | kwargs
  axes.text(x, y, text, size=72 * inches, color=color, **kwargs)


def draw_grid(axes, grid: Grid, x: float, y: float, cell: float) -> None:
  """Draws a grid with its top left corner at `(x, y)`."""
  values = np.atleast_2d(np.asarray(grid.values, dtype=object))
  roles = np.broadcast_to(np.asarray(grid.role, dtype=object), values.shape)
  size, gap = grid.cell, 0.035 * grid.cell
  for (i, j), value in np.ndenumerate(values):
    fill, ink = COLORS[roles[i, j]]
    left, top = x + j * size, y + i * size
    axes.add_patch(
      patches.FancyBboxPatch(
        (left + gap, top + gap),
        size - 2 * gap,
        size - 2 * gap,
        boxstyle=f'round,pad=0,rounding_size={0.1 * size}',
        fc=fill,
        ec='none',
        zorder=2 + 0.01 * len(axes.patches),
      )
    )
    text = value if isinstance(value, str) else f'{value:g}'
    if text:
      shrink = min(1, 2.6 / len(text))
      write(
        axes,
        left + size / 2,
        top + size / 2 + 0.02 * size,
        text,
        0.42 * size * cell * shrink,
        ink,
        zorder=2.005 + 0.01 * len(axes.patches),
      )
  for row, column, height, width, role in grid.frames:
    axes.add_patch(
      patches.FancyBboxPatch(
        (x + column * size + gap, y + row * size + gap),
        width * size - 2 * gap,
        height * size - 2 * gap,
        boxstyle=f'round,pad=0,rounding_size={0.1 * size}',
        fc='none',
        ec=STRONG[role],
        lw=2.2,
        zorder=2.01 + 0.01 * len(axes.patches),
      )
    )
  if grid.title:
    axes.text(
      x + gap,
      y - 0.07 / cell,
      grid.title,
      size=10,
      color=TEXT,
      va='bottom',
      linespacing=1.15,
    )
