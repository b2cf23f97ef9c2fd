"""One device or eight, jit or pmap: the same run."""

import itertools

from flax import nnx
import jax
import numpy as np
import pytest

from autoencoder import data
from autoencoder.runs import checkpoint as checkpoint_lib
from autoencoder.training import optimizer as optimizer_lib
from autoencoder.training import parallel
from autoencoder.training import resolve
from autoencoder.training import state as state_lib
from autoencoder.training import step as step_lib

STEPS = 5
EXECUTORS = {
  'jit on 1': ('jit', 1),
  'jit on 8': ('jit', 8),
  'pmap': ('pmap', 8),
}


@pytest.fixture(scope='module')
def made(task, base):
  """`(executor, initial state on the host, batches)` by name."""
  source = data.open_source(base.data.source, 'train', channels=3)
  batches = data.Batches(source, batch_size=8, crop=16, augment='dihedral')
  config = resolve.resolve_channels(base, task, source[0])
  model = task.build_model(config, nnx.Rngs(0))
  optimizer = optimizer_lib.make_optimizer(config.train)
  structure, state = state_lib.create_state(model, optimizer)
  state = jax.device_get(state)

  def make_step(axis_name):
    return step_lib.make_train_step(
      structure, optimizer, task, config, batches.read, axis_name=axis_name
    )

  def make(kind, devices):
    devices = jax.devices()[:devices]
    return parallel.make_executor(kind, make_step, 8, devices), state, batches

  return {name: make(*kind) for name, kind in EXECUTORS.items()}


def run(executor, state, batches, start, steps):
  state = executor.replicate(state)
  key = executor.replicate(jax.random.key(0))
  pool = executor.replicate(batches.pool)
  losses = []
  for batch in itertools.islice(batches.iterate(start), steps):
    state, metrics = executor.step(state, executor.put(batch), key, pool)
    losses.append(float(metrics['loss']))
  return jax.device_get(state), losses


@pytest.fixture(scope='module')
def results(made):
  return {name: run(*parts, 0, STEPS) for name, parts in made.items()}


def assert_same(one, other):
  assert jax.tree.structure(one) == jax.tree.structure(other)
  for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other)):
    assert a.shape == b.shape
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_executors_and_device_counts_agree(results):
  state, losses = results['jit on 1']
  for name, (other_state, other_losses) in results.items():
    np.testing.assert_allclose(losses, other_losses, atol=1e-5, err_msg=name)
    assert_same(state, other_state)
  # They agreed about something: noise, clipping and average were at work.
  assert len(set(losses)) == STEPS
  average = jax.tree.leaves(state.ema)
  assert any(
    np.abs(a - p).max() > 1e-4
    for a, p in zip(average, jax.tree.leaves(state.params))
  )


def test_each_continues_the_checkpoint_of_another(made, results, tmp_path):
  for name, parts in made.items():
    state, _ = run(*parts, 0, 2)
    with checkpoint_lib.Checkpoints(tmp_path / name, keep=1) as checkpoints:
      checkpoints.save(2, state.to_items(), seconds=0.0)
  for first, second in itertools.permutations(EXECUTORS, 2):
    executor, state, batches = made[second]
    with checkpoint_lib.Checkpoints(
      tmp_path / first, read_only=True
    ) as checkpoints:
      state = state.with_items(checkpoints.restore(state.to_items()).items)
    ended, _ = run(executor, state, batches, 2, STEPS - 2)
    assert_same(ended, results['jit on 1'][0])


def test_uneven_batch_names_the_near_sizes():
  with pytest.raises(ValueError, match='use 8 or 16'):
    parallel.make_executor('jit', lambda axis_name: None, 12)
  with pytest.raises(ValueError, match='use 8[.]'):
    parallel.make_executor('pmap', lambda axis_name: None, 3)
