"""Numbers and options as text."""

from collections.abc import Mapping
from typing import Any
from typing import NamedTuple


class _Quantity(NamedTuple):
  unit: str
  digits: int


# By the first word of a metric's name: `psnr_hole` is a PSNR.
_QUANTITIES = {'psnr': _Quantity(' dB', 2)}
_PLAIN = _Quantity('', 4)


def _quantity(metric: str) -> _Quantity:
  return _QUANTITIES.get(metric.split('_')[0], _PLAIN)


def unit_of(metric: str) -> str:
  """Returns a metric's unit with a space before it, or ''.

  Example:

    >>> unit_of('psnr_hole')
    ' dB'
  """
  return _quantity(metric).unit


def format_value(metric: str, value: float) -> str:
  """Returns the significant digits of a metric: 2 of a dB, 4 of others.

  NaN, which means that no pixel counts, is a dash.
  """
  if value != value:
    return '–'
  return f'{value:.{_quantity(metric).digits}f}'


def caption(values: Mapping[str, float]) -> str:
  """Returns metrics as a caption.

  A plain PSNR is known by its unit. It is named only beside other PSNRs.

  Example:

    >>> caption({'psnr': 31.2, 'ssim': 0.893})
    '31.20 dB, ssim 0.8930'
  """
  units = [unit_of(metric) for metric in values]
  return ', '.join(
    f'{format_value(metric, value)}{unit}'
    if metric in _QUANTITIES and units.count(unit) == 1
    else f'{metric} {format_value(metric, value)}{unit}'
    for unit, (metric, value) in zip(units, values.items())
  )


def option(value: Any) -> str:
  """Returns a config value as it is typed after a flag."""
  if isinstance(value, tuple | list):
    return ','.join(map(str, value))
  return str(value)


def in_words(options: Mapping[str, Any]) -> str:
  """Returns options as `name=value` pairs, without those that are empty.

  Example:

    >>> in_words({'sigma': 25.0, 'mask.kinds': ('strokes', 'blocks'), 'x': ''})
    'sigma=25.0, mask.kinds=strokes,blocks'
  """
  return ', '.join(
    f'{name}={option(value)}'
    for name, value in options.items()
    if value not in ((), [], '')
  )
