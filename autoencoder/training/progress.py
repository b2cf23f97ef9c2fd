"""A progress bar in a terminal; elsewhere a line every few seconds."""

import sys
import time
from typing import TextIO

from tqdm import tqdm


class Progress:
  """Shows the step, the metrics, the images per second and the time left.

  Args:
    first_step: the step that this session starts from.
    steps: the step that it ends at.
    batch_size: images per step.
    stream: where to write; standard error by default.
    seconds_between_lines: shortest time between two lines of a log file.
  """

  def __init__(
    self,
    first_step: int,
    steps: int,
    batch_size: int,
    *,
    stream: TextIO | None = None,
    seconds_between_lines: float = 10.0,
  ):
    self._stream = stream or sys.stderr
    self._batch_size = batch_size
    self._steps = steps
    self._pause = seconds_between_lines
    self._last_line = -float('inf')
    self._bar = None
    if self._stream.isatty():
      self._bar = tqdm(
        total=steps,
        initial=first_step,
        unit='step',
        file=self._stream,
        dynamic_ncols=True,
        bar_format=(
          'step {n_fmt}/{total_fmt} |{bar:24}| {desc}, {remaining} left'
        ),
        desc='compiling',
      )

  def __enter__(self) -> 'Progress':
    return self

  def __exit__(self, *unused_exception) -> None:
    if self._bar is not None:
      self._bar.close()

  def advance(self) -> None:
    """Counts one finished step."""
    if self._bar is not None:
      self._bar.update()

  def show(
    self, step: int, metrics: dict[str, float], steps_per_second: float
  ) -> None:
    """Shows the mean metrics of the last steps."""
    values = ', '.join(f'{name} {_short(v)}' for name, v in metrics.items())
    rate = f'{self._batch_size * steps_per_second:,.0f} images/s'
    if self._bar is not None:
      self._bar.set_description_str(f'{values}, {rate}')
      return
    now = time.monotonic()
    if now - self._last_line < self._pause and step < self._steps:
      return
    self._last_line = now
    left = (self._steps - step) / max(steps_per_second, 1e-9)
    print(
      f'step {step}/{self._steps}: {values}, {rate}, '
      f'{tqdm.format_interval(left)} left',
      file=self._stream,
      flush=True,
    )


def _short(value: float) -> str:
  """Returns two decimals for decibels, three digits for small losses."""
  return f'{value:.2f}' if abs(value) >= 1 else f'{value:.3g}'
