"""Integer frequency tables, made from entropy models once and then stored.

Encoder and decoder need the same probabilities to the last bit, which floats
computed twice do not give. So the floats are left behind when a model is
exported: what is stored, and what files are coded with, are integers.

A table has a frequency for each integer of a range, and one for the escape:
what is outside the range is coded as the escape, followed by a universal code
(`range_coder`). Every int32 can therefore be coded with every table.
"""

from collections.abc import Sequence
import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
from scipy import special

from autoencoder.models import entropy

# The precision of the coder: frequencies of a table sum to this.
PRECISION = 24
TOTAL = 1 << PRECISION

# The least frequency of an escape, one in 4096. It makes an outlier cost 12
# bits and its size instead of 24, and every symbol at least MIN_SYMBOL_BITS, so
# that the length of a stream bounds the number of symbols in it.
MIN_ESCAPE = TOTAL >> 12
MIN_SYMBOL_BITS = -math.log2(1 - MIN_ESCAPE / TOTAL)

# Standard deviations of the Gaussian tables: neighbours differ by 13 %, and
# the nearest of them costs at most 0.007 bits more than the right one.
SCALES = entropy.MIN_SCALE * (256 / entropy.MIN_SCALE) ** (np.arange(64) / 63)
LOG_STEP = math.log(256 / entropy.MIN_SCALE) / 63

# What a table leaves to the escape on each side, and its longest range.
_TAIL = 2.0**-17
_MAX_SIZE = 1 << 14

# Rows of a prior's probabilities computed at once.
_CHUNK = 1024


@dataclasses.dataclass(frozen=True, eq=False)
class Tables:
  """Tables of one kind, in one place after the other.

  Attributes:
    lows: `[T]` int32, the least integer of each table.
    sizes: `[T]` int32, how many integers each has.
    frequencies: `[sum(sizes + 1)]` int32, at least 1; of each table those of
      its integers in order, then that of the escape, `TOTAL` together.

  Raises:
    ValueError: arrays that are no tables.

  Example:

    >>> tables = make_tables([-1], [np.array([0.25, 0.5, 0.25])])
    >>> tables[0].tolist()
    [4193280, 8386560, 4193280, 4096]
  """

  lows: np.ndarray
  sizes: np.ndarray
  frequencies: np.ndarray

  def __post_init__(self):
    arrays = self.lows, self.sizes, self.frequencies
    if any(a.ndim != 1 or a.dtype != np.int32 for a in arrays):
      raise ValueError('Tables are one-dimensional int32 arrays.')
    if (
      not len(self.sizes)
      or len(self.lows) != len(self.sizes)
      or not (self.sizes.min() >= 1 and self.sizes.max() <= _MAX_SIZE)
      or abs(self.lows.astype(np.int64)).max() > 1 << 30
      or len(self.frequencies) != (self.sizes + 1).sum()
    ):
      raise ValueError('The tables do not fit their sizes.')
    starts = self.starts
    sums = np.add.reduceat(self.frequencies.astype(np.int64), starts)
    escapes = self.frequencies[starts + self.sizes]
    if (
      self.frequencies.min() < 1
      or (sums != TOTAL).any()
      or escapes.min() < MIN_ESCAPE
    ):
      raise ValueError(
        f'The frequencies of a table must be positive and sum to {TOTAL}, with '
        f'at least {MIN_ESCAPE} for the escape.'
      )

  @property
  def starts(self) -> np.ndarray:
    """`[T]` int64, where each table begins in `frequencies`."""
    return np.cumsum(self.sizes + 1, dtype=np.int64) - (self.sizes + 1)

  def __len__(self) -> int:
    return len(self.sizes)

  def __getitem__(self, index: int) -> np.ndarray:
    """Returns the frequencies of one table, its escape last."""
    start = self.starts[index]
    return self.frequencies[start : start + self.sizes[index] + 1]


def make_tables(
  lows: Sequence[int], probabilities: Sequence[np.ndarray]
) -> Tables:
  """Rounds probabilities to tables.

  Args:
    lows: the least integer of each table.
    probabilities: for each the probabilities of consecutive integers, sum at
      most about 1; what is missing goes to the escape.

  Returns:
    `Tables`.
  """
  frequencies = []
  for p in probabilities:
    p = np.asarray(p, np.float64)
    outside = round(TOTAL * (1 - p.sum()))
    escape = min(max(MIN_ESCAPE, outside), TOTAL - 2 * len(p))
    free = TOTAL - escape - len(p)
    cumulative = np.cumsum(p)
    edges = np.rint(free * (cumulative / cumulative[-1]))
    frequencies += [1 + np.diff(edges, prepend=0), [escape]]
  return Tables(
    np.asarray(lows, np.int32),
    np.asarray([len(p) for p in probabilities], np.int32),
    np.concatenate(frequencies).astype(np.int32),
  )


def gaussian_tables() -> Tables:
  """Returns a table for each of `SCALES`, of mean 0."""
  lows, probabilities = [], []
  for scale in SCALES:
    reach = max(1, math.ceil(-special.ndtri(_TAIL) * scale - 0.5))
    distance = np.abs(np.arange(-reach, reach + 1))
    upper = special.ndtr((0.5 - distance) / scale)
    lower = special.ndtr((-0.5 - distance) / scale)
    lows.append(-reach)
    probabilities.append(upper - lower)
  return make_tables(lows, probabilities)


def prior_tables(
  prior: entropy.FactorizedPrior, widths: np.ndarray | None = None
) -> Tables:
  """Returns tables for the multiples of a step under a learned prior.

  Args:
    prior: the entropy model.
    widths: `[Q, channels]`, the step of each channel at each of Q qualities;
      by default one quality of step 1.

  Returns:
    `Tables` of length `Q * channels`; table `q * channels + c` has the
    probabilities of 0, ±widths[q, c], ±2 widths[q, c], ...
  """
  if widths is None:
    widths = np.ones((1, prior.channels))
  logit = math.log(_TAIL)
  left, middle, right = (_quantile(prior, x) for x in (logit, 0.0, -logit))
  element_bits = jax.jit(prior.element_bits)
  lows, probabilities = [], []
  for width in widths:
    center, half = np.rint(middle / width), _MAX_SIZE // 2 - 1
    low = np.maximum(np.floor(left / width), center - half).astype(int)
    high = np.minimum(np.ceil(right / width), center + half).astype(int)
    rows = []
    for start in range(0, (high - low).max() + 1, _CHUNK):
      k = low + np.arange(start, start + _CHUNK)[:, None]
      bits = element_bits(
        jnp.asarray(k * width, jnp.float32),
        jnp.asarray(width[None], jnp.float32),
      )
      rows.append(2.0 ** -np.asarray(bits, np.float64))
    grid = np.concatenate(rows)
    lows += low.tolist()
    probabilities += [grid[: size + 1, c] for c, size in enumerate(high - low)]
  return make_tables(lows, probabilities)


def _quantile(prior: entropy.FactorizedPrior, logit: float) -> np.ndarray:
  """Returns `[channels]` float64 where the prior has these log-odds."""
  logits = jax.jit(prior.logits)
  low, high = np.full((2, prior.channels), [[-1e6], [1e6]])
  for _ in range(50):
    middle = (low + high) / 2
    reached = logits(jnp.asarray(middle[None], jnp.float32))
    below = np.asarray(reached)[0] < logit
    low, high = np.where(below, middle, low), np.where(below, high, middle)
  return high
