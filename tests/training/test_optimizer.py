"""Muon updates kernels by orthogonal matrices; Adam updates everything else."""

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
def test_a_kernel_update_is_the_nearest_orthogonal_matrix(name):
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
  assert values.min() > 0.6 and values.max() < 1.3


def test_a_bias_update_is_that_of_nadam():
  params, grads, updates = _first_update(learning_rate=1e-3)
  reference = optax.adam(1e-3, nesterov=True)
  expected, _ = reference.update(grads, reference.init(params), params)
  np.testing.assert_allclose(
    updates['conv']['bias'], expected['conv']['bias'], rtol=1e-5
  )


def test_with_a_muon_rate_of_zero_kernels_use_adamw():
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


def test_the_rate_ends_at_a_fraction_of_its_peak():
  config = config_lib.TrainConfig(steps=1000, final_rate=0.25)
  rate = optimizer_lib.schedule(config, 0.02)
  assert float(rate(1000)) == pytest.approx(0.005)
  rate = optimizer_lib.schedule(
    config_lib.TrainConfig(steps=1000, final_rate=1.0), 0.02
  )
  np.testing.assert_allclose([rate(100), rate(700), rate(1000)], 0.02)


def test_late_updates_average_batches():
  config = config_lib.TrainConfig(
    steps=8, warmup_steps=0, weight_decay=0.0, clip_norm=1e6,
    muon_learning_rate=0.0, learning_rate=1e-2, late_batches=2,
  )  # fmt: skip
  params = {'conv': {'kernel': jnp.ones((2, 3))}}
  gradients = [
    jax.tree.map(lambda p, i=i: jnp.sin(p * (3 + i)), params) for i in range(8)
  ]
  optimizer = optimizer_lib.make_optimizer(config)
  state, moved, current = optimizer.init(params), [], params
  for gradient in gradients:
    updates, state = jax.jit(optimizer.update)(gradient, state, current)
    moved.append(bool(jnp.any(updates['conv']['kernel'] != 0)))
    current = optax.apply_updates(current, updates)
  # Six updates of one batch each, then one of two batches.
  assert moved == [True] * 6 + [False, True]
  # The same with optax's Adam, which gets the mean of the last two gradients.
  rate = optax.cosine_decay_schedule(1e-2, 8)
  reference = optax.adamw(rate, weight_decay=0.0)
  state, expected = reference.init(params), params
  mean = jax.tree.map(lambda a, b: (a + b) / 2, *gradients[6:])
  for gradient in [*gradients[:6], mean]:
    updates, state = reference.update(gradient, state, expected)
    expected = optax.apply_updates(expected, updates)
  np.testing.assert_allclose(
    current['conv']['kernel'], expected['conv']['kernel'], rtol=1e-6
  )


def test_late_updates_count_as_many_steps_in_the_schedule():
  config = config_lib.TrainConfig(steps=1000, late_batches=5)
  rate = optimizer_lib.schedule(config, 0.02)
  plain = optimizer_lib.schedule(config_lib.TrainConfig(steps=1000), 0.02)
  assert float(rate(700)) == float(plain(700))
  assert float(rate(750 + 20)) == pytest.approx(float(plain(850)))
  assert float(rate(750 + 50)) == 0.0


def test_a_warm_up_longer_than_the_run_is_cut_to_a_tenth():
  config = config_lib.TrainConfig(steps=10, warmup_steps=100)
  rate = optimizer_lib.schedule(config, 1.0)
  assert max(float(rate(step)) for step in range(11)) == 1.0
  assert float(rate(1)) == 1.0
