"""GDN against its definition in NumPy."""

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder.layers import bounds
from autoencoder.layers import gdn


def _layer(channels=5, **options):
  """A layer with arbitrary parameters, some of them at their bounds."""
  layer = gdn.GDN(channels, **options)
  rng = np.random.default_rng(0)
  layer.beta[...] = jnp.asarray(rng.uniform(0.5, 1.5, channels), jnp.float32)
  gamma = rng.uniform(-0.3, 0.5, (channels, channels))
  layer.gamma[...] = jnp.asarray(gamma, jnp.float32)
  return layer


@pytest.mark.parametrize('exponent', [1, 2])
@pytest.mark.parametrize('inverse', [False, True])
def test_it_is_its_definition(exponent, inverse):
  layer = _layer(exponent=exponent, inverse=inverse)
  x = np.random.default_rng(1).normal(0, 3, (2, 3, 4, 5))
  beta = np.asarray(layer.beta[...], np.float64) ** 2
  gamma = np.maximum(np.asarray(layer.gamma[...], np.float64), 0) ** 2
  expected = np.empty_like(x)
  for i in range(5):
    pool = beta[i] + sum(
      gamma[j, i] * np.abs(x[..., j]) ** exponent for j in range(5)
    )
    pool = pool ** (1 / exponent)
    expected[..., i] = x[..., i] * pool if inverse else x[..., i] / pool
  actual = layer(jnp.asarray(x, jnp.float32))
  np.testing.assert_allclose(actual, expected, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize('exponent', [1, 2])
def test_the_inverse_undoes_it_where_channels_are_only_scaled(exponent):
  forward = gdn.GDN(4, exponent=exponent)
  backward = gdn.GDN(4, exponent=exponent, inverse=True)
  for layer in (forward, backward):
    layer.gamma[...] = jnp.zeros((4, 4))
    layer.beta[...] = jnp.array([0.5, 1.0, 2.0, 3.0])
  x = jax.random.normal(jax.random.key(0), (7, 4))
  np.testing.assert_allclose(backward(forward(x)), x, rtol=1e-5)
  assert np.abs(forward(x) - x).max() > 0.1


def test_a_weight_at_its_bound_can_grow_and_cannot_fall():
  bound = lambda x: bounds.lower_bound(x, 0.5)  # noqa: E731
  assert float(bound(0.2)) == 0.5
  assert jax.grad(bound)(0.2) == 0  # A descent step would go down.
  assert jax.grad(lambda x: -bound(x))(0.2) == -1
  assert jax.grad(bound)(0.7) == 1


def test_weights_that_start_at_zero_learn():
  """Without a pedestal the gradient of a square vanishes there."""
  graphdef, params = nnx.split(gdn.GDN(3))

  def loss(params):
    return nnx.merge(graphdef, params)(jnp.ones((1, 3))).sum()

  gradient = jax.grad(loss)(params)['gamma'][...]
  assert (np.abs(gradient) > 1e-6).all()


def test_an_unknown_exponent_is_named():
  with pytest.raises(ValueError, match='exponent must be 1 or 2, got 3'):
    gdn.GDN(3, exponent=3)
