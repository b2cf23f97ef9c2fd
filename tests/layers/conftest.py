"""Fixtures for tests of several layers."""

from flax import nnx
import jax
import jax.numpy as jnp
import pytest


@pytest.fixture(scope='session')
def derivatives():
  """Returns `derivatives(layer, x)`: result and gradients."""

  def derivatives(layer, x):
    graph, params = nnx.split(layer)

    @jax.jit
    def run(params, x):
      def loss(params, x):  # Not symmetric in space.
        y = nnx.merge(graph, params)(x)
        weight = jnp.sin(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)
        return (y * y * weight).astype('float32').sum(), y

      grads, y = jax.grad(loss, argnums=(0, 1), has_aux=True)(params, x)
      return y, grads

    return run(params, x)

  return derivatives
