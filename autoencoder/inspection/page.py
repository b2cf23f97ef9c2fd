"""The "inside" page: one HTML file beside the report, which opens offline.

Nothing is computed here that `inside.look` has not; style and template are the
report's and those in `assets/`.
"""

import base64
from collections.abc import Mapping
import io
import json
import os
import pathlib
from typing import Any

import numpy as np
from PIL import Image

from autoencoder.evaluation import report
from autoencoder.inspection import features
from autoencoder.inspection import inside as inside_lib
from autoencoder.inspection import maps
from autoencoder.inspection import sheets
from autoencoder.inspection import views
from autoencoder.inspection import walks
from autoencoder.runs import files

FILE = report.INSIDE_FILE
NUMBERS_FILE = 'inside.json'

# Channels of a layer that are seen at once; a click shows the others.
FIRST = 12

_ASSETS = pathlib.Path(__file__).parent / 'assets'


def write_page(
  folder: str | os.PathLike,
  inside: inside_lib.Inside | maps.Maps,
  info: Mapping[str, Any],
) -> pathlib.Path:
  """Writes `inside.html` and `inside.json`; links the report with the page.

  Args:
    folder: for both. A `report.html` there gets a link to the page.
    inside: what `look` found.
    info: `task`, `data` (its name) and `step`; JSON keeps whatever else there
      is.

  Returns:
    The path of the page.

  Raises:
    ValueError: a file cannot be written.
  """
  folder = pathlib.Path(folder)
  has_report = (folder / report.FILE).is_file()
  page = render(inside, info, has_report)
  text = json.dumps(dict(info) | numbers(inside), default=str)
  files.write(folder / NUMBERS_FILE, text.encode() + b'\n')
  path = files.write(folder / FILE, page.encode())
  if has_report:
    report.link_inside(folder / report.FILE)
  return path


def render(
  inside: inside_lib.Inside | maps.Maps,
  info: Mapping[str, Any],
  has_report: bool,
) -> str:
  """Returns the page as HTML; see `write_page` for the arguments."""
  import markupsafe

  is_sparse = isinstance(inside, maps.Maps)
  environment = report.environment(_ASSETS)
  environment.filters['data_uri'] = _data_uri
  environment.globals |= {
    'channel_sheet': sheets.channel_sheet,
    'energy_tile': sheets.energy_tile,
    'locate': locate,
  }
  style = [report.ASSETS / 'report.css', _ASSETS / 'inside.css']
  template = 'maps.html' if is_sparse else 'inside.html'
  return environment.get_template(template).render(
    # Our own files, not a person's text: the only part that is not escaped.
    style=markupsafe.Markup('\n'.join(path.read_text() for path in style)),
    inside=inside,
    task=str(info.get('task') or 'Autoencoder'),
    data=info.get('data'),
    step=info.get('step'),
    report=report.FILE if has_report else None,
    images=len({window.name for window in inside.windows}),
    first=FIRST,
    side=inside.windows[0].inputs.shape[0],
    **({} if is_sparse else _walk_pictures(inside.walks)),
  )


def locate(feature: features.Feature) -> str:
  """Returns 'coffee: 1.93, rows 88 to 157, columns 120 to 189', pixels."""
  top, bottom, left, right = _pixels(feature)
  return (
    f'{feature.window.name}: {feature.value:.3g}, rows {top} to {bottom - 1}, '
    f'columns {left} to {right - 1}'
  )


def numbers(inside: inside_lib.Inside | maps.Maps) -> dict[str, Any]:
  """Returns all that is no picture, as JSON takes it."""
  result = {
    'windows': len(inside.windows),
    'layers': [_layer_numbers(layer) for layer in inside.layers],
  }
  if isinstance(inside, maps.Maps):
    for layer, sparsity in zip(result['layers'], inside.sparsity):
      layer |= sparsity._asdict() | {
        'shares': _rounded(sparsity.shares),
        'dead': np.flatnonzero(sparsity.shares == 0).tolist(),
      }
    return result
  latent, walked = inside.latent, inside.walks
  return result | {
    'latent': {
      'places': inside.places,
      'mean': _rounded(latent.mean),
      'deviation': _rounded(latent.deviation),
      'bits': _rounded(latent.bits),
      'step': _rounded(latent.step),
      'step_of_quality': inside.quality,
      'dead': np.flatnonzero(latent.dead).tolist(),
      'effect': _rounded(walked.effect),
      'effect_of_all': float(f'{walked.whole:.6g}'),
      'effect_unit': walked.unit,
    },
  }


def _layer_numbers(layer: views.LayerView) -> dict[str, Any]:
  field, measured = layer.field, layer.measured
  result = {'name': layer.name, 'receptive_field': field._asdict()}
  if measured is not None:
    result['measured'] = {
      'rows': measured.last[0] - measured.first[0] + 1,
      'columns': measured.last[1] - measured.first[1] + 1,
      'effective': measured.effective,
    }
  if layer.usage is not None:
    result |= {k: _rounded(v) for k, v in layer.usage._asdict().items()}
    result['strongest'] = {
      channel: [
        {
          'image': feature.window.name,
          'value': round(feature.value, 5),
          'rows': _pixels(feature)[:2],
          'columns': _pixels(feature)[2:],
        }
        for feature in shown.strongest
      ]
      for channel, shown in layer.channels.items()
    }
  return result


def _pixels(feature: features.Feature) -> tuple[int, int, int, int]:
  """Returns top, bottom, left and right of a crop in its image, half open.

  Without what was put around the image to fill the window.
  """
  box, image = feature.box, feature.window.image
  y, x = feature.window.origin

  def clip(origin, edge, start, end):
    return origin + int(min(max(edge, start), end) * feature.window.scale)

  return (
    *(clip(y, edge, image.top, image.bottom) for edge in box[:2]),
    *(clip(x, edge, image.left, image.right) for edge in box[2:]),
  )


def _rounded(values: np.ndarray) -> list[float]:
  """Returns six digits of each, enough for a file."""
  return [float(f'{value:.6g}') for value in values]


def _walk_pictures(walked: walks.Walks) -> dict[str, Any]:
  """Returns the strips of the walks, and by how much differences are shown."""
  pairs = [(row[0], row[-1]) for row in walked.sweeps.values()]
  amplify = sheets.amplification(pairs)
  swept = {
    channel: sheets.strip([*row, sheets.difference(row[0], row[-1], amplify)])
    for channel, row in walked.sweeps.items()
  }
  between = {title: sheets.strip(row) for title, row in walked.between.items()}
  return {
    'between': between,
    'swept': swept,
    'amplify': amplify,
    'offsets': walks.OFFSETS,
  }


def _data_uri(pixels: np.ndarray) -> str:
  """Returns `[H, W, 3]` uint8 as the address of an embedded image.

  Lossy: there are thousands of crops on a page.
  """
  buffer = io.BytesIO()
  Image.fromarray(pixels).save(buffer, 'WEBP', quality=80)
  data = base64.b64encode(buffer.getvalue()).decode()
  return f'data:image/webp;base64,{data}'
