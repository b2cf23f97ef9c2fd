"""The report: one HTML file that opens offline, and its pictures as PNG files.

The page shows only what `evaluate` or training computed. It is rendered from
the template, style and script in `assets/`.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import os
import pathlib
import re
from typing import Any

from autoencoder.evaluation import charts as charts_lib
from autoencoder.evaluation import formats
from autoencoder.evaluation import pictures
from autoencoder.evaluation import pixels
from autoencoder.evaluation import results as results_lib
from autoencoder.evaluation import templates
from autoencoder.evaluation import training_curves
from autoencoder.runs import files
from autoencoder.runs import metrics_log

FILE = 'report.html'

# The page that `autoencoder.inspection` writes beside the report.
INSIDE_FILE = 'inside.html'

_DETAIL = 64


def write_report(
  workdir: str | os.PathLike,
  results: results_lib.Results,
  info: Mapping[str, Any] | None = None,
) -> pathlib.Path:
  """Writes `report.html` and `pictures/*.png` into `workdir`.

  `pictures/` gets a numbered grid for each picture of the results,
  `overview.png`, and the results' figures, named by their titles. Training
  curves come from `workdir/metrics.jsonl`, if it exists. Files of an earlier
  report are replaced.

  Args:
    workdir: the run's folder.
    results: from `evaluate`, with pictures.
    info: where the run comes from, each key optional: `task`, `command`,
      `commit`, `machine` (str), `versions` ({package: version}), `parameters`
      (int), `training_seconds` (float), `config` and `defaults` ({dotted
      field: value}; fields that differ are marked). Other keys are shown under
      their names.

  Returns:
    The path of the HTML file.

  Raises:
    UserError: a file cannot be written.

  Example:

    write_report('runs/denoising', results, {'task': 'denoising'})
  """
  workdir = pathlib.Path(workdir)
  for name, sheet in _draw_pictures(results).items():
    files.write(
      workdir / 'pictures' / f'{name}.png', pixels.encode(sheet, 'PNG')
    )
  charts = training_curves.make_charts(metrics_log.read(workdir))
  path = write_page(workdir / FILE, results, info, charts)
  if (workdir / INSIDE_FILE).is_file():
    link_inside(path)
  return path


def _draw_pictures(results: results_lib.Results) -> dict[str, Any]:
  """Returns grids, overview and figures, `[H, W, 3]` uint8 by file name."""
  drawn = {}
  amplify = pictures.amplification(results.pictures)
  for number, (picture, entry) in enumerate(
    zip(results.pictures, results.images), start=1
  ):
    stem = re.sub(r'[^\w.-]+', '_', pathlib.PurePath(picture.name).stem)
    drawn[f'{number:02}_{stem}'] = pictures.grid(
      picture, entry, amplify, results.legend
    )
  if results.pictures:
    drawn['overview'] = pictures.overview(results)
  for figure in results.figures:
    drawn[re.sub(r'\W+', '_', figure.title.lower())] = figure.pixels
  return drawn


def write_page(
  path: pathlib.Path,
  results: results_lib.Results,
  info: Mapping[str, Any] | None = None,
  charts: Sequence[charts_lib.Chart] = (),
) -> pathlib.Path:
  """Writes the page alone, without the files in `pictures/`.

  Args:
    path: the HTML file to make or replace.
    results: from `evaluate`, with pictures.
    info: see `write_report`.
    charts: training curves.

  Returns:
    The path.

  Raises:
    UserError: the file cannot be written.
  """
  amplify = pictures.amplification(results.pictures)
  page = render(results, info or {}, charts, amplify)
  return files.write(path, files.encode(page))


def link_inside(path: pathlib.Path) -> None:
  """Adds a link to `INSIDE_FILE` to a report that has none.

  Raises:
    UserError: the file cannot be written.
  """
  page = path.read_text()
  link = f'<a href="{INSIDE_FILE}">Inside the model</a>'
  if link not in page:
    page = page.replace('</h1>', f'</h1>\n  <p class="quiet">{link}</p>', 1)
    files.write(path, files.encode(page))


def render(
  results: results_lib.Results,
  info: Mapping[str, Any],
  charts: Sequence[charts_lib.Chart],
  amplify: int,
) -> str:
  """Returns the page as HTML.

  Args:
    results: from `evaluate`, with pictures.
    info: see `write_report`.
    charts: training curves.
    amplify: factor of the error maps.
  """
  environment = templates.environment(encoding=pixels.LOSSLESS)
  environment.filters['value'] = lambda value, metric: formats.format_value(
    metric, value
  )
  environment.filters['setting'] = formats.option
  environment.globals |= {
    'unit_of': formats.unit_of,
    'panel_values': results_lib.panel_values,
    'headline': lambda values: formats.caption(dict([*values.items()][:1])),
    'detail': lambda panel: pictures.detail(panel, _DETAIL, _DETAIL),
  }
  shown_elsewhere = {'task', 'command', 'config', 'defaults'}
  return environment.get_template('report.html').render(
    style=templates.read_unescaped(templates.ASSETS / 'report.css'),
    script=templates.read_unescaped(templates.ASSETS / 'report.js'),
    results=results,
    charts=charts,
    amplify=amplify,
    colors=[f'#{r:02x}{g:02x}{b:02x}' for r, g, b in pixels.color_scale()],
    task=str(info.get('task') or 'Autoencoder'),
    command=info.get('command'),
    config=info.get('config') or {},
    defaults=info.get('defaults') or {},
    facts={k: _fact(k, v) for k, v in info.items() if k not in shown_elsewhere},
  )


def _fact(name: str, value: Any) -> str:
  """Returns one entry of `info` as text."""
  if isinstance(value, Mapping):
    return ', '.join(f'{key} {each}' for key, each in value.items())
  if name.endswith('seconds') and isinstance(value, int | float):
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, 'h'), (minutes, 'min'), (seconds, 's')]
    words = [f'{count} {unit}' for count, unit in parts if count]
    return ' '.join(words) or f'{value:.2g} s'
  if isinstance(value, int) and not isinstance(value, bool):
    return f'{value:,}'
  return str(value)
