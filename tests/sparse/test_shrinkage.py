"""Shrinkage against a search over a fine grid, and against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder.sparse import shrinkage


@pytest.mark.parametrize('power', [0.2, 0.5, 0.8, 1.0])
@pytest.mark.parametrize('weight', [0.3, 20.0])
def test_shrink_returns_the_minimum(power, weight):
  v = np.linspace(-5, 5, 61)
  found = np.asarray(shrinkage.shrink(jnp.asarray(v), weight, power))
  grid = np.linspace(-5, 5, 40_001)

  def cost(x, v):
    return np.abs(x) ** power + weight / 2 * (x - v) ** 2

  best = cost(grid[None], v[:, None]).min(1)
  assert (cost(found, v) <= best + 1e-5 * (1 + best)).all()
  assert (found == 0).any() and (found[[0, -1]] != 0).all()


def test_half_power_has_a_closed_form():
  # x + 0.5 / sqrt(x) = v is a cubic in sqrt(x), solved by trigonometry.
  v = np.linspace(1.6, 9, 20)
  angle = np.arccos(-0.75 * np.sqrt(3) * v**-1.5)
  root = 2 * np.sqrt(v / 3) * np.cos(angle / 3)
  found = shrinkage.shrink(jnp.asarray(v), 1.0, 0.5)
  np.testing.assert_allclose(found, root**2, rtol=1e-5)


@pytest.mark.parametrize('power', [0.3, 0.8, 1.0])
def test_weight_of_gives_the_threshold(power):
  weight = shrinkage.weight_of(0.5, power)
  found = shrinkage.shrink(jnp.array([0.499, 0.501]), weight, power)
  assert found[0] == 0 and found[1] > 0


def test_values_and_gradients_are_finite():
  v = jnp.array([0.0, 1e-30, 1e-3, 3.0])
  slope = jax.jit(jax.grad(lambda v: shrinkage.shrink(v, 2.0, 0.5).sum()))
  assert np.isfinite(jax.jit(lambda v: shrinkage.shrink(v, 2.0, 0.5))(v)).all()
  assert np.isfinite(slope(v)).all() and slope(v)[-1] > 1


@pytest.mark.parametrize('power', [0.0, -1.0, 1.5, float('nan')])
def test_powers_out_of_range_are_refused(power):
  with pytest.raises(ValueError, match=r'must be in \(0, 1\]; got'):
    shrinkage.shrink(jnp.ones(3), 1.0, power)
