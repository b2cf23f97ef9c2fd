"""Integer frequency tables, made from entropy models once and then stored.

Encoder and decoder need bit-identical probabilities. Floats that are computed
twice need not agree, so exporting a model rounds its probabilities to integers.
Only these are stored and used to code files.

A table has one frequency for each integer of a range and one for the escape.
An integer outside the range is coded as the escape, followed by a universal
code (see `range_coder`). Every table can thus code every int32.
"""

from collections.abc import Sequence
import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
from scipy import special

from autoencoder.models import entropy

# The precision of the range coder: the frequencies of a table sum to 2^24.
PRECISION = 24
TOTAL = 1 << PRECISION

# The least frequency of an escape is 1 in 4096. An outlier then costs 12 bits
# (and not 24) plus its magnitude. And every symbol costs at least
# MIN_SYMBOL_BITS, so the length of a stream bounds its number of symbols.
MIN_ESCAPE = TOTAL >> 12
MIN_SYMBOL_BITS = -math.log2(1 - MIN_ESCAPE / TOTAL)

# Standard deviations of the Gaussian tables, in equal steps of the logarithm.
# The steps are so fine that taking the nearest table costs almost nothing.
SCALES = entropy.MIN_SCALE * (256 / entropy.MIN_SCALE) ** (np.arange(64) / 63)
LOG_STEP = math.log(256 / entropy.MIN_SCALE) / 63

# Probability that a table leaves to the escape on each side.
_TAIL = 2.0**-17
# Largest number of integers in a table.
_MAX_SIZE = 1 << 14

# Number of integers whose probabilities are computed at once.
_CHUNK = 1024


@dataclasses.dataclass(frozen=True, eq=False)
class Tables:
  """Several frequency tables, stored one after the other.

  Attributes:
    lows: `[T]` int32, the least integer of each table.
    sizes: `[T]` int32, the number of integers of each table.
    frequencies: `[sum(sizes + 1)]` int32, at least 1. Each table has the
      frequencies of its integers in order, then that of the escape. Together
      they sum to `TOTAL`.

  Raises:
    ValueError: the arrays are not valid tables.

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
      raise ValueError('Tables must be one-dimensional int32 arrays.')
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
    """`[T]` int64, the index in `frequencies` where each table begins."""
    return np.cumsum(self.sizes + 1, dtype=np.int64) - (self.sizes + 1)

  def __len__(self) -> int:
    return len(self.sizes)

  def __getitem__(self, index: int) -> np.ndarray:
    """Returns the frequencies of one table, the escape last."""
    start = self.starts[index]
    return self.frequencies[start : start + self.sizes[index] + 1]


def make_tables(
  lows: Sequence[int], probabilities: Sequence[np.ndarray]
) -> Tables:
  """Rounds probabilities to frequency tables.

  Args:
    lows: the least integer of each table.
    probabilities: for each table, the probabilities of consecutive integers.
      They sum to at most about 1; the rest goes to the escape.

  Returns:
    The tables.
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
  """Returns one table of mean 0 for each standard deviation in `SCALES`."""
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
    widths: `[Q, channels]`, the step of each channel at each of Q qualities.
      None means a single quality with step 1.

  Returns:
    `Q * channels` tables. Table `q * channels + c` has the probabilities of
    0, ±widths[q, c], ±2 widths[q, c], ...
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
  """Returns the value with these log-odds under the prior, `[channels]`."""
  logits = jax.jit(prior.logits)
  low, high = np.full((2, prior.channels), [[-1e6], [1e6]])
  for _ in range(50):
    middle = (low + high) / 2
    reached = logits(jnp.asarray(middle[None], jnp.float32))
    below = np.asarray(reached)[0] < logit
    low, high = np.where(below, middle, low), np.where(below, high, middle)
  return high
