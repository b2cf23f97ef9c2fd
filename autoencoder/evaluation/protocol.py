"""The measurement: every image, every method, the task's own metrics.

The protocol is the field's: the generator is seeded anew for each image, so
an image's corruption depends on nothing but the image's own shape and the
seed, and noise is neither clipped nor quantised.
"""

from collections.abc import Callable
import sys
import time
from typing import Any
from typing import NamedTuple

import jax
import numpy as np
import tqdm

from autoencoder import errors
from autoencoder.data import labels
from autoencoder.evaluation import items
from autoencoder.evaluation import results as results_lib
from autoencoder.tasks import task as tasks

_GREY = (
  'NOTE: all of these images are grey: there are no colours to compare with, '
  'and the numbers say nothing about the model. Give colour images.'
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

  Images are taken one at a time, whatever their sizes; each new shape is
  compiled once, and that time is not counted in `seconds`.

  An image that cannot be read or measured (an answer or a metric may not be
  finite) is left out: a line on stderr says why, and so does `failed` among
  the results' `facts`.

  Args:
    predict: the model, `[1, H, W, C]` float32 -> `[1, H', W', C_out]`.
    task: what is measured. Its `baselines` get one NumPy example without the
      batch axis, its `unprocessed` one with it. Baselines whose library is
      not installed are left out, and a line says so.
    config: the experiment's config; `evaluation.max_images` bounds the images
      measured (0 is all), `evaluation.center_crop` their size, and
      `evaluation.report_images` the pictures kept.
    source: `len(source)`, `source[i] -> {'image': uint8 [H, W, C], 'name': str,
      'label'?: int32 [H, W]}` and `source.name`.
    seed: seeds the corruption, `jax.random.key(seed)` for *each* image.
    progress: whether to show a progress bar, on stderr.

  Returns:
    `Results`, rows in the order `input`, baselines, `model`. Pictures hold at
    most 1024 pixels a side, less where many are kept: the image's middle.

  Raises:
    ValueError: if the source is empty, every image is left out, or a label is
      wrong.

  Example:

    results = evaluate(predict, TASK, config, source)
    print(table(results))
  """
  count = items.count_images(config, source)
  measure = _Measure(predict, task, config, seed)
  shown = min(count, config.evaluation.report_images)
  measured, totals, failed = [], {}, []
  bar = tqdm.tqdm(
    total=count,
    desc='evaluating',
    unit='image',
    leave=False,
    disable=None if progress else True,  # None: only in a terminal.
  )
  with bar:
    for index in range(count):
      try:
        item = items.read_item(config, source, index)
        bar.set_postfix_str(item['name'])
        entry, counts, picture = measure.image(item, shown, index < shown)
        grey = items.is_grey(item)
      except labels.WrongLabel:
        raise  # Without the image the numbers would be those of another set.
      except ValueError as error:
        failed.append(str(error))
        tqdm.tqdm.write(f'error: {error}', file=sys.stderr)
      else:
        measured.append(_Measured(entry, picture, grey))
        for row, summed in counts.items():
          totals[row] = items.add_counts(totals.get(row), summed)
      bar.update()
  if not measured:
    raise errors.UserError(
      f'No image of {source.name} could be measured: {failed[0]}'
    )
  facts = {'failed': failed} if failed else {}
  colorless = [each.entry['name'] for each in measured if each.grey]
  all_grey = task.makes_colors and len(colorless) == len(measured)
  note = ''
  if not task.makes_colors:
    note = items.note_on_color(source, config, len(colorless))
  elif colorless and not all_grey:
    # Grey for an answer would be perfect there, and outweigh all others.
    measured = [each for each in measured if not each.grey]
    note = f'left out, as grey: {", ".join(colorless)}.'
  absent = items.note_on_classes(task, totals.get('model', {}), config)
  note = ' '.join(filter(None, (note, absent)))
  if note:
    facts['note'] = note
  images = [each.entry for each in measured]
  if progress:
    for name, reason in measure.left_out.items():
      print(f'Left out: {name}, {reason}.')
    if note:
      print(f'NOTE: {note}')
  rows = [row for row in images[0] if row not in ('name', 'size', 'seconds')]
  mean = {
    row: {
      metric: float(np.mean([entry[row][metric] for entry in images]))
      for metric in images[0][row]
    }
    for row in rows
  }
  details = {}
  if task.counts is not None:
    for row, counts in totals.items():
      mean[row], details[row] = task.summarise_counts(counts, config)
      if not all(map(np.isfinite, mean[row].values())):
        raise errors.UserError(
          f'No pixel of {source.name} counts: all its labels are void '
          '(data.ignore).'
        )
  legend = task.legend(config) if task.legend is not None else {}
  return results_lib.Results(
    mean,
    images,
    source.name,
    [picture for each in measured for picture in each.picture],
    details=details,
    counts=totals if task.counts is not None else {},
    legend=legend,
    facts=facts,
    conclusion=_GREY if all_grey else '',
  )


class _Measured(NamedTuple):
  """One image's numbers, its picture in a list, and whether it is grey."""

  entry: dict[str, Any]
  picture: list[results_lib.Picture]
  grey: bool


class _Measure:
  """The task's functions, compiled once a shape, applied to single images."""

  def __init__(self, predict, task, config, seed):
    self._predict, self._task, self._config = predict, task, config
    # A key made outside is an argument of the compiled function; one seed and
    # one key for all images are the protocol.
    self._key = jax.random.key(seed)
    self._make = jax.jit(lambda key, item: task.make_example(key, item, config))
    self._metrics = jax.jit(self._compute_metrics)
    self._counts = jax.jit(
      lambda outputs, example: task.counts(outputs, example, config)
    )
    self._drawn = jax.jit(self._compute_panels)
    self._warm = set()
    # Baselines that cannot run here, and why.
    self.left_out = {}

  def image(self, item, shown, with_picture):
    """Returns one image's numbers, counts by row, and its picture in a list.

    Raises:
      ValueError: it cannot be measured; the message names it.
    """
    name = item['name']
    entry, counts = {'name': name}, {}
    try:
      example, answers, seconds = self.answers(item)
      for row, outputs in answers.items():
        entry[row], counts[row] = self.metrics(row, outputs, example, name)
      picture = []
      if with_picture:
        picture = [self.picture(item, answers, example, shown)]
    except (ValueError, MemoryError, jax.errors.JaxRuntimeError) as error:
      reason = (str(error).splitlines() or ['out of memory'])[0]
      named = repr(name) in reason
      raise errors.UserError(
        reason if named else f'image {name!r}: {reason}'
      ) from error
    entry['size'] = list(item['image'].shape[:2])
    entry['seconds'] = seconds
    return entry, counts, picture

  def answers(self, item):
    """Returns the NumPy example with a batch axis, and `{row: outputs}`."""
    features = {k: v for k, v in item.items() if k != 'name'}
    features['image'] = item['image'].astype(np.float32) / 255
    made = self._make(self._key, features)
    one = jax.tree.map(np.asarray, made)
    example = jax.tree.map(lambda x: x[None], one)
    answers, seconds = {}, {}
    if self._task.unprocessed is not None:
      answers['input'] = self._task.unprocessed(example, self._config)
    for name, baseline in self._task.baselines.items():
      start = time.perf_counter()
      try:
        answers[name] = np.asarray(baseline(one, self._config))[None]
      except ImportError as error:
        self.left_out[name] = str(error)
        continue
      seconds[name] = time.perf_counter() - start
    if example.inputs.shape not in self._warm:
      jax.block_until_ready(self._predict(example.inputs))
      self._warm.add(example.inputs.shape)
    start = time.perf_counter()
    answers['model'] = np.asarray(self._predict(example.inputs))
    seconds['model'] = time.perf_counter() - start
    return example, answers, {k: round(v, 6) for k, v in seconds.items()}

  def metrics(self, row, outputs, example, name):
    """Returns one image's metrics, and its counts if the task sums those.

    Raises:
      ValueError: the answer or a metric is not finite. What is made of counts
        may be NaN, where nothing in the image counts.
    """
    bad = int(np.sum(~np.isfinite(outputs)))
    if bad:
      raise errors.UserError(
        f"{row}'s answer to image {name!r} has {bad:,} values of "
        f'{np.size(outputs):,} that are not finite, so it cannot be measured.'
      )
    if self._task.counts is not None:
      counts = self._counts(outputs, example)
      counts = {name: np.asarray(x)[0] for name, x in counts.items()}
      return self._task.summarise_counts(counts, self._config)[0], counts
    values = self._metrics(outputs, example)
    values = {m: float(v[0]) for m, v in zip(self._names, values)}
    _check_finite(values, f'{row} on image {name!r}')
    return values, {}

  def _compute_metrics(self, outputs, example):
    """The metrics in the task's order, headline first: `jit` sorts dicts."""
    values = self._task.metrics(outputs, example, self._config)
    self._names = list(values)
    return list(values.values())

  def _compute_panels(self, outputs, example):
    """The panels in the task's order."""
    panels = self._task.picture(outputs, example, self._config)
    self._titles = list(panels)
    return list(panels.values())

  def _panels(self, outputs, example):
    """Returns the panels of one method's answer, by title."""
    panels = self._drawn(outputs, example)
    return dict(zip(self._titles, panels))

  def picture(self, item, answers, example, shown):
    """Returns the panels of one image, every method's through the task."""
    panels = dict(self._panels(answers['model'], example))
    if not {'output', 'target'} <= panels.keys():
      raise errors.UserError(
        "task.picture must return panels 'output' and 'target'; got "
        f'{", ".join(map(repr, panels)) or "none"}.'
      )
    ordered = {}
    for title, panel in panels.items():
      if title == 'output':
        for name in self._task.baselines:
          if name in self.left_out:
            continue
          ordered[name] = self._panels(answers[name], example)['output']
      ordered[title] = panel
    return items.make_picture(
      item['name'],
      {title: panel[0] for title, panel in ordered.items()},
      shown,
    )


def _check_finite(values, where):
  """Raises `ValueError` for a metric that is NaN or infinite."""
  for metric, value in values.items():
    if not np.isfinite(value):
      raise errors.UserError(f'{metric} of {where} is {value}.')
