"""The numbers of an evaluation as a console table and as a JSON file."""

from collections.abc import Mapping
import itertools
import json
import math
import os
import pathlib
from typing import Any

from autoencoder.evaluation import formats
from autoencoder.evaluation import results as results_lib
from autoencoder.runs import files


def table(results: results_lib.Results) -> str:
  """Returns the results as a table for the console.

  Args:
    results: from `evaluate`.

  Returns:
    Lines of text. Rows are methods, columns are metrics; `>` marks the model.
    The last line says how the model compares with the best baseline.

  Example:

    print(evaluation.table(results))
  """
  count = len(results.images)
  names = list(results.mean['model'])
  titles = (name + formats.unit_of(name).replace(' ', ', ') for name in names)
  rows = [['', *titles]]
  for row, values in results.mean.items():
    mark = '> ' if row == 'model' else '  '
    cells = (formats.format_value(name, values[name]) for name in names)
    rows.append([mark + row, *cells])
  widths = [max(map(len, column)) for column in zip(*rows)]
  lines = [
    '  '.join(
      [row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]
    ).rstrip()
    for row in rows
  ]
  plural = 'image' if count == 1 else 'images'
  kind = 'all pixels of' if results.counts else 'mean of'
  title = f'{results.data}: {kind} {count:,} {plural}'
  return '\n'.join(filter(None, [title, *lines, results.summary()]))


def write_json(
  results: results_lib.Results,
  path: str | os.PathLike,
  info: Mapping[str, Any] | None = None,
) -> pathlib.Path:
  """Writes the numbers, without the pictures, as one JSON object.

  Args:
    results: from `evaluate`.
    path: the file to make or replace, `<source name>.json` by convention.
    info: where the numbers come from (`task`, `config`, `command`, `machine`,
      `versions`, `commit` ...), added after `mean`, `images` and `data`.

  Returns:
    The path.

  Raises:
    UserError: the file cannot be written.
    ValueError: `info` has a key that the results use.

  Example:

    write_json(results, 'runs/denoising/evaluation/sample_photos.json')
  """
  content = {
    'mean': {
      row: values | results.details.get(row, {})
      for row, values in results.mean.items()
    },
    'images': results.images,
    'data': results.data,
  } | results.facts
  info = info or {}
  if clash := content.keys() & info.keys():
    raise ValueError(f'info cannot hold {sorted(clash)}: results use them.')
  text = json.dumps(
    _finite(content | dict(info)),
    indent=2,
    ensure_ascii=False,
    default=str,
  )
  return files.write(path, files.encode(text) + b'\n')


def numbers_path(
  folder: str | os.PathLike, name: str, measured: str | None
) -> pathlib.Path:
  """Returns the JSON file for the numbers of a source.

  Two image folders may have the same name, `a/test` and `b/test`. The second
  one to be measured gets `test-2.json`, and keeps it when measured again.

  Args:
    folder: where the files are.
    name: of the source, safe in file names.
    measured: the folder of the images, which `info['folder']` told
      `write_json`; None if the name alone identifies the source.

  Example:

    >>> numbers_path('runs/denoising/evaluation', 'test', '/photos/b/test').name
    'test.json'
  """
  numbers = itertools.count(2)
  path = pathlib.Path(folder) / f'{name}.json'
  while _is_of_another(path, measured):
    path = path.with_name(f'{name}-{next(numbers)}.json')
  return path


def _is_of_another(path: pathlib.Path, measured: str | None) -> bool:
  """Whether the file holds the numbers of another folder."""
  try:
    content = json.loads(path.read_bytes())
    return content.get('folder', measured) != measured
  except (OSError, ValueError, AttributeError):
    return False  # It does not exist, or is not a file of numbers.


def _finite(values: Any) -> Any:
  """Returns nested lists and dicts with None for numbers that JSON lacks."""
  if isinstance(values, dict):
    return {key: _finite(value) for key, value in values.items()}
  if isinstance(values, list | tuple):
    return [_finite(value) for value in values]
  if isinstance(values, float) and not math.isfinite(values):
    return None
  return values
