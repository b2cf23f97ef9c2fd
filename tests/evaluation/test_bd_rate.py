"""The Bjontegaard delta against closed forms and the original polynomial."""

import numpy as np
import pytest

from autoencoder.evaluation import bd_rate

RATES = np.array([0.2, 0.4, 0.7, 1.0, 1.5])


def _log_curve(slope, offset):
  return [(rate, slope * np.log2(rate) + offset) for rate in RATES]


def test_a_constant_factor_is_found():
  reference = _log_curve(4, 32)
  scaled = [(0.7 * rate, quality) for rate, quality in reference]
  assert bd_rate.bd_rate(reference, scaled) == pytest.approx(-30)
  larger = 100 * (1 / 0.7 - 1)
  assert bd_rate.bd_rate(scaled, reference) == pytest.approx(larger)


def test_lines_in_log_rate_have_a_closed_form():
  """For straight lines the mean difference is the one in the middle."""
  reference, test = _log_curve(4, 32), _log_curve(5, 33)
  least = 5 * np.log2(0.2) + 33, 4 * np.log2(0.2) + 32
  most = 5 * np.log2(1.5) + 33, 4 * np.log2(1.5) + 32
  middle = (max(least) + min(most)) / 2
  difference = (middle - 33) / 5 - (middle - 32) / 4
  expected = 100 * (2**difference - 1)
  assert bd_rate.bd_rate(reference, test) == pytest.approx(expected, abs=0.01)


def test_bd_rate_is_near_that_of_the_original_polynomials():
  """VCEG-M33: cubics through four points, integrated exactly."""
  reference = [(0.25, 28.0), (0.5, 31.0), (1.0, 34.2), (2.0, 38.0)]
  test = [(0.2, 28.5), (0.4, 31.2), (0.8, 34.6), (1.7, 38.5)]
  low, high = 28.5, 38.0
  areas = []
  for curve in (reference, test):
    rate, quality = np.array(curve).T
    integral = np.polyint(np.polyfit(quality, np.log(rate), 3))
    areas.append(np.polyval(integral, high) - np.polyval(integral, low))
  expected = 100 * np.expm1((areas[1] - areas[0]) / (high - low))
  assert bd_rate.bd_rate(reference, test) == pytest.approx(expected, abs=0.5)


def test_only_the_given_qualities_count():
  reference = [(0.1, 20.0), (0.2, 30.0), (0.4, 40.0), (0.8, 50.0)]
  test = [(0.05, 20.0), (0.2, 30.0), (0.4, 40.0), (0.8, 50.0)]
  whole = bd_rate.bd_rate(reference, test)
  upper = bd_rate.bd_rate(reference, test, qualities=(40.0, 50.0))
  assert whole < -5
  assert abs(upper) < 1e-6


@pytest.mark.parametrize(
  'test, words',
  [
    ([(0.5, 30.0)], 'two or more points'),
    ([(0.5, 30.0), (1.0, 29.0)], 'quality grows'),
    ([(0.0, 30.0), (1.0, 39.0)], 'positive rate'),
    ([(0.5, 60.0), (1.0, 70.0)], 'no quality in common'),
  ],
)
def test_curves_that_cannot_be_compared_are_refused(test, words):
  with pytest.raises(ValueError, match=words):
    bd_rate.bd_rate([(0.5, 28.0), (1.0, 32.0)], test)


def test_quality_at_a_rate():
  points = [(0.25, 28.0), (1.0, 34.0)]
  assert bd_rate.quality_at(points, 0.5) == pytest.approx(31)
  assert np.isnan(bd_rate.quality_at(points, 2.0))
