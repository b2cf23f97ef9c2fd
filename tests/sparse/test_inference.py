"""Inferred maps are minima, and the objective never rises on the way."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import linear_model

from autoencoder.sparse import continuation
from autoencoder.sparse import fista
from autoencoder.sparse import operator
from autoencoder.sparse import shrinkage


@pytest.fixture(scope='module')
def problem():
  """Returns four images, and filters of norm 1."""
  rng = np.random.default_rng(0)
  filters = rng.standard_normal((5, 5, 2, 6)).astype(np.float32)
  filters /= np.sqrt(np.square(filters).sum((0, 1, 2)))
  return rng.standard_normal((4, 12, 11, 2)).astype(np.float32), filters


@functools.partial(jax.jit, static_argnames=('power', 'iterations'))
def infer(image, filters, weight, power=1.0, iterations=60):
  return fista.infer(
    image, filters, weight, power, iterations=iterations, tolerance=0.0
  )


@pytest.mark.parametrize('power', [1.0, 0.5])
@pytest.mark.parametrize('weight', [3.0, 20.0])
def test_the_objective_never_rises_and_is_that_of_the_maps(
  problem, power, weight
):
  image, filters = problem
  found = infer(image, filters, weight, power)
  assert (np.diff(found.objective, axis=0) <= 0).all()
  assert (found.objective[-1] < 0.95 * found.objective[0]).all()
  residual = image - operator.synthesise(found.maps, filters)
  maps = np.asarray(found.maps, np.float64)
  expected = weight / 2 * np.square(residual).sum((1, 2, 3)) + (
    np.abs(maps) ** power
  ).sum((1, 2, 3))
  np.testing.assert_allclose(found.objective[-1], expected, rtol=1e-4)


@pytest.mark.parametrize('power', [1.0, 0.8])
def test_a_gradient_step_never_raises_the_objective(problem, power):
  """FISTA rejects steps that do, so this tests the step size alone."""
  image, filters = problem
  step = 1 / operator.squared_norm(filters, image.shape[1:3])
  weight = 20.0

  @jax.jit
  def proceed(maps):
    residual = image - operator.synthesise(maps, filters)
    moved = maps + step * operator.correlate(residual, filters)
    value = fista.objective(residual, maps, weight, power)
    return shrinkage.shrink(moved, weight / step, power), value

  maps, values = jnp.zeros_like(operator.correlate(image, filters)), []
  for _ in range(40):
    maps, value = proceed(maps)
    values.append(value)
  assert (np.diff(values, axis=0) <= 1e-5 * np.abs(values[0])).all()


@pytest.mark.parametrize('weight', [0.0, -1.0, float('nan'), float('inf')])
def test_weights_out_of_range_are_refused(problem, weight):
  image, filters = problem
  with pytest.raises(ValueError, match='lambda, must be above 0 and finite'):
    fista.infer(image, filters, weight)


def test_fista_solves_the_lasso(problem):
  image, filters = problem
  image, weight = image[:1, :7, :6], 2.0
  found = infer(image, filters, weight, iterations=600)
  size = found.maps.shape[1:]
  basis = np.eye(np.prod(size), dtype=np.float32).reshape(-1, *size)
  matrix = np.asarray(operator.synthesise(basis, filters))
  matrix = matrix.reshape(len(basis), -1).T.astype(np.float64)
  lasso = linear_model.Lasso(
    alpha=1 / weight / image.size, fit_intercept=False, tol=1e-8, max_iter=10**5
  ).fit(matrix, image.ravel())
  np.testing.assert_allclose(
    found.maps.ravel(), lasso.coef_, atol=2e-3 * np.abs(lasso.coef_).max()
  )


def test_images_do_not_influence_each_other(problem):
  image, filters = problem
  image = image * np.array([1.0, 0.0, 0.1, 10.0])[:, None, None, None]
  image = image.astype(np.float32)
  together = fista.infer(image, filters, 2.0, iterations=300)
  assert together.iterations < 300  # All images have converged.
  for index in range(len(image)):
    alone = fista.infer(image[index][None], filters, 2.0, iterations=300)
    np.testing.assert_allclose(
      alone.maps[0], together.maps[index], atol=1e-4 * image[index].max() + 1e-6
    )
  assert (together.maps[1] == 0).all()


@pytest.mark.parametrize('power', [0.5])
def test_fista_from_the_continuation_reaches_a_minimum(problem, power):
  image, filters = problem
  start = jax.jit(
    lambda image: continuation.infer(image, filters, 2.0, power, stages=16)
  )(image)
  residual = image - operator.synthesise(start, filters)
  first = fista.objective(residual, start, 2.0, power)
  assert (
    first < np.square(image).sum((1, 2, 3))
  ).all()  # The objective of zeros.
  refined = fista.infer(
    image, filters, 2.0, power, start=start, iterations=300, tolerance=0.0
  )
  assert (refined.objective[-1] <= first).all()
  # At a minimum the derivative is 0 wherever a coefficient is not 0.
  maps = np.asarray(refined.maps)
  residual = image - operator.synthesise(maps, filters)
  pull = 2.0 * np.asarray(operator.correlate(residual, filters))
  used = np.abs(maps) > 1e-3
  assert 0.001 < used.mean() < 0.5
  wanted = power * np.sign(maps[used]) * np.abs(maps[used]) ** (power - 1)
  np.testing.assert_allclose(pull[used], wanted, atol=0.05)
