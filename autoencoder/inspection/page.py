"""The inside page: one HTML file beside the report, which opens offline.

The page shows only what `inside.look` computed. It shares the report's style,
and adds the templates and the style in `assets/`.
"""

from collections.abc import Mapping
import json
import os
import pathlib
from typing import Any

from autoencoder.evaluation import pixels
from autoencoder.evaluation import report
from autoencoder.evaluation import templates
from autoencoder.inspection import numbers
from autoencoder.inspection import sheets
from autoencoder.inspection import views
from autoencoder.runs import files

FILE = report.INSIDE_FILE
NUMBERS_FILE = 'inside.json'

# Channels of a layer that are shown at once; a click shows the others.
FIRST = 12

_ASSETS = pathlib.Path(__file__).parent / 'assets'


def write_page(
  folder: str | os.PathLike,
  inside: views.View,
  info: Mapping[str, Any],
) -> pathlib.Path:
  """Writes `inside.html` and `inside.json`; adds a link to the report.

  Args:
    folder: where to write. A `report.html` there gets a link to the page.
    inside: from `look`.
    info: `task`, `data` (its name) and `step` for the page. The JSON file keeps
      all keys.

  Returns:
    The path of the page.

  Raises:
    UserError: a file cannot be written.
  """
  folder = pathlib.Path(folder)
  has_report = (folder / report.FILE).is_file()
  page = render(inside, info, has_report)
  text = json.dumps(dict(info) | inside.numbers(), default=str)
  files.write(folder / NUMBERS_FILE, files.encode(text) + b'\n')
  path = files.write(folder / FILE, files.encode(page))
  if has_report:
    report.link_inside(folder / report.FILE)
  return path


def render(
  inside: views.View, info: Mapping[str, Any], has_report: bool
) -> str:
  """Returns the page as HTML.

  Args:
    inside: from `look`.
    info: see `write_page`.
    has_report: whether to link to the report.
  """
  # Lossy, because a page has thousands of crops.
  environment = templates.environment([_ASSETS], encoding=pixels.LOSSY)
  environment.globals |= {
    'channel_sheet': sheets.channel_sheet,
    'energy_tile': sheets.energy_tile,
    'locate': numbers.locate,
  }
  return environment.get_template(inside.template).render(
    style=templates.read_unescaped(
      templates.ASSETS / 'report.css', _ASSETS / 'inside.css'
    ),
    inside=inside,
    task=str(info.get('task') or 'Autoencoder'),
    data=info.get('data'),
    step=info.get('step'),
    report=report.FILE if has_report else None,
    images=len({window.name for window in inside.windows}),
    first=FIRST,
    side=inside.windows[0].inputs.shape[0],
    **inside.variables(),
  )
