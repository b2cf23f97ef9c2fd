"""Still pictures of results: error maps, grids of panels, an overview.

Panels are `[H, W, 3]` uint8. Grids enlarge them by whole factors only, so they
show what the model produced, pixel for pixel.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import os
from typing import NamedTuple

import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

from autoencoder.evaluation import formats
from autoencoder.evaluation import pixels
from autoencoder.evaluation import results as results_lib

ERROR_TITLE = 'error'
_INK, _PALE, _ACCENT, _PAPER = '#1d2329', '#68727d', '#0b6e7f', '#ffffff'
_GAP = 12
_TEXT_SIZE = 14

# Grids enlarge small images up to this side, in pixels.
_SIDE = 256


class Cell(NamedTuple):
  """A panel of a grid with its title and a note, either of which may be ''."""

  panel: np.ndarray
  title: str
  note: str


def amplification(pictures: Sequence[results_lib.Picture]) -> int:
  """Returns the factor, a power of two up to 64, of all error maps.

  It is the largest that keeps 99 % of the pixels' errors on the colour scale.
  All pictures share it, so that their error maps can be compared.
  """
  errors = [_error(p.panels['output'], p.panels['target']) for p in pictures]
  if not errors:
    return 1
  high = np.percentile(np.concatenate([e.ravel() for e in errors]), 99)
  return pixels.amplification(high)


def error_map(
  output: np.ndarray, target: np.ndarray, amplify: int
) -> np.ndarray:
  """Returns the amplified absolute error, averaged over channels, in colour.

  Args:
    output: `[H, W, 3]` uint8.
    target: `[H, W, 3]` uint8.
    amplify: errors of at least `1 / amplify` get the last colour of the scale.

  Returns:
    `[H, W, 3]` uint8.
  """
  level = np.rint(np.minimum(_error(output, target) * amplify, 1) * 255)
  return pixels.color_scale()[level.astype(np.uint8)]


def detail(target: np.ndarray, height: int, width: int) -> tuple[int, int]:
  """Returns top and left of the `height` x `width` window with the most edges.

  The choice depends on the target alone, so that it favours no method.
  """
  grey = target.astype(np.float32).mean(axis=-1)
  edges = np.zeros(np.add(grey.shape, 1))
  edges[1:-1, 1:] += np.abs(np.diff(grey, axis=0))
  edges[1:, 1:-1] += np.abs(np.diff(grey, axis=1))
  total = edges.cumsum(axis=0).cumsum(axis=1)
  height, width = min(height, grey.shape[0]), min(width, grey.shape[1])
  sums = (
    total[height:, width:]
    - total[:-height, width:]
    - total[height:, :-width]
    + total[:-height, :-width]
  )
  top, left = np.unravel_index(np.argmax(sums), sums.shape)
  return int(top), int(left)


def grid(
  picture: results_lib.Picture,
  entry: Mapping[str, dict[str, float]],
  amplify: int,
  legend: Mapping[str, tuple[int, int, int]] | None = None,
) -> np.ndarray:
  """Draws all panels of one image and its error map, with their metrics.

  Args:
    picture: the panels.
    entry: the image's numbers, an element of `Results.images`.
    amplify: factor of the error map, from `amplification`. Unused if the
      picture has a panel `error`.
    legend: meaning of the panels' colours, drawn below.

  Returns:
    `[H, W, 3]` uint8.
  """
  panels = dict(picture.panels)
  has_error_panel = ERROR_TITLE in panels
  if not has_error_panel:
    error = error_map(panels['output'], panels['target'], amplify)
    panels[ERROR_TITLE] = error
  cells = []
  for title, panel in panels.items():
    note = formats.caption(results_lib.panel_values(entry, title))
    if title == ERROR_TITLE and not has_error_panel:
      note = f'|output − target| × {amplify}'
    cells.append(Cell(_enlarge(panel, _SIDE), title, note))
  wide = picture.panels['target'].shape[1] > 400
  columns = min(len(cells), 3 if wide else 6)
  height, width = picture.size
  heading = f'{picture.name}, {width} × {height}'
  shown = picture.panels['target'].shape[:2]
  if shown != picture.size:
    heading += f', middle {shown[1]} × {shown[0]}'
  return sheet(cells, columns, heading=heading, legend=legend)


def overview(results: results_lib.Results) -> np.ndarray:
  """Draws details of up to three images: input, best baseline, output, target.

  Args:
    results: with at least one picture.

  Returns:
    `[H, W, 3]` uint8, about 1300 pixels wide for photos.
  """
  pictures = results.pictures[:3]
  sides = [picture.panels['target'].shape[:2] for picture in pictures]
  height = min(216, *(side[0] for side in sides))
  width = min(320, *(side[1] for side in sides))
  titles = ['input', results.best_baseline(), 'output', 'target']
  cells, columns = [], 0
  for picture, entry in zip(pictures, results.images):
    shown = [t for t in dict.fromkeys(titles) if t in picture.panels]
    columns = len(shown)
    top, left = detail(picture.panels['target'], height, width)
    for title in shown:
      panel = picture.panels[title][top : top + height, left : left + width]
      # Two metrics are about as wide as a panel.
      values = [*results_lib.panel_values(entry, title).items()][:2]
      cells.append(
        Cell(_enlarge(panel, 160), title, formats.caption(dict(values)))
      )
  return sheet(cells, columns, legend=results.legend)


def sheet(
  cells: Sequence[Cell],
  columns: int,
  *,
  heading: str | None = None,
  legend: Mapping[str, tuple[int, int, int]] | None = None,
) -> np.ndarray:
  """Draws cells in rows of `columns`, under an optional heading.

  Args:
    cells: at least one.
    columns: cells in a row.
    heading: drawn above; None for none.
    legend: meaning of the panels' colours, drawn below.

  Returns:
    `[H, W, 3]` uint8.
  """
  size = _TEXT_SIZE
  bold, plain, large = _font(size, True), _font(size), _font(18, True)
  text_height = 2 * size + 14
  widths = [
    max(panel.shape[1], bold.getlength(title), plain.getlength(note))
    for panel, title, note in cells
  ]
  cell_width = int(max(widths))
  cell_height = max(cell.panel.shape[0] for cell in cells) + text_height
  rows = -(-len(cells) // columns)
  top = _GAP if heading is None else 44
  width = _GAP + columns * (cell_width + _GAP)
  if heading is not None:
    width = max(width, int(large.getlength(heading)) + 2 * _GAP)
  keys, bottom = _place_legend(legend or {}, plain, width)
  height = top + rows * (cell_height + _GAP)
  image = Image.new('RGB', (width, height + bottom), _PAPER)
  pen = ImageDraw.Draw(image)
  for name, color, x, y in keys:
    box = (x, height + y, x + size, height + y + size)
    pen.rectangle(box, tuple(color), _PALE)
    pen.text((x + size + 6, height + y - 2), name, _INK, plain)
  if heading is not None:
    pen.text((_GAP, _GAP), heading, _INK, large)
  for index, (panel, title, note) in enumerate(cells):
    row, column = divmod(index, columns)
    x = _GAP + column * (cell_width + _GAP)
    y = top + row * (cell_height + _GAP)
    ink = _ACCENT if title == 'output' else _INK
    pen.text((x, y), title, ink, bold)
    pen.text((x, y + size + 5), note, _PALE, plain)
    image.paste(Image.fromarray(panel), (x, y + text_height))
  return np.asarray(image)


def _enlarge(panel: np.ndarray, side: int) -> np.ndarray:
  """Enlarges a small panel by a whole factor, up to `side` pixels."""
  factor = pixels.enlargement(max(panel.shape[:2]), side)
  return pixels.enlarge(panel, factor)


def _error(output: np.ndarray, target: np.ndarray) -> np.ndarray:
  """Returns the absolute error in [0, 1], mean over channels, `[H, W]`."""
  difference = output.astype(np.float32) - target.astype(np.float32)
  return np.abs(difference).mean(axis=-1) / 255


def _font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
  """Returns DejaVu Sans, from matplotlib: Pillow's font lacks a minus sign."""
  import matplotlib

  name = 'DejaVuSans-Bold.ttf' if bold else 'DejaVuSans.ttf'
  path = os.path.join(matplotlib.get_data_path(), 'fonts', 'ttf', name)
  return ImageFont.truetype(path, size)


def _place_legend(
  legend: Mapping[str, tuple[int, int, int]],
  font: ImageFont.FreeTypeFont,
  width: int,
) -> tuple[list[tuple[str, tuple[int, int, int], int, int]], int]:
  """Breaks a legend into lines.

  Returns:
    `(name, color, x, y)` of each entry, and the height of all lines, 0 for an
    empty legend.
  """
  keys = []
  x, y = _GAP, 0
  line = _TEXT_SIZE + 10
  for name, color in legend.items():
    needed = int(font.getlength(name)) + _TEXT_SIZE + 24
    if x > _GAP and x + needed > width:
      x, y = _GAP, y + line
    keys.append((name, color, x, y))
    x += needed
  return keys, y + line + _GAP if keys else 0
