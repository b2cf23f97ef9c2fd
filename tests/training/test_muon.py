"""Muon gives the updates of optax, with fewer matrix products."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from autoencoder.training import muon as muon_lib

SHAPES = {
  'tall': (3, 3, 4, 8),
  'wide': (1, 1, 4, 24),
  'square': (2, 2, 4, 16),
  'dense': (5, 7),
}


def _dimensions(params):
  return jax.tree.map(
    lambda p: optax.contrib.MuonDimensionNumbers(
      tuple(range(p.ndim - 1)), (p.ndim - 1,)
    ),
    params,
  )


def test_updates_equal_those_of_optax():
  def gradients(step):
    keys = jax.random.split(jax.random.key(step), len(SHAPES))
    return {
      name: jax.random.normal(key, shape)
      for key, (name, shape) in zip(keys, SHAPES.items())
    }

  params = gradients(1000)
  reference = optax.contrib.muon(
    0.1, weight_decay=0.01, muon_weight_dimension_numbers=_dimensions
  )
  moves = []
  for optimizer in (reference, muon_lib.muon(0.1, weight_decay=0.01)):
    update, state = jax.jit(optimizer.update), optimizer.init(params)
    # The bias correction of optax's momentum fades during these steps.
    for step in range(200):
      move, state = update(gradients(step), state, params)
    moves.append(move)
  expected, found = moves
  for name, move in found.items():
    np.testing.assert_allclose(move, expected[name], atol=1e-5, err_msg=name)


@pytest.mark.parametrize('rank', [1, 3, 16])
def test_directions_without_gradient_get_no_update(rank):
  left, right = (
    np.linalg.qr(np.random.default_rng(i).normal(size=(n, rank)))[0]
    for i, n in enumerate((144, 16))
  )
  scales = np.geomspace(1.0, 0.02, rank)
  move = muon_lib.orthogonalize(jnp.float32((left * scales) @ right.T))
  values = np.linalg.svd(move, compute_uv=False)
  assert (values[:rank] > 0.65).all() and (values[:rank] < 1.25).all()
  np.testing.assert_allclose(values[rank:], 0.0, atol=1e-3)
  np.testing.assert_allclose(move, left @ (left.T @ move), atol=1e-3)


def test_a_zero_gradient_gives_a_zero_update():
  np.testing.assert_array_equal(muon_lib.orthogonalize(jnp.zeros((6, 4))), 0.0)
