"""Statistics of a bottleneck: the variation and the entropy of each channel."""

from typing import NamedTuple

import numpy as np

# A channel whose standard deviation is below this share of the typical one (the
# root mean square over channels) is called dead.
_DEAD = 1e-3


class Latent(NamedTuple):
  """Statistics of a latent, `[C]` each.

  Attributes:
    mean: over places.
    deviation: standard deviation over places.
    bits: entropy of the quantised channel, in bits per place.
    dead: whether the deviation is below 1/1000 of the channels' root mean
      square deviation, or 0.
    step: the quantisation step.
  """

  mean: np.ndarray
  deviation: np.ndarray
  bits: np.ndarray
  dead: np.ndarray
  step: np.ndarray


def describe(latent: np.ndarray, step: np.ndarray | None = None) -> Latent:
  """Returns the statistics of a latent's channels.

  The entropy is that of the empirical distribution of `round(latent / step)`,
  for each channel alone. It is higher than the true entropy if places or
  channels depend on each other, and too low if there are few places.

  Args:
    latent: `[n, C]`, the latent at n places.
    step: `[C]`, the quantisation step of each channel. Default: a sixteenth of
      the root mean square of the channels' deviations. A Gaussian channel with
      that deviation then has 6.05 bits.

  Example:

    >>> describe(np.array([[0.0], [0.0], [1.0], [1.0]])).bits
    array([1.])
  """
  latent = np.asarray(latent, np.float64)
  deviation = latent.std(0)
  typical = np.sqrt(np.mean(deviation**2))
  if step is None:
    # For a latent that never varies, any step gives an entropy of 0.
    step = np.full(latent.shape[-1], typical / 16 or 1.0)
  symbols = np.rint(latent / step)
  return Latent(
    latent.mean(0),
    deviation,
    np.array([_entropy(column) for column in symbols.T]),
    (deviation < _DEAD * typical) | (deviation == 0),
    np.asarray(step),
  )


def _entropy(symbols: np.ndarray) -> float:
  """Returns the entropy of the empirical distribution, in bits."""
  _, counts = np.unique(symbols, return_counts=True)
  shares = counts / counts.sum()
  return float(-(shares * np.log2(shares)).sum())
