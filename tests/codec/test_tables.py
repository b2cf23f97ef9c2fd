from flax import nnx
import numpy as np
import pytest
from scipy import stats

from autoencoder.codec import tables as tables_lib
from autoencoder.models import entropy


@pytest.fixture(scope='module')
def gaussian():
  return tables_lib.gaussian_tables()


def _check(tables):
  for i in range(len(tables)):
    frequencies = tables[i].astype(int)
    assert frequencies.min() >= 1
    assert frequencies.sum() == 2**24
    assert frequencies[-1] >= 2**12
    assert len(frequencies) == tables.sizes[i] + 1


def test_scales_are_equally_spaced_in_the_logarithm():
  steps = np.diff(np.log(tables_lib.SCALES))
  np.testing.assert_allclose(steps, tables_lib.LOG_STEP)
  assert tables_lib.SCALES[0] == entropy.MIN_SCALE
  assert tables_lib.SCALES[-1] == pytest.approx(256)
  assert len(tables_lib.SCALES) == 64


def test_gaussian_tables_follow_scipys_distribution(gaussian):
  _check(gaussian)
  for i, scale in enumerate(tables_lib.SCALES):
    k = gaussian.lows[i] + np.arange(gaussian.sizes[i])
    p = stats.norm.cdf(k + 0.5, 0, scale) - stats.norm.cdf(k - 0.5, 0, scale)
    # The escape takes at least 2^-12, and frequencies are rounded.
    np.testing.assert_allclose(gaussian[i][:-1] / 2**24, p, 3e-4, 2e-7)


def test_a_scale_between_two_tables_costs_little(gaussian):
  """Compares the bits with the entropy, halfway between two tables."""
  for i in range(0, 60, 3):
    scale = np.sqrt(tables_lib.SCALES[i] * tables_lib.SCALES[i + 1])
    k = gaussian.lows[i + 1] + np.arange(gaussian.sizes[i + 1])
    p = stats.norm.cdf(k + 0.5, 0, scale) - stats.norm.cdf(k - 0.5, 0, scale)
    paid = -(p * np.log2(gaussian[i + 1][:-1] / 2**24)).sum()
    least = -(p * np.log2(np.maximum(p, 1e-300))).sum()
    assert paid - least < 0.007


def _logits(prior, channel, x):
  """arXiv:1802.01436, appendix 6.1, for one channel in float64."""

  def get(name, *shape):
    values = np.asarray(getattr(prior, name)[...], np.float64)
    return values.reshape(prior.channels, *shape)[channel]

  h = x[None]
  for i, (a, b) in enumerate(zip(prior.widths, prior.widths[1:])):
    matrix = np.log1p(np.exp(get(f'matrix{i}', b, a)))
    h = matrix @ h + get(f'bias{i}', b, 1)
    if b > 1:
      h = h + np.tanh(get(f'factor{i}', b, 1)) * np.tanh(h)
  return h[0]


def test_prior_tables_follow_the_distribution_of_the_prior():
  prior = entropy.FactorizedPrior(3, rngs=nnx.Rngs(1))
  for i in range(3):
    prior_factor = getattr(prior, f'factor{i}')
    prior_factor[...] = np.linspace(-0.5, 0.9, 9, dtype=np.float32)
  widths = np.array([[1.0, 0.5, 2.0], [4.0, 1.0, 0.25]])
  tables = tables_lib.prior_tables(prior, widths)
  _check(tables)
  assert len(tables) == 6
  for q, row in enumerate(widths):
    for c, width in enumerate(row):
      i = 3 * q + c
      k = tables.lows[i] + np.arange(tables.sizes[i])
      edges = np.append(k - 0.5, k[-1] + 0.5) * width
      p = np.diff(stats.logistic.cdf(_logits(prior, c, edges)))
      assert p.sum() > 1 - 2**-15
      np.testing.assert_allclose(tables[i][:-1] / 2**24, p, 1e-3, 5e-7)


def test_a_shifted_and_a_narrow_prior_give_valid_tables():
  tables = tables_lib.make_tables([10**6, 0], [np.ones(1), np.ones(1)])
  _check(tables)
  assert tables[0].tolist() == [2**24 - 2**12, 2**12]
  prior = entropy.FactorizedPrior(2, init_scale=1e-3, rngs=nnx.Rngs(0))
  # The first channel is narrower than a step. The second spans more steps than
  # a table can have, and the escape takes the rest.
  tables = tables_lib.prior_tables(prior, np.array([[1.0, 1e-8]]))
  _check(tables)
  assert tables.sizes[0] < 5 and tables.sizes[1] > 16_000


def test_a_symbol_costs_at_least_the_stated_minimum(gaussian):
  most = max(gaussian[i].max() for i in range(len(gaussian)))
  assert -np.log2(most / 2**24) >= tables_lib.MIN_SYMBOL_BITS
  # A byte holds at most 23,000 symbols.
  assert 8 / tables_lib.MIN_SYMBOL_BITS < 23_000


@pytest.mark.parametrize(
  'change',
  [
    lambda t: {'sizes': t.sizes[:-1]},
    lambda t: {'lows': t.lows.astype(np.int64)},
    lambda t: {'sizes': t.sizes * 0},
    lambda t: {'frequencies': t.frequencies[:-1]},
    lambda t: {'frequencies': np.roll(t.frequencies, 1)},
    lambda t: {'lows': np.zeros(0, np.int32), 'sizes': np.zeros(0, np.int32)},
  ],
)
def test_invalid_tables_are_refused(gaussian, change):
  fields = {
    name: getattr(gaussian, name) for name in ('lows', 'sizes', 'frequencies')
  }
  with pytest.raises(ValueError):
    tables_lib.Tables(**(fields | change(gaussian)))
