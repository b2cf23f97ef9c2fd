"""The synthesis operator, its adjoint and its norm, against SciPy and NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal

from autoencoder.sparse import operator

SHAPES = [(3, 3, 1, 1), (4, 3, 2, 5), (5, 5, 3, 2)]


def draw(shape, size=(9, 8), images=2):
  rng = np.random.default_rng(0)
  filters = rng.standard_normal(shape).astype(np.float32)
  maps = (images, *operator.map_size(size, filters), shape[-1])
  return filters, rng.standard_normal(maps).astype(np.float32), rng


@pytest.mark.parametrize('shape', SHAPES, ids=str)
def test_synthesise_is_the_sum_of_convolved_maps(shape):
  filters, maps, _ = draw(shape)
  expected = [
    [
      sum(
        signal.convolve2d(each[..., k], filters[..., c, k], 'valid')
        for k in range(shape[3])
      )
      for c in range(shape[2])
    ]
    for each in maps
  ]
  actual = operator.synthesise(maps, filters)
  np.testing.assert_allclose(
    actual, np.moveaxis(expected, 1, -1), rtol=1e-4, atol=1e-4
  )


@pytest.mark.parametrize('shape', SHAPES, ids=str)
def test_correlate_is_the_adjoint(shape):
  filters, maps, rng = draw(shape)
  image = rng.standard_normal((2, 9, 8, shape[2])).astype(np.float32)
  left = np.vdot(operator.synthesise(maps, filters), image)
  right = np.vdot(maps, operator.correlate(image, filters))
  assert left == pytest.approx(right, rel=1e-4)


def fourier_norm(filters, size):
  """Returns the largest eigenvalue on a torus, by Fourier transforms."""
  spectrum = np.fft.fft2(filters, size, axes=(0, 1))
  return np.linalg.norm(spectrum, 2, axis=(2, 3)).max() ** 2


@pytest.mark.parametrize('shape', SHAPES[1:], ids=str)
def test_power_iteration_finds_the_largest_eigenvalue(shape):
  filters, _, _ = draw(shape)
  size = (9, 8)
  maps = (1, *operator.map_size(size, filters), shape[-1])
  basis = np.eye(np.prod(maps), dtype=np.float32).reshape(-1, *maps[1:])
  matrix = np.asarray(operator.synthesise(basis, filters))
  exact = np.linalg.norm(matrix.reshape(len(basis), -1), 2) ** 2
  found = float(operator.squared_norm(filters, size, iterations=300))
  assert found == pytest.approx(1.1 * exact, rel=2e-3)
  # Borders cut filters off, so the norm is lower than on a torus.
  assert exact <= fourier_norm(filters, maps[1:3]) * (1 + 1e-4)


def test_the_bound_holds_for_large_images():
  rng = np.random.default_rng(0)
  filters = rng.standard_normal((7, 7, 1, 16)).astype(np.float32)
  filters /= np.sqrt(np.square(filters).sum((0, 1, 2)))
  exact = fourier_norm(filters, (512, 512))  # The limit, on a fine grid.
  compiled = jax.jit(lambda filters: operator.squared_norm(filters, (300, 300)))
  found = float(compiled(filters))
  assert exact * 0.99 < found < 1.11 * exact


@pytest.mark.parametrize('side', [3, 15])
def test_the_bound_holds_for_large_filters(side):
  box = np.full((side, side, 1, 1), 1 / side, np.float32)
  exact = fourier_norm(box, (512, 512))
  found = float(operator.squared_norm(box, (300, 300)))
  assert exact * 0.99 < found < 1.11 * exact


def test_a_single_coefficient_gives_its_filter():
  filters = jnp.arange(18.0).reshape(3, 3, 1, 2)
  maps = jnp.zeros((1, 7, 7, 2)).at[0, 3, 3, 1].set(2.0)
  image = operator.synthesise(maps, filters)
  np.testing.assert_array_equal(image[0, 1:4, 1:4, 0], 2 * filters[..., 0, 1])
  assert np.count_nonzero(image) == 9
