"""The geometry of line charts, which the page draws.

Coordinates are in pixels from the chart's top left corner.
"""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import math

from autoencoder.evaluation import formats

WIDTH, HEIGHT = 560, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 26, 12, 40

Points = list[tuple[float, float]]


@dataclasses.dataclass(frozen=True)
class Tick:
  """A label at `position` along an axis."""

  position: float
  label: str


@dataclasses.dataclass(frozen=True)
class Curve:
  """One line of a chart.

  Attributes:
    label: for the legend.
    points: `(x, y)` in the chart's pixels.
    values: the numbers at these points.
    style: the line's class in the page's style sheet.
  """

  label: str
  points: Points
  values: Points
  style: str


@dataclasses.dataclass(frozen=True)
class Chart:
  """One quantity against another, `WIDTH` x `HEIGHT` pixels with the axes."""

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


def make_training_chart(
  name: str, series: Mapping[str, Points], *, log_scale: bool
) -> Chart:
  """Returns the chart of a quantity against the training step.

  Args:
    name: of the quantity, a metric or a loss.
    series: `{label: [(step, value), ...]}` by growing step; a label is also
      the curve's style.
    log_scale: whether the vertical axis is logarithmic.
  """
  from matplotlib import ticker

  last = max(step for values in series.values() for step, _ in values)
  # Values of the first few steps would flatten the rest of the curve, so it
  # may leave the chart there. A logarithmic axis has room for them.
  early = 0 if log_scale else last * 0.04
  shown = [v for vs in series.values() for s, v in vs if s >= early]
  low, high = min(shown), max(shown)
  locator: ticker.Locator
  if log_scale:
    low, high = low / 1.1, high * 1.1
    subs = (1, 2, 5) if high / low < 300 else (1,)
    locator = ticker.LogLocator(subs=subs, numticks=12)
  else:
    margin = 0.06 * (high - low) or max(abs(high) * 0.05, 1e-3)
    low, high = low - margin, high + margin
    locator = ticker.MaxNLocator(5)
  places = locator.tick_values(low, high)
  measure: Callable[[float], float] = math.log if log_scale else float
  steps = ticker.MaxNLocator(6, integer=True).tick_values(0, max(last, 1))

  def x(step):
    return _LEFT + step / max(last, 1) * (WIDTH - _LEFT - _RIGHT)

  def y(value):
    part = (measure(value) - measure(low)) / (measure(high) - measure(low))
    return _TOP + (1 - part) * (HEIGHT - _TOP - _BOTTOM)

  unit = formats.unit_of(name).strip()
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
  title: str, series: Mapping[str, Points], *, x_title: str
) -> Chart:
  """Returns curves through points, both axes linear and fitted to them.

  The horizontal axis starts at 0.

  Args:
    title: of the chart.
    series: `{label: [(x, y), ...]}` by growing x. The last is drawn on top.
    x_title: of the horizontal axis.
  """
  xs = [x for points in series.values() for x, _ in points]
  ys = [y for points in series.values() for _, y in points]
  x, x_ticks = _linear_axis(0.0, xs, _LEFT, WIDTH - _RIGHT)
  y, y_ticks = _linear_axis(min(ys), ys, HEIGHT - _BOTTOM, _TOP)
  return Chart(
    title=title,
    curves=[
      Curve(label, [(x(a), y(b)) for a, b in pairs], pairs, f'series-{left}')
      for left, (label, pairs) in zip(
        reversed(range(len(series))), series.items()
      )
    ],
    x_ticks=x_ticks,
    y_ticks=y_ticks,
    x_title=x_title,
  )


def _linear_axis(
  low: float, values: Sequence[float], first: float, last: float
) -> tuple[Callable[[float], float], list[Tick]]:
  """Returns the function from values to pixels, and the ticks.

  Args:
    low: the least value to show.
    values: those to show.
    first: the pixel at the low end of the axis.
    last: the pixel at the high end.
  """
  from matplotlib import ticker

  high = max(values) + 0.04 * (max(values) - low) or 1.0
  low = low - 0.04 * (max(values) - low)

  def place(value: float) -> float:
    part = (value - low) / (high - low)
    return float(first + part * (last - first))

  ticks = ticker.MaxNLocator(6).tick_values(low, high)
  return place, [Tick(place(t), f'{t:.4g}') for t in ticks if low <= t <= high]
