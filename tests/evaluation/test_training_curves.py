"""Training curves: reading the log, selecting values, drawing."""

import json

import numpy as np
import pytest

from autoencoder.evaluation import training_curves
from autoencoder.runs import metrics_log


def write_log(path, lines):
  path.write_text('\n'.join(map(json.dumps, lines)) + '\n')


def test_an_incomplete_log_is_read(log, tmp_path):
  path = tmp_path / 'metrics.jsonl'
  assert metrics_log.read(tmp_path) == []
  write_log(path, log)
  with path.open('a') as file:
    file.write('7\n{"loss": 1.0}\n{"step": "x", "loss": 2}\n\n{"step": 25')
  assert metrics_log.read(tmp_path) == log


def test_curves_keep_the_last_value_of_a_step_and_finite_ones(log):
  log += [
    {'step': 100, 'loss': 0.025},
    {'step': 250, 'loss': float('nan'), 'test_psnr': float('inf')},
    {'step': 250, 'loss': 'high', 'psnr': None},
  ]
  loss, psnr = training_curves.make_charts(log)
  assert [curve.label for curve in loss.curves] == ['training']
  assert loss.curves[0].values == [
    (50, 0.04), (100, 0.025), (150, 0.01), (200, 0.005),
  ]  # fmt: skip
  assert [curve.label for curve in psnr.curves] == ['training', 'held-out']
  assert psnr.curves[1].values == [(100, 23.0), (200, 25.0)]


def test_curves_have_the_right_geometry(log):
  loss, psnr = training_curves.make_charts(log)
  y = dict(zip((50, 100, 150, 200), [p[1] for p in loss.curves[0].points]))
  # On a log scale equal ratios are equal distances.
  assert y[100] - y[50] == pytest.approx(y[150] - y[100])
  assert y[100] > y[50]
  (x0, y0), (x1, y1) = psnr.curves[1].points
  assert (x1 - x0) / (psnr.right - psnr.left) == pytest.approx(0.5)
  assert x1 == psnr.right and y1 < y0
  for chart in (loss, psnr):
    assert len(chart.x_ticks) >= 3 and len(chart.y_ticks) >= 3
    for tick in chart.x_ticks:
      assert chart.left <= tick.position <= chart.right
    for tick in chart.y_ticks:
      assert chart.top <= tick.position <= chart.bottom
  ticks = {float(tick.label): tick.position for tick in psnr.y_ticks}
  assert ticks[26] == pytest.approx(psnr.curves[0].points[2][1])


def test_a_long_log_is_thinned_and_keeps_its_mean():
  rng = np.random.default_rng(0)
  log = [{'step': i, 'loss': 1 + rng.uniform()} for i in range(4000)]
  (chart,) = training_curves.make_charts(log)
  values = [value for _, value in chart.curves[0].values]
  assert len(values) == 500
  assert np.mean(values) == pytest.approx(np.mean([p['loss'] for p in log]))


@pytest.mark.parametrize('value', [0.0, 3.0, -2.0])
def test_a_flat_or_single_curve_can_be_drawn(value):
  for log in (
    [{'step': 0, 'loss': value}],
    [{'step': 10, 'test_iou': value}, {'step': 20, 'test_iou': value}],
  ):
    (chart,) = training_curves.make_charts(log)
    for x, y in chart.curves[0].points:
      assert chart.left <= x <= chart.right
      assert chart.top < y < chart.bottom
