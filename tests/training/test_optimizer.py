"""Muon turns kernels by orthogonal matrices; everything else is Adam's."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from autoencoder import config as config_lib
from autoencoder.training import optimizer as optimizer_lib


def _params():
  keys = jax.random.split(jax.random.key(0), 3)
  return {
    'conv': {
      'kernel': jax.random.normal(keys[0], (3, 3, 4, 8)),
      'bias': jax.random.normal(keys[1], (8,)),
    },
    'dense': {'kernel': jax.random.normal(keys[2], (5, 7))},
  }


def _first_update(**options):
  """Returns parameters, gradients and the update of the first step."""
  config = config_lib.TrainConfig(
    warmup_steps=0, weight_decay=0.0, clip_norm=1e6, **options
  )
  params = _params()
  grads = jax.tree.map(lambda p: jnp.sin(3 * p), params)
  optimizer = optimizer_lib.make_optimizer(config)
  updates, _ = jax.jit(optimizer.update)(grads, optimizer.init(params), params)
  return params, grads, updates


@pytest.mark.parametrize('name', ['conv', 'dense'])
def test_a_kernel_moves_along_the_nearest_orthogonal_matrix(name):
  _, grads, updates = _first_update(muon_learning_rate=0.5)
  columns = grads[name]['kernel'].shape[-1]
  gradient = np.reshape(grads[name]['kernel'], (-1, columns))
  left, _, right = np.linalg.svd(gradient, full_matrices=False)
  nearest = left @ right
  update = -np.reshape(updates[name]['kernel'], (-1, columns)) / 0.5
  cosine = (update * nearest).sum() / np.linalg.norm(update)
  assert cosine / np.linalg.norm(nearest) > 0.97
  # Newton-Schulz stops at singular values near 1, not at it.
  values = np.linalg.svd(update, compute_uv=False)
  values /= max(1, columns / gradient.shape[0]) ** 0.5
  assert 0.6 < values.min() and values.max() < 1.3


def test_a_bias_moves_as_adam_with_nesterov_momentum_says():
  params, grads, updates = _first_update(learning_rate=1e-3)
  reference = optax.adam(1e-3, nesterov=True)
  expected, _ = reference.update(grads, reference.init(params), params)
  np.testing.assert_allclose(
    updates['conv']['bias'], expected['conv']['bias'], rtol=1e-5
  )


def test_a_rate_of_zero_leaves_kernels_to_adamw():
  params, grads, updates = _first_update(
    muon_learning_rate=0.0, learning_rate=1e-3
  )
  reference = optax.adamw(1e-3, weight_decay=0.0)
  expected, _ = reference.update(grads, reference.init(params), params)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5),
    updates,
    expected,
  )


@pytest.mark.parametrize('muon', [0.0, 0.1])
def test_only_kernels_decay(muon):
  config = config_lib.TrainConfig(
    warmup_steps=0,
    weight_decay=0.1,
    muon_learning_rate=muon,
    learning_rate=1e-2,
  )
  params = _params()
  zero = jax.tree.map(jnp.zeros_like, params)
  optimizer = optimizer_lib.make_optimizer(config)
  updates, _ = optimizer.update(zero, optimizer.init(params), params)
  kernel, rate = params['conv']['kernel'], muon or 1e-2
  np.testing.assert_allclose(
    updates['conv']['kernel'], -0.1 * rate * kernel, rtol=1e-5
  )
  np.testing.assert_array_equal(updates['conv']['bias'], 0)


def test_the_rate_rises_to_its_peak_and_ends_at_zero():
  config = config_lib.TrainConfig(steps=1000, warmup_steps=100)
  rate = optimizer_lib.schedule(config, 0.02)
  assert float(rate(0)) == pytest.approx(0.02 / 101)
  assert float(rate(100)) == pytest.approx(0.02)
  assert float(rate(1000)) == 0.0


def test_a_warm_up_longer_than_the_run_is_cut_to_a_tenth():
  config = config_lib.TrainConfig(steps=10, warmup_steps=100)
  rate = optimizer_lib.schedule(config, 1.0)
  assert max(float(rate(step)) for step in range(11)) == 1.0
  assert float(rate(1)) == 1.0
