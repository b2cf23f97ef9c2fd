"""Training curves: from the log of a run to charts.

The log is a file of JSON lines. A training line is `{'step': 50, 'loss': 0.01,
'psnr': 24.1, ...}`, a held-out one `{'step': 250, 'test_psnr': 27.9}`.
"""

from collections.abc import Sequence
import math
from typing import Any

import numpy as np

from autoencoder.evaluation import charts

HELD_OUT = 'test_'
# A chart is at most this many pixels wide, so more points would not be visible.
_MAX_POINTS = 500


def make_charts(log: Sequence[dict[str, Any]]) -> list[charts.Chart]:
  """Returns the chart of the loss, then one for each metric on held-out images.

  Of a step that is logged twice, because the run was killed and resumed, the
  last value counts. Values that are not finite are left out.

  Args:
    log: from `metrics_log.read`.

  Returns:
    Charts with at least one point each; [] for an empty log.
  """
  names = [key for line in log for key in line if key.startswith(HELD_OUT)]
  names = ['loss', 'psnr', *(name.removeprefix(HELD_OUT) for name in names)]
  made = []
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
      made.append(charts.make_training_chart(name, series, log_scale=log_scale))
  return made


def _series(log: Sequence[dict[str, Any]], name: str) -> charts.Points:
  """Returns finite `(step, value)` pairs by step; averages close neighbours."""
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


def _is_number(value: Any) -> bool:
  """Whether `value` is a finite int or float."""
  return (
    isinstance(value, int | float)
    and not isinstance(value, bool)
    and math.isfinite(value)
  )
