"""What an evaluation found: the numbers, their table and their JSON file."""

from collections.abc import Mapping
import dataclasses
import itertools
import json
import os
import pathlib
from typing import Any

import numpy as np

from autoencoder import errors
from autoencoder.runs import files

Metrics = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Picture:
  """One evaluated image as it is shown.

  Attributes:
    name: the image's name in its source.
    panels: `[H, W, 3]` uint8 by title, in reading order, all of one size.
      Baselines stand under their names, before `output`.
    offset: rows and columns cut off above and to the left, pixels.
    size: H and W of the whole image, pixels; larger than the panels where
      these show only its middle.
  """

  name: str
  panels: dict[str, np.ndarray]
  offset: tuple[int, int]
  size: tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Figure:
  """Something else to look at than held-out images, such as what was learned.

  Attributes:
    title: in the report, and the name of its file in `pictures/`.
    caption: what is to be seen, in a sentence or two.
    pixels: `[H, W, 3]` uint8.
  """

  title: str
  caption: str
  pixels: np.ndarray


@dataclasses.dataclass(frozen=True)
class Results:
  """The numbers of one evaluation, and the pictures of its first images.

  Attributes:
    mean: `{row: {metric: value}}`, the mean over images, or for a task with
      `counts` what their sum gives. Rows are `input` (where the task has an
      unprocessed answer), the baselines, `model`.
    images: one `{'name', row: {metric: value}..., 'size': [H, W], 'seconds':
      {row: seconds}}` an image, in the source's order.
    data: name of the source.
    pictures: the first images, for the report.
    facts: what else was found, JSON values that the file keeps.
    charts: `curves.Chart`s of it, for the report.
    figures: `Figure`s of it, for the report.
    conclusion: the result in a sentence, where a mean is not all there is to
      say; empty compares the model with its rival.
    details: `{row: {name: list or dict}}`, what is more than one number in what
      the sum of counts gives; in the JSON file it stands with the means.
    counts: `{row: {name: array}}`, the summed counts.
    legend: `{meaning: (red, green, blue)}` of colours in the panels, each of
      255; empty where they are as in life.
  """

  mean: dict[str, Metrics]
  images: list[dict[str, Any]]
  data: str
  pictures: list[Picture]
  facts: dict[str, Any] = dataclasses.field(default_factory=dict)
  charts: list[Any] = dataclasses.field(default_factory=list)
  figures: list[Figure] = dataclasses.field(default_factory=list)
  conclusion: str = ''
  details: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
  counts: dict[str, dict[str, np.ndarray]] = dataclasses.field(
    default_factory=dict
  )
  legend: dict[str, tuple[int, int, int]] = dataclasses.field(
    default_factory=dict
  )

  def headline(self) -> str:
    """The metric that matters most: the task's first."""
    return next(iter(self.mean['model']))

  def rival(self) -> str | None:
    """The row the model is to beat: the best baseline, else the input."""
    others = [row for row in self.mean if row not in ('input', 'model')]
    others = others or [row for row in self.mean if row == 'input']
    metric = self.headline()
    return max(others, key=lambda row: self.mean[row][metric], default=None)

  def gain(self) -> str:
    """The conclusion, or one sentence on model and rival; '' without one."""
    if self.conclusion:
      return self.conclusion
    rival, metric = self.rival(), self.headline()
    if rival is None:
      return ''
    gain = self.mean['model'][metric] - self.mean[rival][metric]
    # The mean PSNR keeps its dB; other metrics have no unit.
    size, unit = format_value(metric, abs(gain)), unit_of(metric)
    side = 'above' if gain >= 0 else 'below'
    what = 'the input' if rival == 'input' else f'the best baseline, {rival}'
    return f'The model is {size}{unit} {side} {what}, in mean {metric}.'


def unit_of(metric: str) -> str:
  """`' dB'` for PSNRs, `''` for everything else."""
  return ' dB' if metric.startswith('psnr') else ''


def format_value(metric: str, value: float) -> str:
  """The digits that mean something: 2 of a dB, 4 of anything else."""
  if value != value:  # NaN: an image in which nothing counts.
    return '–'
  return f'{value:.2f}' if metric.startswith('psnr') else f'{value:.4f}'


def in_words(options: Mapping[str, Any]) -> str:
  """Returns `'sigma=25.0, mask.kinds=strokes,blocks'`; leaves out empties."""
  return ', '.join(
    f'{name}='
    + (','.join(map(str, v)) if isinstance(v, (tuple, list)) else str(v))
    for name, v in options.items()
    if v not in ((), [], '')
  )


def table(results: Results) -> str:
  """Returns the results as a table for the console.

  Args:
    results: what `evaluate` returned.

  Returns:
    Lines of text: methods as rows, metrics as columns, the model's row marked
    with `>`, then the model's gain over the best baseline.

  Example:

    print(evaluation.table(results))
  """
  count = len(results.images)
  names = list(results.mean['model'])
  rows = [['', *(name + unit_of(name).replace(' ', ', ') for name in names)]]
  for row, values in results.mean.items():
    mark = '> ' if row == 'model' else '  '
    rows.append([mark + row, *(format_value(m, values[m]) for m in names)])
  widths = [max(map(len, column)) for column in zip(*rows)]
  lines = [
    '  '.join(
      [row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]
    ).rstrip()
    for row in rows
  ]
  plural = 'image' if count == 1 else 'images'
  what = 'all pixels of' if results.counts else 'mean of'
  title = f'{results.data}: {what} {count:,} {plural}'
  return '\n'.join(filter(None, [title, *lines, results.gain()]))


def write_json(
  results: Results,
  path: str | os.PathLike,
  info: Mapping[str, Any] | None = None,
) -> pathlib.Path:
  """Writes the numbers, without the pictures, as one JSON object.

  Args:
    results: what `evaluate` returned.
    path: the file to make or replace, `<source name>.json` by convention.
    info: how the numbers came about (`task`, `config`, `command`, `machine`,
      `versions`, `commit` ...), added after `mean`, `images` and `data`.

  Returns:
    The path.

  Raises:
    ValueError: if the file cannot be written, or `info` holds one of the
      keys of the results.

  Example:

    write_json(results, 'runs/denoising/evaluation/sample_photos.json')
  """
  content = {
    'mean': {
      row: values | results.details.get(row, {})
      for row, values in results.mean.items()
    },
    'images': _without_nan(results.images),
    'data': results.data,
  } | results.facts
  info = info or {}
  if clash := content.keys() & info.keys():
    raise errors.UserError(
      f'info cannot hold {sorted(clash)}: results use them.'
    )
  text = json.dumps(
    content | dict(info), indent=2, ensure_ascii=False, default=str
  )
  return files.write(path, text.encode() + b'\n')


def numbers_path(
  folder: str | os.PathLike, name: str, measured: str | None
) -> pathlib.Path:
  """Returns the file for the numbers of a source, not another source's.

  Two folders may have one name, `a/test` and `b/test`: the second to be
  measured gets `test-2.json`, and keeps it when it is measured again.

  Args:
    folder: where the files are.
    name: of the source, safe in file names.
    measured: the images' folder, which `write_json` kept under `folder`; None
      where the name says it all.

  Example:

    >>> numbers_path('runs/denoising/evaluation', 'test', '/photos/b/test').name
    'test.json'
  """
  for count in itertools.count(1):
    number = '' if count == 1 else f'-{count}'
    path = pathlib.Path(folder) / f'{name}{number}.json'
    try:
      content = json.loads(path.read_bytes())
      if content.get('folder', measured) == measured:
        return path
    except (OSError, ValueError, AttributeError):  # None, or not of ours.
      return path


def _without_nan(values: Any) -> Any:
  """Returns nested lists and dicts with None for NaN, which JSON lacks."""
  if isinstance(values, dict):
    return {key: _without_nan(value) for key, value in values.items()}
  if isinstance(values, list):
    return [_without_nan(value) for value in values]
  return None if values != values else values
