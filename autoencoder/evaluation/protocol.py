"""The measurement of a model on a data set, by the metrics of its task.

It follows the usual protocol: every image gets the same seed, so that its
corruption depends on its own shape and the seed alone, and noise is neither
clipped nor quantised.
"""

from collections.abc import Callable
import sys
from typing import Any
from typing import NamedTuple

import numpy as np
import tqdm

from autoencoder import errors
from autoencoder.data import labels
from autoencoder.evaluation import items
from autoencoder.evaluation import measurement
from autoencoder.evaluation import results as results_lib
from autoencoder.tasks import task as tasks

_GREY = (
  'NOTE: all of these images are grey. They have no colours to compare with, '
  'so the numbers say nothing about the model. Give colour images.'
)


def evaluate(
  predict: Callable[[np.ndarray], Any],
  task: tasks.Task,
  config: Any,
  source: Any,
  *,
  seed: int = 0,
  progress: bool = True,
) -> results_lib.Results:
  """Measures the model, the baselines and the raw input on every image.

  Images of any size are measured one at a time. Each new shape is compiled
  once; `seconds` leaves out that time.

  An image is left out if it cannot be read or measured, for example because
  the output or a metric is not finite. The reason is printed on stderr and kept
  as `failed` in the results' `facts`.

  Args:
    predict: the model, `[1, H, W, C]` float32 -> `[1, H', W', C_out]`.
    task: the task to measure. Its `baselines` get one NumPy example without the
      batch axis, its `unprocessed` one with it. Baselines whose library is
      missing are left out, with a printed line.
    config: the experiment's configuration. `evaluation.max_images` bounds the
      number of images (0 is all), `evaluation.center_crop` their size, and
      `evaluation.report_images` the number of pictures kept.
    source: `len(source)`, `source[i] -> {'image': uint8 [H, W, C], 'name': str,
      'label'?: int32 [H, W]}` and `source.name`.
    seed: of the corruption: every image gets `jax.random.key(seed)`.
    progress: whether to show a progress bar on stderr.

  Returns:
    The results, with the rows `input`, baselines, `model` in this order.
    Pictures show the middle of an image, at most 1024 pixels a side and less
    if many are kept.

  Raises:
    UserError: the source is empty, every image is left out, or a label is
      wrong.

  Example:

    results = evaluate(predict, TASK, config, source)
    print(table(results))
  """
  measure = measurement.Measurement(predict, task, config, seed)
  measured, totals, failed = _measure_all(measure, config, source, progress)
  if not measured:
    raise errors.UserError(
      f'No image of {source.name} could be measured: {failed[0]}'
    )
  measured, note, all_grey = _check_colors(measured, task, config, source)
  absent = items.note_on_classes(task, totals.get('model', {}), config)
  note = ' '.join(filter(None, (note, absent)))
  if progress:
    for name, reason in measure.left_out.items():
      print(f'Left out: {name}, {reason}.')
    if note:
      print(f'NOTE: {note}')
  images = [each.entry for each in measured]
  mean = _mean(images)
  details: dict[str, dict[str, Any]] = {}
  if task.counts is not None:
    for row, counts in totals.items():
      mean[row], details[row] = task.summarise_counts(counts, config)
      if not all(map(np.isfinite, mean[row].values())):
        raise errors.UserError(
          f'No pixel of {source.name} counts: all its labels are void '
          '(data.ignore).'
        )
  return results_lib.Results(
    mean,
    images,
    source.name,
    [each.picture for each in measured if each.picture is not None],
    details=details,
    titles=task.titles,
    counts=totals if task.counts is not None else {},
    legend=task.legend(config) if task.legend is not None else {},
    facts=({'failed': failed} if failed else {})
    | ({'note': note} if note else {}),
    conclusion=_GREY if all_grey else '',
  )


class _Measured(NamedTuple):
  """The numbers of one image, its picture if kept, and whether it is grey."""

  entry: dict[str, Any]
  picture: results_lib.Picture | None
  grey: bool


def _measure_all(
  measure: measurement.Measurement, config: Any, source: Any, progress: bool
) -> tuple[list[_Measured], dict[str, dict[str, np.ndarray]], list[str]]:
  """Returns measured images, summed counts by row, and errors of the others."""
  count = items.count_images(config, source)
  shown = min(count, config.evaluation.report_images)
  measured, failed = [], []
  totals: dict[str, dict[str, np.ndarray]] = {}
  bar = tqdm.tqdm(
    total=count,
    desc='evaluating',
    unit='image',
    leave=False,
    disable=None if progress else True,  # None: only on a terminal.
  )
  with bar:
    for index in range(count):
      try:
        item = items.read_item(config, source, index)
        bar.set_postfix_str(item['name'])
        entry, counts, picture = measure.image(item, shown, index < shown)
        grey = items.is_grey(item)
      except labels.WrongLabel:
        raise  # Leaving the image out would measure another data set.
      except ValueError as error:
        failed.append(str(error))
        tqdm.tqdm.write(f'error: {error}', file=sys.stderr)
      else:
        measured.append(_Measured(entry, picture, grey))
        for row, summed in counts.items():
          totals[row] = items.add_counts(totals.get(row), summed)
      bar.update()
  return measured, totals, failed


def _check_colors(
  measured: list[_Measured], task: tasks.Task, config: Any, source: Any
) -> tuple[list[_Measured], str, bool]:
  """Leaves out grey images if the task makes colours.

  Grey is their perfect output, so they would dominate the mean.

  Returns:
    The images that count, a note for the person ('' for none), and whether all
    images are grey although the task makes colours. Then all are kept.
  """
  grey = [each.entry['name'] for each in measured if each.grey]
  if not task.makes_colors:
    return measured, items.note_on_color(source, config, len(grey)), False
  if len(grey) == len(measured):
    return measured, '', True
  if not grey:
    return measured, '', False
  colored = [each for each in measured if not each.grey]
  return colored, f'left out, as grey: {", ".join(grey)}.', False


def _mean(images: list[dict[str, Any]]) -> dict[str, results_lib.Metrics]:
  """Returns the mean over images of each metric of each row."""
  rows = [row for row in images[0] if row not in ('name', 'size', 'seconds')]
  return {
    row: {
      metric: float(np.mean([entry[row][metric] for entry in images]))
      for metric in images[0][row]
    }
    for row in rows
  }
