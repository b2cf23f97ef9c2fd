"""The measurement of one image: every method, by the metrics of a task."""

from collections.abc import Callable
import time
from typing import Any

import jax
import numpy as np

from autoencoder.evaluation import items
from autoencoder.evaluation import results as results_lib
from autoencoder.tasks import task as tasks

OutputsByRow = dict[str, tasks.Array]
Counts = dict[str, np.ndarray]


class Measurement:
  """Applies a task's functions to single images, compiled once per shape.

  Args:
    predict: the model, `[1, H, W, C]` float32 -> `[1, H', W', C_out]`.
    task: the task to measure.
    config: the experiment's configuration.
    seed: of the corruption, the same for every image.

  Attributes:
    left_out: baselines that cannot run here, and why.
  """

  def __init__(
    self,
    predict: Callable[[np.ndarray], Any],
    task: tasks.Task,
    config: Any,
    seed: int,
  ):
    self._predict, self._task, self._config = predict, task, config
    # The key is an argument of the compiled function, not a constant in it.
    self._key = jax.random.key(seed)
    self._make = jax.jit(lambda key, item: task.make_example(key, item, config))
    self._metrics = _InOrder(task.metrics, config)
    self._picture = _InOrder(task.picture, config)
    count = task.counts
    self._counts: Callable[..., Any] | None = None
    if count is not None:
      self._counts = jax.jit(
        lambda outputs, example: count(outputs, example, config)
      )
    self._compiled: set[tuple[int, ...]] = set()
    self.left_out: dict[str, str] = {}

  def image(
    self, item: dict[str, Any], shown: int, with_picture: bool
  ) -> tuple[dict[str, Any], dict[str, Counts], results_lib.Picture | None]:
    """Returns the image's numbers, its counts by row, and its picture.

    Args:
      item: of the source.
      shown: number of pictures in the report.
      with_picture: whether to make a picture of this image.

    Raises:
      ValueError: the image cannot be measured; the message names it.
    """
    name = item['name']
    entry: dict[str, Any] = {'name': name}
    counts: dict[str, Counts] = {}
    picture = None
    try:
      example, by_row, seconds = self._run_all(item)
      for row, outputs in by_row.items():
        entry[row], counts[row] = self._measure(row, outputs, example, name)
      if with_picture:
        picture = items.make_picture(name, self._panels(by_row, example), shown)
    except (ValueError, MemoryError, jax.errors.JaxRuntimeError) as error:
      reason = (str(error).splitlines() or ['out of memory'])[0]
      if repr(name) not in reason:
        reason = f'image {name!r}: {reason}'
      raise ValueError(reason) from error
    entry['size'] = list(item['image'].shape[:2])
    entry['seconds'] = seconds
    return entry, counts, picture

  def _run_all(
    self, item: dict[str, Any]
  ) -> tuple[tasks.Example, OutputsByRow, dict[str, float]]:
    """Returns the NumPy example with a batch axis, outputs and times by row."""
    features = {k: v for k, v in item.items() if k != 'name'}
    features['image'] = item['image'].astype(np.float32) / 255
    made = self._make(self._key, features)
    one = jax.tree.map(np.asarray, made)
    example = jax.tree.map(lambda x: x[None], one)
    by_row: OutputsByRow = {}
    seconds = {}
    if self._task.unprocessed is not None:
      by_row['input'] = self._task.unprocessed(example, self._config)
    for name, baseline in self._task.baselines.items():
      start = time.perf_counter()
      try:
        by_row[name] = np.asarray(baseline(one, self._config))[None]
      except ImportError as error:
        self.left_out[name] = str(error)
        continue
      seconds[name] = time.perf_counter() - start
    if example.inputs.shape not in self._compiled:
      jax.block_until_ready(self._predict(example.inputs))
      self._compiled.add(example.inputs.shape)
    start = time.perf_counter()
    by_row['model'] = np.asarray(self._predict(example.inputs))
    seconds['model'] = time.perf_counter() - start
    return example, by_row, {k: round(v, 6) for k, v in seconds.items()}

  def _measure(
    self, row: str, outputs: tasks.Array, example: tasks.Example, name: str
  ) -> tuple[results_lib.Metrics, Counts]:
    """Returns one method's metrics, and its counts if the task has any.

    Raises:
      ValueError: the output or a metric is not finite. Metrics computed from
        counts may be NaN, if no pixel of the image counts.
    """
    bad = int(np.sum(~np.isfinite(outputs)))
    if bad:
      raise ValueError(
        f'The output of {row} for image {name!r} has {bad:,} values of '
        f'{np.size(outputs):,} that are not finite, so it cannot be measured.'
      )
    if self._counts is not None:
      counts = {
        name: np.asarray(x)[0]
        for name, x in self._counts(outputs, example).items()
      }
      return self._task.summarise_counts(counts, self._config)[0], counts
    values = {
      metric: float(value[0])
      for metric, value in self._metrics(outputs, example).items()
    }
    for metric, value in values.items():
      if not np.isfinite(value):
        raise ValueError(f'{metric} of {row} on image {name!r} is {value}.')
    return values, {}

  def _panels(
    self, by_row: OutputsByRow, example: tasks.Example
  ) -> dict[str, np.ndarray]:
    """Returns the task's panels, with the baselines' outputs among them."""
    panels = self._picture(by_row['model'], example)
    if not {'output', 'target'} <= panels.keys():
      raise ValueError(
        "task.picture must return panels 'output' and 'target'; got "
        f'{", ".join(map(repr, panels)) or "none"}.'
      )
    ordered = {}
    for title, panel in panels.items():
      if title == 'output':
        for name in self._task.baselines:
          if name not in self.left_out:
            shown = self._picture(by_row[name], example)
            ordered[name] = shown['output'][0]
      ordered[title] = panel[0]
    return ordered


class _InOrder:
  """Compiles a function that returns a dict, and keeps the dict's order.

  `jax.jit` sorts dicts by their keys, but the first metric is the headline,
  and panels are in reading order.

  Args:
    function: `(outputs, example, config) -> dict`.
    config: its last argument.
  """

  def __init__(self, function: Callable[..., dict[str, Any]], config: Any):
    self._function, self._config = function, config
    self._names: list[str] = []
    self._compiled = jax.jit(self._values)

  def __call__(self, outputs: Any, example: tasks.Example) -> dict[str, Any]:
    values = self._compiled(outputs, example)  # Tracing sets the names.
    return dict(zip(self._names, values))

  def _values(self, outputs: Any, example: tasks.Example) -> list[Any]:
    found = self._function(outputs, example, self._config)
    self._names = list(found)
    return list(found.values())
