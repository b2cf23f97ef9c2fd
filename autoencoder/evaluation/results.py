"""The results of an evaluation: numbers, pictures, charts and figures."""

from collections.abc import Mapping
import dataclasses
from typing import Any

import numpy as np

from autoencoder.evaluation import charts as charts_lib
from autoencoder.evaluation import formats

Metrics = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Picture:
  """The panels of one evaluated image.

  Attributes:
    name: the image's name in its source.
    panels: `[H, W, 3]` uint8 by title, in reading order, all of one size. The
      answers of baselines come before `output`, under the baselines' names.
    offset: rows and columns cut off above and to the left, in pixels.
    size: height and width of the whole image, in pixels. The panels are
      smaller if they show only its middle.
  """

  name: str
  panels: dict[str, np.ndarray]
  offset: tuple[int, int]
  size: tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Figure:
  """A picture that is not of an evaluated image, such as learned filters.

  Attributes:
    title: heading in the report, and name of the file in `pictures/`.
    caption: describes the figure in a sentence or two.
    pixels: `[H, W, 3]` uint8.
  """

  title: str
  caption: str
  pixels: np.ndarray


@dataclasses.dataclass(frozen=True)
class Results:
  """The numbers of one evaluation, and pictures of its first images.

  Attributes:
    mean: `{row: {metric: value}}`. Rows are `input` (if the task has an
      unprocessed answer), the baselines, and `model`. Values are means over
      images, or for a task with `counts` computed from the summed counts.
    images: for each image, in the source's order, `{'name', row: {metric:
      value}..., 'size': [H, W], 'seconds': {row: seconds}}`.
    data: name of the source.
    pictures: of the first images, for the report.
    facts: further findings as JSON values, kept in the JSON file.
    charts: for the report.
    figures: for the report.
    conclusion: the result in a sentence, if comparing the mean with the best
      baseline is not enough; else empty.
    details: `{row: {name: list or dict}}`, values computed from the summed
      counts that are not one number. The JSON file holds them with the means.
    titles: headings of `details` in the report, by name.
    counts: `{row: {name: array}}`, the summed counts.
    legend: `{meaning: (red, green, blue)}`, out of 255, of colours in panels;
      empty if panels have natural colours.
  """

  mean: dict[str, Metrics]
  images: list[dict[str, Any]]
  data: str
  pictures: list[Picture]
  facts: dict[str, Any] = dataclasses.field(default_factory=dict)
  charts: list[charts_lib.Chart] = dataclasses.field(default_factory=list)
  figures: list[Figure] = dataclasses.field(default_factory=list)
  conclusion: str = ''
  details: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
  titles: Mapping[str, str] = dataclasses.field(default_factory=dict)
  counts: dict[str, dict[str, np.ndarray]] = dataclasses.field(
    default_factory=dict
  )
  legend: dict[str, tuple[int, int, int]] = dataclasses.field(
    default_factory=dict
  )

  def headline(self) -> str:
    """Returns the most important metric: the task's first."""
    return next(iter(self.mean['model']))

  def best_baseline(self) -> str | None:
    """Returns the row to compare the model with.

    It is the best baseline, or `input` without baselines, or None.
    """
    rows = [row for row in self.mean if row not in ('input', 'model')]
    rows = rows or [row for row in self.mean if row == 'input']
    metric = self.headline()
    return max(rows, key=lambda row: self.mean[row][metric], default=None)

  def summary(self) -> str:
    """Returns the conclusion, or one that compares model and best baseline.

    It is empty if there is neither.
    """
    if self.conclusion:
      return self.conclusion
    baseline, metric = self.best_baseline(), self.headline()
    if baseline is None:
      return ''
    gain = self.mean['model'][metric] - self.mean[baseline][metric]
    size = formats.format_value(metric, abs(gain)) + formats.unit_of(metric)
    side = 'above' if gain >= 0 else 'below'
    other = (
      'the input' if baseline == 'input' else f'the best baseline, {baseline}'
    )
    return f'The model is {size} {side} {other}, in mean {metric}.'


def panel_values(
  entry: Mapping[str, dict[str, float]], title: str
) -> dict[str, float]:
  """Returns the metrics of a panel: none for the target or a mask.

  Args:
    entry: an element of `Results.images`.
    title: of the panel.
  """
  return entry.get('model' if title == 'output' else title, {})
