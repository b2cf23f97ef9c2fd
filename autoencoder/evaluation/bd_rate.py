"""The Bjontegaard delta (BD-rate): compares two rate-distortion curves."""

from collections.abc import Sequence

import numpy as np

# Points at which the difference of the curves is integrated.
_POINTS = 1000


def bd_rate(
  reference: Sequence[tuple[float, float]],
  test: Sequence[tuple[float, float]],
  *,
  qualities: tuple[float, float] = (-np.inf, np.inf),
) -> float:
  """Returns how many percent more bits `test` needs at equal quality.

  It is the mean difference of the log rates over the qualities that both curves
  reach. Between points it interpolates with monotone cubics (PCHIP), which do
  not overshoot like the single polynomial of the original.

  Args:
    reference: `(rate, quality)` points, such as bits per pixel and dB.
    test: the same for the codec to compare.
    qualities: lowest and highest quality that count. BD-rates of several codecs
      are comparable only over the same qualities.

  Returns:
    Percent. Negative is better: -50 means half the bits.

  Raises:
    ValueError: a curve has fewer than two points or a quality that does not
      grow with the rate, or the curves have no quality in common.

  References:
    Bjontegaard, "Calculation of average PSNR differences between RD-curves",
    VCEG-M33, 2001; with PCHIP as in JCTVC-K0279.

  Example:

    >>> jpeg = [(0.5, 28.0), (1.0, 32.0), (2.0, 36.0)]
    >>> round(bd_rate(jpeg, [(rate / 2, psnr) for rate, psnr in jpeg]))
    -50
  """
  from scipy import interpolate

  curves = []
  for name, points in (('reference', reference), ('test', test)):
    rate, quality = np.array(sorted(points), float).reshape(-1, 2).T
    if len(rate) < 2 or (np.diff(quality) <= 0).any() or rate[0] <= 0:
      raise ValueError(
        f'The {name} needs two or more points whose quality grows with a '
        f'positive rate; got {list(zip(rate.tolist(), quality.tolist()))}.'
      )
    curves.append((np.log(rate), quality))
  (log_rate, quality), (_, other) = curves
  least = max(quality[0], other[0], qualities[0])
  most = min(quality[-1], other[-1], qualities[1])
  if least >= most:
    raise ValueError(
      'The curves have no quality in common: the reference is at '
      f'{quality[0]:.4g} to {quality[-1]:.4g}, the test at {other[0]:.4g} to '
      f'{other[-1]:.4g}.'
    )
  places = np.linspace(least, most, _POINTS)
  reference_rate, test_rate = (
    interpolate.PchipInterpolator(quality, log_rate)(places)
    for log_rate, quality in curves
  )
  difference = np.trapezoid(test_rate - reference_rate, places)
  return float(100 * np.expm1(difference / (most - least)))


def quality_at(points: Sequence[tuple[float, float]], rate: float) -> float:
  """Returns the quality at a rate, interpolated linearly in the log rate.

  It is NaN outside the curve.

  Example:

    >>> quality_at([(0.25, 28.0), (1.0, 34.0)], 0.5)
    31.0
  """
  rates, quality = np.array(sorted(points), float).T
  return float(
    np.interp(np.log(rate), np.log(rates), quality, left=np.nan, right=np.nan)
  )
