from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import integrate
from scipy import stats

from autoencoder.models import entropy


@pytest.fixture(scope='module')
def prior():
  """Returns a prior with different channels and no parameter at zero."""
  prior = entropy.FactorizedPrior(3, rngs=nnx.Rngs(0))
  rng = np.random.default_rng(0)
  state = nnx.state(prior, nnx.Param)
  nnx.update(
    prior,
    nnx.map_state(
      lambda _, v: v.replace(
        v.get_value() + jnp.asarray(rng.normal(0, 0.7, v.shape), jnp.float32)
      ),
      state,
    ),
  )
  return prior


def _density(prior, channel, x):
  """Returns the density: the derivative of the cumulative distribution."""

  def cumulative(x):
    z = jnp.zeros((1, 3)).at[0, channel].set(x)
    return jax.nn.sigmoid(prior.logits(z))[0, channel]

  return jax.vmap(jax.grad(cumulative))(jnp.asarray(x, jnp.float32))


@pytest.mark.parametrize('channel', range(3))
def test_factorized_bits_are_integrals_of_the_density(prior, channel):
  x = np.linspace(-60, 60, 120 * 64 + 1)
  density = np.asarray(jax.jit(lambda x: _density(prior, channel, x))(x))
  assert (density >= 0).all()
  bits_of = jax.jit(lambda prior, z, width: prior.element_bits(z, width))
  for center, width in [(-7, 1), (-0.25, 1), (0, 4), (3, 0.125), (11.5, 1)]:
    inside = np.abs(x - center) <= width / 2
    mass = integrate.simpson(density[inside], x=x[inside])
    z = jnp.full((1, 1, 3), center, jnp.float32)
    bits = bits_of(prior, z, float(width))[0, 0, channel]
    assert 2 ** -float(bits) == pytest.approx(mass, rel=1e-3, abs=1e-7)


def test_factorized_probabilities_of_all_integers_sum_to_one(prior):
  z = jnp.broadcast_to(jnp.arange(-2000.0, 2001.0)[:, None], (4001, 3))
  probability = 2.0 ** -np.asarray(prior.element_bits(z), np.float64)
  np.testing.assert_allclose(probability.sum(axis=0), 1, atol=1e-4)


def test_factorized_bits_and_gradients_are_finite_far_from_the_mean(prior):
  for far in (1e3, -1e3, 1e6):
    value, slope = jax.value_and_grad(lambda z: prior.bits(z).sum())(
      jnp.full((2, 1, 3), far)
    )
    assert np.isfinite(value) and np.isfinite(slope).all()
    assert (np.sign(far) * slope > 0).all()  # Gradient descent moves z back.


def test_the_factorized_prior_learns_a_distribution():
  """After training, its rate is close to the entropy of the samples."""
  rng = np.random.default_rng(1)
  scales = np.array([0.4, 2.0, 12.0])
  means = np.array([0.0, -3.0, 5.0])
  samples = jnp.asarray(rng.normal(means, scales, (512, 3)), jnp.float32)
  graph, params = nnx.split(entropy.FactorizedPrior(3, rngs=nnx.Rngs(0)))
  params = nnx.as_pure(params)
  optimizer = optax.adam(3e-2)

  def loss(params, z):
    return nnx.merge(graph, params).bits(z[:, None]).mean()

  @jax.jit
  def train(params):
    def step(carry, key):
      params, state = carry
      z = entropy.quantize(key, samples)
      updates, state = optimizer.update(
        jax.grad(loss)(params, z), state, params
      )
      return (optax.apply_updates(params, updates), state), None

    keys = jax.random.split(jax.random.key(0), 400)
    carry = params, optimizer.init(params)
    return jax.lax.scan(step, carry, keys)[0][0]

  achieved = float(loss(train(params), jnp.round(samples)))
  k = np.arange(-200, 200)[:, None]
  p = stats.norm.cdf(k + 0.5, means, scales) - stats.norm.cdf(
    k - 0.5, means, scales
  )
  assert achieved == pytest.approx(stats.entropy(p, base=2).sum(), rel=0.03)


@pytest.mark.parametrize('scale', [0.11, 0.3, 1.0, 7.0, 200.0])
def test_gaussian_bits_are_those_of_scipy(scale):
  mean = 0.3
  y = np.array([-90.0, -6.0, -1.2, 0.3, 0.9, 2.0, 25.0])
  expected = stats.norm.cdf(y + 0.5, mean, scale) - stats.norm.cdf(
    y - 0.5, mean, scale
  )
  right = stats.norm.sf(y - 0.5, mean, scale) - stats.norm.sf(
    y + 0.5, mean, scale
  )
  expected = np.where(y > mean, right, expected)
  expected = -np.log2(np.maximum(expected, entropy.MIN_LIKELIHOOD))
  bits = jax.jit(entropy.gaussian_bits)(
    jnp.asarray(y, jnp.float32)[:, None],
    jnp.full((7, 1), mean),
    jnp.full((7, 1), scale),
  )
  np.testing.assert_allclose(bits, expected, rtol=1e-3, atol=1e-4)


def test_a_scale_below_the_bound_can_grow_again():
  def bits(scale):
    ones = jnp.ones((1, 1))
    return entropy.gaussian_bits(1.5 * ones, 0 * ones, scale * ones)[0]

  assert jax.grad(bits)(-5.0) < 0  # Gradient descent increases the scale.
  # If a smaller scale were better, the gradient is zero.
  narrow = jax.grad(lambda s: entropy.gaussian_bits(0 * s, 0 * s, s).sum())
  assert narrow(jnp.full((1, 1), 0.05)).item() == 0


def test_bits_are_summed_per_example():
  y = jnp.arange(24.0).reshape(2, 3, 4)
  scale = jnp.full(y.shape, 9.0)
  both = entropy.gaussian_bits(y, jnp.zeros(y.shape), scale)
  for i in range(2):
    row = slice(i, i + 1)
    one = entropy.gaussian_bits(y[row], jnp.zeros(y[row].shape), scale[row])
    np.testing.assert_allclose(both[row], one, rtol=1e-6)


def test_noise_is_uniform_with_one_key_for_each_example():
  x = jnp.zeros((4, 5000))
  keys = jax.random.split(jax.random.key(0), 4)
  noise = np.asarray(jax.jit(entropy.quantize)(keys, x))
  assert stats.kstest(noise.ravel(), stats.uniform(-0.5, 1).cdf).pvalue > 1e-3
  np.testing.assert_array_equal(noise[2:3], entropy.quantize(keys[2:3], x[2:3]))
  assert np.abs(np.corrcoef(noise) - np.eye(4)).max() < 0.06


def test_rounding_is_exact_and_has_a_gradient_of_one():
  x = jnp.array([-1.5, -0.5, 0.49, 0.5, 2.5, 123456.7])
  for rounded in (
    entropy.round_straight_through(x),
    entropy.quantize(None, x),
  ):
    np.testing.assert_array_equal(rounded, np.round(np.asarray(x)))
  weights = jnp.arange(6.0)
  gradient = jax.grad(
    lambda x: (weights * entropy.round_straight_through(x)).sum()
  )(x)
  np.testing.assert_array_equal(gradient, weights)
