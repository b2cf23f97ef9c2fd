import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder.image import losses


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


@pytest.mark.parametrize('loss', [losses.l1, losses.l2, losses.rmse])
def test_an_image_without_weight_counts_nothing(loss):
  image = jnp.ones((1, 4, 4, 3))

  def total(outputs):
    return loss(outputs, image * 0, jnp.zeros((1, 4, 4, 1))).sum()

  value, grad = jax.value_and_grad(total)(image)
  assert value < 2e-3
  assert not grad.any()


def test_rmse_is_the_root_of_l2_with_a_finite_slope_everywhere():
  rng = np.random.default_rng(0)
  outputs, target = rng.random((2, 3, 5, 4, 2), np.float32)
  expected = np.sqrt(losses.l2(outputs, target))
  np.testing.assert_allclose(losses.rmse(outputs, target), expected, rtol=1e-4)
  grad = jax.grad(lambda x: losses.rmse(x, target).sum())(target)
  assert not grad.any()
