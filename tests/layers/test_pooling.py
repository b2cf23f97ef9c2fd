"""Max-pooling with switches, and unpooling."""

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import layers


@pytest.mark.parametrize(
  'shape, window',
  [((2, 7, 3), (3,)), ((2, 4, 5, 3), (2, 2)), ((1, 4, 3, 4, 2), (2, 3, 1))],
)
def test_pool_equals_flax_and_unpool_is_its_transpose(shape, window):
  x = jax.random.normal(jax.random.key(0), shape)
  pool, unpool = layers.MaxPool(window), layers.MaxUnpool(window)

  @jax.jit
  def run(x):
    y, switches = pool(x)
    back = unpool(y, switches, output_shape=shape[1:-1])
    gradient = jax.grad(lambda x: (pool(x)[0] ** 2).sum() / 2)(x)
    return y, back, gradient

  y, back, gradient = run(x)
  np.testing.assert_array_equal(y, nnx.max_pool(x, window, strides=window))
  # The gradient of half the square places each maximum where it was found.
  np.testing.assert_array_equal(back, gradient)
  np.testing.assert_array_equal(back[back != 0], x[back != 0])
  assert (back != 0).sum() == y.size


def test_first_of_equals_and_batches():
  values, switches = layers.MaxPool(2)(jnp.zeros((2, 3, 4, 4, 1)))
  assert values.shape == switches.shape == (2, 3, 2, 2, 1)
  assert switches.dtype == jnp.int32
  assert not switches.any()
  values, switches = layers.MaxPool(2)(jnp.zeros((0, 4, 4, 1), jnp.bfloat16))
  assert layers.MaxUnpool(2)(values, switches).shape == (0, 4, 4, 1)
  assert values.dtype == jnp.bfloat16
  image = jnp.array([[3, 7], [255, 9]], jnp.uint8).reshape(1, 2, 2, 1)
  values, _ = layers.MaxPool(2)(image)
  assert (values.dtype, values.item()) == (jnp.uint8, 255)


def test_errors_state_the_sizes():
  with pytest.raises(ValueError, match=r'got \(1, 1, 4, 3\)'):
    layers.MaxPool(2)(jnp.ones((1, 1, 4, 3)))
  x = jnp.ones((1, 2, 2, 3))
  with pytest.raises(ValueError, match=r'\(1, 2, 2, 3\) and \(1, 2, 2\)'):
    layers.MaxUnpool(2)(x, jnp.zeros((1, 2, 2), 'int32'))
  with pytest.raises(ValueError, match=r'maps no \(6, 4\) to \(2, 2\)'):
    layers.MaxUnpool(2)(x, x.astype('int32'), output_shape=(6, 4))
  with pytest.raises(ValueError, match=r'needs 2 sizes, .* got \(4,\)'):
    layers.MaxUnpool(2)(x, x.astype('int32'), output_shape=(4,))
