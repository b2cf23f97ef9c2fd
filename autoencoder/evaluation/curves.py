"""Training curves: from a log of JSON lines to the geometry of line charts.

A training line is `{'step': 50, 'loss': 0.01, 'psnr': 24.1, ...}`, a held-out
one `{'step': 250, 'test_psnr': 27.9}`. Only numbers that someone else computed
are placed here; the page draws them.
"""

from collections.abc import Sequence
import dataclasses
import json
import math
import os
import pathlib

import numpy as np

from autoencoder.evaluation import results as results_lib

HELD_OUT = 'test_'
WIDTH, HEIGHT = 560, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 26, 12, 40
# A chart is at most this many pixels wide, so more points cannot be seen.
_MAX_POINTS = 500


@dataclasses.dataclass(frozen=True)
class Tick:
  """A labelled place on an axis, `position` in the chart's pixels."""

  position: float
  label: str


@dataclasses.dataclass(frozen=True)
class Curve:
  """One line of a chart.

  Attributes:
    label: 'training', 'held-out', or what else is compared.
    points: `(x, y)` in the chart's pixels, by step.
    values: `(step, value)` of the same points.
    style: its class in the page's style sheet.
  """

  label: str
  points: list[tuple[float, float]]
  values: list[tuple[float, float]]
  style: str


@dataclasses.dataclass(frozen=True)
class Chart:
  """One quantity against another, `WIDTH` x `HEIGHT` pixels with its axes."""

  title: str
  curves: list[Curve]
  x_ticks: list[Tick]
  y_ticks: list[Tick]
  left: float = _LEFT
  right: float = WIDTH - _RIGHT
  top: float = _TOP
  bottom: float = HEIGHT - _BOTTOM
  width: float = WIDTH
  height: float = HEIGHT
  x_title: str = 'step'


def read_log(path: str | os.PathLike) -> list[dict]:
  """Returns the objects of a JSON-lines file that have a step; [] without one.

  A line cut off by a killed run is passed over.
  """
  path = pathlib.Path(path)
  if not path.is_file():
    return []
  lines = []
  for text in path.read_text(errors='replace').splitlines():
    try:
      line = json.loads(text)
    except ValueError:
      continue
    if isinstance(line, dict) and _is_number(line.get('step')):
      lines.append(line)
  return lines


def charts(log: Sequence[dict]) -> list[Chart]:
  """Returns the chart of the loss, then one for each metric on held-out images.

  A step logged twice, by a run that was killed and went on, counts once, as it
  was logged last. Values that are not finite are left out.

  Args:
    log: from `read_log`.

  Returns:
    Charts with at least one point, so maybe none.
  """
  names = [key for line in log for key in line if key.startswith(HELD_OUT)]
  names = ['loss', 'psnr', *(name.removeprefix(HELD_OUT) for name in names)]
  drawn = []
  for name in dict.fromkeys(names):
    series = {
      'training': _series(log, name),
      'held-out': _series(log, HELD_OUT + name),
    }
    series = {label: values for label, values in series.items() if values}
    if series:
      log_scale = name.endswith('loss') and all(
        value > 0 for values in series.values() for _, value in values
      )
      drawn.append(_chart(name, series, log_scale))
  return drawn


def _series(log, name) -> list[tuple[int, float]]:
  """Finite `(step, value)` in order, thinned by averaging neighbours."""
  values = {
    line['step']: line[name] for line in log if _is_number(line.get(name))
  }
  pairs = sorted(values.items())
  group = -(-len(pairs) // _MAX_POINTS)
  if group > 1:
    pairs = [
      (pairs[i][0], float(np.mean([v for _, v in pairs[i : i + group]])))
      for i in range(0, len(pairs), group)
    ]
  return pairs


def _is_number(value) -> bool:
  """Whether `value` is a finite int or float."""
  return (
    isinstance(value, (int, float))
    and not isinstance(value, bool)
    and math.isfinite(value)
  )


def _chart(name: str, series: dict, log_scale: bool) -> Chart:
  """Places the series of one quantity between two axes."""
  from matplotlib import ticker

  last = max(step for values in series.values() for step, _ in values)
  # The first few steps are far off and would flatten all the rest; the line
  # may leave the chart there. A loss on a log scale has room for them.
  early = 0 if log_scale else last * 0.04
  shown = [v for vs in series.values() for s, v in vs if s >= early]
  low, high = min(shown), max(shown)
  if log_scale:
    low, high = low / 1.1, high * 1.1
    subs = (1, 2, 5) if high / low < 300 else (1,)
    places = ticker.LogLocator(subs=subs, numticks=12).tick_values(low, high)
  else:
    margin = 0.06 * (high - low) or max(abs(high) * 0.05, 1e-3)
    low, high = low - margin, high + margin
    places = ticker.MaxNLocator(5).tick_values(low, high)
  measure = math.log if log_scale else float
  steps = ticker.MaxNLocator(6, integer=True).tick_values(0, max(last, 1))

  def x(step):
    return _LEFT + step / max(last, 1) * (WIDTH - _LEFT - _RIGHT)

  def y(value):
    part = (measure(value) - measure(low)) / (measure(high) - measure(low))
    return _TOP + (1 - part) * (HEIGHT - _TOP - _BOTTOM)

  unit = results_lib.unit_of(name).strip()
  notes = [*([unit] if unit else []), *(['log scale'] if log_scale else [])]
  return Chart(
    title=f'{name} ({", ".join(notes)})' if notes else name,
    curves=[
      Curve(label, [(x(s), y(v)) for s, v in values], values, label)
      for label, values in series.items()
    ],
    x_ticks=[Tick(x(s), f'{int(s):,}') for s in steps if 0 <= s <= last],
    y_ticks=[Tick(y(v), f'{v:.4g}') for v in places if low <= v <= high],
  )


def make_chart(
  title: str,
  series: dict[str, list[tuple[float, float]]],
  *,
  x_title: str,
) -> Chart:
  """Returns curves through points, both axes linear and fitted to them.

  Args:
    title: of the chart.
    series: `{label: [(x, y), ...]}` by growing x; the last is drawn on top.
    x_title: of the horizontal axis.
  """
  from matplotlib import ticker

  xs, ys = np.array([pair for pairs in series.values() for pair in pairs]).T

  def scale(values, low_pixel, high_pixel, low):
    high = max(values) + 0.04 * (max(values) - low) or 1.0
    low = low - 0.04 * (max(values) - low)

    def place(value):
      part = (value - low) / (high - low)
      return float(low_pixel + part * (high_pixel - low_pixel))

    ticks = ticker.MaxNLocator(6).tick_values(low, high)
    return place, [t for t in ticks if low <= t <= high]

  x, x_ticks = scale(xs, _LEFT, WIDTH - _RIGHT, 0.0)
  y, y_ticks = scale(ys, HEIGHT - _BOTTOM, _TOP, min(ys))
  return Chart(
    title=title,
    curves=[
      Curve(label, [(x(a), y(b)) for a, b in pairs], pairs, f'series-{index}')
      for index, (label, pairs) in enumerate(reversed(series.items()))
    ][::-1],
    x_ticks=[Tick(x(t), f'{t:.4g}') for t in x_ticks],
    y_ticks=[Tick(y(t), f'{t:.4g}') for t in y_ticks],
    x_title=x_title,
  )
