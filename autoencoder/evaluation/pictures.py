"""Still pictures of what a model did: error maps, grids, an overview.

Panels are `[H, W, 3]` uint8 and are never resampled by a fraction: what is
seen in a grid is what the model produced, pixel for pixel.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import io
import os

import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

from autoencoder.evaluation import results as results_lib

ERROR_TITLE = 'error'
_INK, _PALE, _ACCENT, _PAPER = '#1d2329', '#68727d', '#0b6e7f', '#ffffff'
_GAP = 12

# Smaller images are enlarged towards this side in grids, pixels.
_SIDE = 256


def encode(pixels: np.ndarray, form: str) -> bytes:
  """Returns `[H, W, 3]` uint8 as a lossless 'PNG' or 'WEBP' file."""
  buffer = io.BytesIO()
  # WebP is lossy by default. With lossless, quality is the effort, of 100:
  # more takes longer and saves less than 1 %.
  options = {'lossless': True, 'quality': 30} if form == 'WEBP' else {}
  Image.fromarray(pixels).save(buffer, form, **options)
  return buffer.getvalue()


def amplification(pictures: Sequence[results_lib.Picture]) -> int:
  """The power of two that spreads the model's errors over the colour scale.

  One number for all pictures, so that their error maps can be compared: the
  largest of 1, 2, 4 ... 64 that leaves 99 % of the pixels' errors on the scale.
  """
  errors = [_error(p.panels['output'], p.panels['target']) for p in pictures]
  if not errors:
    return 1
  high = np.percentile(np.concatenate([e.ravel() for e in errors]), 99)
  return int(2 ** np.clip(np.floor(-np.log2(max(high, 1e-3))), 0, 6))


def color_scale() -> np.ndarray:
  """Returns the 256 colours of error maps, `[256, 3]` uint8, black is none."""
  import matplotlib

  colors = matplotlib.colormaps['inferno'](np.arange(256))[:, :3]
  return np.rint(colors * 255).astype(np.uint8)


def error_map(
  output: np.ndarray, target: np.ndarray, amplify: int
) -> np.ndarray:
  """Returns the absolute error, mean over channels, times `amplify`, in colour.

  Args:
    output: `[H, W, 3]` uint8.
    target: `[H, W, 3]` uint8.
    amplify: an error of 1 / amplify or more has the last colour of the scale.

  Returns:
    `[H, W, 3]` uint8.
  """
  level = np.rint(np.minimum(_error(output, target) * amplify, 1) * 255)
  return color_scale()[level.astype(np.uint8)]


def detail(target: np.ndarray, height: int, width: int) -> tuple[int, int]:
  """Returns top and left of the `height` x `width` window richest in edges.

  It looks at the target alone, so that it favours no method.
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


def caption(values: Mapping[str, float]) -> str:
  """Returns `'31.20 dB, ssim 0.8930'`: a PSNR is known by its unit.

  Not so beside a `psnr_y` or the like: then each has its name.
  """
  named = sum(metric.startswith('psnr') for metric in values) > 1
  return ', '.join(
    f'{results_lib.format_value(metric, value)} dB'
    if metric == 'psnr' and not named
    else f'{metric} {results_lib.format_value(metric, value)}'
    + results_lib.unit_of(metric)
    for metric, value in values.items()
  )


def panel_values(
  entry: Mapping[str, dict[str, float]], title: str
) -> dict[str, float]:
  """The metrics of the panel `title`: none for the target or a mask."""
  return entry.get('model' if title == 'output' else title, {})


def grid(
  picture: results_lib.Picture,
  entry: Mapping[str, dict[str, float]],
  amplify: int,
  legend: Mapping[str, tuple[int, int, int]] | None = None,
) -> np.ndarray:
  """Draws all panels of one image and its error map, titled with numbers.

  Args:
    picture: the panels.
    entry: the image's numbers, an element of `Results.images`.
    amplify: of the error map, from `amplification`; of no use to a picture that
      has a panel `error` of its own.
    legend: what colours mean, drawn below.

  Returns:
    `[H, W, 3]` uint8.
  """
  panels = dict(picture.panels)
  own = ERROR_TITLE in panels
  if not own:
    error = error_map(panels['output'], panels['target'], amplify)
    panels[ERROR_TITLE] = error
  cells = []
  for title, panel in panels.items():
    values = caption(panel_values(entry, title))
    if title == ERROR_TITLE and not own:
      values = f'|output − target| × {amplify}'
    panel = _enlarge(panel, _SIDE)
    cells.append((panel, title, values))
  wide = picture.panels['target'].shape[1] > 400
  columns = min(len(cells), 3 if wide else 6)
  height, width = picture.size
  heading = f'{picture.name}, {width} × {height}'
  shown = picture.panels['target'].shape[:2]
  if shown != picture.size:
    heading += f', middle {shown[1]} × {shown[0]}'
  return _draw(cells, columns, heading, legend)


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
  titles = ['input', results.rival(), 'output', 'target']
  cells, columns = [], 0
  for picture, entry in zip(pictures, results.images):
    shown = [t for t in dict.fromkeys(titles) if t in picture.panels]
    columns = len(shown)
    top, left = detail(picture.panels['target'], height, width)
    for title in shown:
      panel = picture.panels[title][top : top + height, left : left + width]
      panel = _enlarge(panel, 160)
      values = [*panel_values(entry, title).items()][:2]  # As wide as a panel.
      cells.append((panel, title, caption(dict(values))))
  return _draw(cells, columns, None, results.legend)


def sheet(
  cells: Sequence[tuple[np.ndarray, str, str]], columns: int
) -> np.ndarray:
  """Draws `(panel, title, note)` in rows; returns `[H, W, 3]` uint8.

  Args:
    cells: panels `[H, W, 3]` uint8, and words above each, which may be empty.
    columns: panels in a row.
  """
  return _draw(cells, columns, None)


def _enlarge(panel: np.ndarray, side: int) -> np.ndarray:
  """Draws a small image with large pixels, by whole factors, up to `side`."""
  scale = max(1, side // max(panel.shape[:2]))
  return panel.repeat(scale, axis=0).repeat(scale, axis=1)


def _error(output: np.ndarray, target: np.ndarray) -> np.ndarray:
  """Absolute error in [0, 1], mean over channels, `[H, W]`."""
  difference = output.astype(np.float32) - target.astype(np.float32)
  return np.abs(difference).mean(axis=-1) / 255


def _font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
  """DejaVu Sans, which comes with matplotlib: Pillow's own lacks a minus."""
  import matplotlib

  name = 'DejaVuSans-Bold.ttf' if bold else 'DejaVuSans.ttf'
  path = os.path.join(matplotlib.get_data_path(), 'fonts', 'ttf', name)
  return ImageFont.truetype(path, size)


def _draw(
  cells,
  columns: int,
  heading: str | None,
  legend: Mapping[str, tuple[int, int, int]] | None = None,
) -> np.ndarray:
  """Sets `(panel, title, note)` cells in rows, under an optional heading."""
  size = 14
  bold, plain, large = _font(size, True), _font(size), _font(18, True)
  text_height = 2 * size + 14
  widths = [
    max(panel.shape[1], bold.getlength(title), plain.getlength(note))
    for panel, title, note in cells
  ]
  cell_width = int(max(widths))
  cell_height = max(panel.shape[0] for panel, *_ in cells) + text_height
  rows = -(-len(cells) // columns)
  top = _GAP if heading is None else 44
  width = _GAP + columns * (cell_width + _GAP)
  if heading is not None:
    width = max(width, int(large.getlength(heading)) + 2 * _GAP)
  keys, bottom = _place_legend(legend or {}, plain, width)
  height = top + rows * (cell_height + _GAP)
  sheet = Image.new('RGB', (width, height + bottom), _PAPER)
  pen = ImageDraw.Draw(sheet)
  for name, color, x, y in keys:
    box = (x, height + y, x + size, height + y + size)
    pen.rectangle(box, color, _PALE)
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
    sheet.paste(Image.fromarray(panel), (x, y + text_height))
  return np.asarray(sheet)


def _place_legend(legend, font, width: int):
  """Returns `(name, color, x, y)` of its entries, in lines, and its height."""
  keys, x, y = [], _GAP, 0
  line = font.size + 10
  for name, color in legend.items():
    needed = int(font.getlength(name)) + font.size + 24
    if x > _GAP and x + needed > width:
      x, y = _GAP, y + line
    keys.append((name, tuple(color), x, y))
    x += needed
  return keys, y + line + _GAP if keys else 0
