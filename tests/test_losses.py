import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import losses


@pytest.mark.parametrize(
  'name, error', [('l1', np.abs), ('l2', np.square)], ids=['l1', 'l2']
)
@pytest.mark.parametrize('weighted', [False, True])
def test_matches_numpy(name, error, weighted):
  rng = np.random.default_rng(0)
  outputs, target = rng.random((2, 3, 5, 4, 2), np.float32)
  weight = rng.random((3, 5, 4, 1), np.float32) if weighted else None
  actual = jax.jit(getattr(losses, name))(outputs, target, weight)
  for n in range(3):
    weights = np.ones((5, 4, 1)) if weight is None else weight[n]
    expected = np.average(
      error(outputs[n] - target[n]), weights=np.broadcast_to(weights, (5, 4, 2))
    )
    np.testing.assert_allclose(actual[n], expected, rtol=1e-5)


def test_an_image_without_weight_counts_nothing():
  image = jnp.ones((1, 4, 4, 3))

  def loss(outputs):
    return losses.l1(outputs, image * 0, jnp.zeros((1, 4, 4, 1))).sum()

  value, grad = jax.value_and_grad(loss)(image)
  assert value == 0
  assert not grad.any()
