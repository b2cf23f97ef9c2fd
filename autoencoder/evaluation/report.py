"""The report: one HTML file that opens offline, and the same as PNG pictures.

Nothing is computed here that `evaluate` or training has not computed; the page
is drawn from a template, its style and its script in `assets/`.
"""

import base64
from collections.abc import Mapping
from collections.abc import Sequence
import os
import pathlib
import re
from typing import Any

from autoencoder.evaluation import curves
from autoencoder.evaluation import pictures
from autoencoder.evaluation import results as results_lib
from autoencoder.runs import files

FILE = 'report.html'

# What `autoencoder.inspection` writes beside the report.
INSIDE_FILE = 'inside.html'

ASSETS = pathlib.Path(__file__).parent / 'assets'
_DETAIL = 64


def write_report(
  workdir: str | os.PathLike,
  results: results_lib.Results,
  info: Mapping[str, Any] | None = None,
) -> pathlib.Path:
  """Writes `report.html` and `pictures/*.png` into `workdir`.

  `pictures/` gets one numbered grid for each picture of the results, an
  `overview.png`, and the results' figures under their titles. Training curves
  come from `workdir/metrics.jsonl` where there is one. Files of an earlier
  report are replaced.

  Args:
    workdir: the run's folder.
    results: what `evaluate` returned, with its pictures.
    info: how the run came about, all of it optional: `task`, `command`,
      `commit`, `machine` (str), `versions` ({package: version}), `parameters`
      (int), `training_seconds` (float), `config` and `defaults` ({dotted
      field: value}, fields that differ are marked). Other keys are shown under
      their names.

  Returns:
    The path of the HTML file.

  Raises:
    ValueError: if a file cannot be written.

  Example:

    write_report('runs/denoising', results, {'task': 'denoising'})
  """
  workdir = pathlib.Path(workdir)
  amplify = pictures.amplification(results.pictures)
  for number, picture in enumerate(results.pictures, start=1):
    sheet = pictures.grid(
      picture, results.images[number - 1], amplify, results.legend
    )
    stem = re.sub(r'[^\w.-]+', '_', pathlib.PurePath(picture.name).stem)
    path = workdir / 'pictures' / f'{number:02}_{stem}.png'
    files.write(path, pictures.encode(sheet, 'PNG'))
  if results.pictures:
    sheet = pictures.encode(pictures.overview(results), 'PNG')
    files.write(workdir / 'pictures' / 'overview.png', sheet)
  for figure in results.figures:
    stem = re.sub(r'\W+', '_', figure.title.lower())
    path = workdir / 'pictures' / f'{stem}.png'
    files.write(path, pictures.encode(figure.pixels, 'PNG'))
  charts = curves.charts(curves.read_log(workdir / 'metrics.jsonl'))
  path = write_page(workdir / FILE, results, info, charts)
  if (workdir / INSIDE_FILE).is_file():
    link_inside(path)
  return path


def write_page(
  path: pathlib.Path,
  results: results_lib.Results,
  info: Mapping[str, Any] | None = None,
  charts: Sequence[curves.Chart] = (),
) -> pathlib.Path:
  """Writes the page alone, without the files in `pictures/`.

  Args:
    path: the HTML file to make or replace.
    results: what `evaluate` returned, with its pictures.
    info: as `write_report` takes it.
    charts: curves of the training, none by default.

  Returns:
    The path.

  Raises:
    ValueError: it cannot be written.
  """
  amplify = pictures.amplification(results.pictures)
  page = render(results, info or {}, charts, amplify)
  return files.write(path, page.encode())


def link_inside(path: pathlib.Path) -> None:
  """Adds a link to `INSIDE_FILE` to a report that has none.

  Raises:
    ValueError: it cannot be written.
  """
  page = path.read_text()
  link = f'<a href="{INSIDE_FILE}">Inside the model</a>'
  if link not in page:
    page = page.replace('</h1>', f'</h1>\n  <p class="quiet">{link}</p>', 1)
    files.write(path, page.encode())


def environment(*folders: pathlib.Path):
  """Returns what reads templates: those of `folders`, and the report's."""
  import jinja2

  return jinja2.Environment(
    loader=jinja2.FileSystemLoader([*folders, ASSETS]),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
  )


def render(
  results: results_lib.Results,
  info: Mapping[str, Any],
  charts: Sequence[curves.Chart],
  amplify: int,
) -> str:
  """Returns the page as HTML; see `write_report` for the arguments."""
  import markupsafe

  templates = environment()
  templates.filters['data_uri'] = _data_uri
  templates.filters['value'] = lambda value, metric: results_lib.format_value(
    metric, value
  )
  templates.filters['setting'] = _setting
  templates.globals |= {
    'unit_of': results_lib.unit_of,
    'panel_values': pictures.panel_values,
    'headline': lambda values: pictures.caption(dict([*values.items()][:1])),
    'detail': lambda panel: pictures.detail(panel, _DETAIL, _DETAIL),
  }
  shown = {'task', 'command', 'config', 'defaults'}
  return templates.get_template('report.html').render(
    # Our own files, not a person's text: the only parts that are not escaped.
    style=markupsafe.Markup((ASSETS / 'report.css').read_text()),
    script=markupsafe.Markup((ASSETS / 'report.js').read_text()),
    results=results,
    charts=charts,
    amplify=amplify,
    colors=[f'#{r:02x}{g:02x}{b:02x}' for r, g, b in pictures.color_scale()],
    task=str(info.get('task') or 'Autoencoder'),
    command=info.get('command'),
    config=info.get('config') or {},
    defaults=info.get('defaults') or {},
    facts={k: _fact(k, v) for k, v in info.items() if k not in shown},
  )


def _data_uri(panel) -> str:
  """Returns `[H, W, 3]` uint8 as the address of an embedded lossless image."""
  data = base64.b64encode(pictures.encode(panel, 'WEBP')).decode()
  return f'data:image/webp;base64,{data}'


def _fact(name: str, value: Any) -> str:
  """Returns one entry of `info` in words."""
  if isinstance(value, Mapping):
    return ', '.join(f'{key} {each}' for key, each in value.items())
  if name.endswith('seconds') and isinstance(value, (int, float)):
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, 'h'), (minutes, 'min'), (seconds, 's')]
    words = [f'{count} {unit}' for count, unit in parts if count]
    return ' '.join(words) or f'{value:.2g} s'
  if isinstance(value, int) and not isinstance(value, bool):
    return f'{value:,}'
  return str(value)


def _setting(value: Any) -> str:
  """Returns a config value as it is typed after a flag."""
  if isinstance(value, (tuple, list)):
    return ','.join(map(str, value))
  return str(value)
