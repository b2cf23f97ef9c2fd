"""The network: its filters, learning, decomposition, and what it refuses."""

import dataclasses
import functools

from flax import nnx
import jax
import numpy as np
import optax
import pytest

from autoencoder import sparse
from autoencoder.sparse import filters as filters_lib
from autoencoder.sparse import fista
from autoencoder.sparse import operator

# Training steps to recover planted filters.
STEPS = 100


def make(channels=1, seed=0, **options):
  options = sparse.Options(**{'filters': (4, 6), 'sizes': (5, 3)} | options)
  options.validate()
  return sparse.DeconvolutionalNetwork(channels, options, rngs=nnx.Rngs(seed))


def test_filters_have_norm_1_and_see_the_maps_of_the_table():
  model = make(connections=2)
  for layer in (0, 1):
    norms = np.square(model.filters(layer)).sum((0, 1, 2))
    np.testing.assert_allclose(norms, 1.0, rtol=1e-5)
  seen = np.asarray(model.filters(1) != 0).any((0, 1))
  np.testing.assert_array_equal(seen, filters_lib.connection_table(4, 6, 2))


@pytest.mark.parametrize('inputs, outputs', [(9, 27), (16, 24), (5, 3), (4, 9)])
@pytest.mark.parametrize('count', [1, 2, 3])
def test_the_table_uses_all_maps_equally(inputs, outputs, count):
  table = filters_lib.connection_table(inputs, outputs, count)
  assert (table.sum(0) == count).all()
  assert np.ptp(table.sum(1)) <= 1


def test_the_table_has_no_pair_twice():
  for inputs, outputs in ((16, 24), (24, 48), (16, 48)):
    pairs = filters_lib.connection_table(inputs, outputs, 2)
    assert len({tuple(column) for column in pairs.T}) == outputs
  assert (filters_lib.connection_table(3, 5, 0) == 1).all()


def test_filters_in_pixels_combine_those_of_both_layers():
  model = make(channels=2)
  filters = [np.asarray(model.filters(layer)) for layer in (0, 1)]
  found = sparse.in_pixels(model, 1)
  assert found.shape == (6, 7, 7, 2)
  expected = np.zeros((7, 7, 2))
  for y, x, below in np.ndindex(3, 3, 4):
    weight = filters[1][y, x, below, 2]
    expected[y : y + 5, x : x + 5] += weight * filters[0][..., below]
  np.testing.assert_allclose(found[2], expected, atol=1e-5)


def test_the_gradient_is_that_of_the_minimum():
  # The envelope theorem, tested by minimising again with other filters.
  rng = np.random.default_rng(0)
  image = rng.standard_normal((1, 9, 9, 1)).astype(np.float32)
  filters = rng.standard_normal((3, 3, 1, 3)).astype(np.float32) / 3
  way = rng.standard_normal(filters.shape).astype(np.float32)

  @jax.jit
  def minimum(filters):
    found = fista.infer(image, filters, 3.0, iterations=400, tolerance=0.0)
    residual = image - operator.synthesise(found.maps, filters)
    return fista.objective(residual, found.maps, 3.0)[0]

  slope = np.vdot(jax.jit(jax.grad(minimum))(filters), way)
  step = 1e-2
  change = minimum(filters + step * way) - minimum(filters - step * way)
  assert slope == pytest.approx(float(change) / (2 * step), rel=0.02)


def make_learner(filters):
  """Returns `learn(steps)`, which learns filters from sparse images.

  The images are made with `filters`. The learned filters are larger by 2
  pixels, so that they can match shifted, and two more in number, so that one
  may end between two of the planted filters.
  """
  count, size = filters.shape[-1], filters.shape[0] + 2
  model = make(filters=(count + 2,), sizes=(size,), weights=(10.0,))
  graphdef, state = nnx.split(model)
  optimizer = optax.adam(optax.cosine_decay_schedule(0.05, STEPS))

  def make_images(key):
    where, sign = jax.random.split(key)
    shape = (6, *operator.map_size((20, 20), filters), count)
    used = jax.random.bernoulli(where, 0.004, shape)
    return operator.synthesise(used * jax.random.normal(sign, shape), filters)

  @jax.jit
  def step(params, opt_state, index):
    image = make_images(jax.random.fold_in(jax.random.key(1), index))

    def loss(params):
      bank = nnx.merge(graphdef, params).filters(0)
      found = fista.infer(image, bank, 10.0, iterations=15)
      residual = image - operator.synthesise(found.maps, bank)
      return fista.objective(residual, found.maps, 10.0).mean() / 20**2

    updates, opt_state = optimizer.update(jax.grad(loss)(params), opt_state)
    return optax.apply_updates(params, updates), opt_state

  params = nnx.as_pure(state)

  def learn(steps):
    carry = params, optimizer.init(params)
    for index in range(steps):
      carry = step(*carry, index)
    return np.asarray(nnx.merge(graphdef, carry[0]).filters(0))

  return learn


def match(planted, found):
  """Returns the largest absolute correlation over all shifts."""
  size = planted.shape[0] + found.shape[0]
  pair = [np.fft.fft2(each, (size, size), axes=(0, 1)) for each in
          (planted[:, :, 0], found[:, :, 0])]  # fmt: skip
  products = np.conj(pair[0])[..., :, None] * pair[1][..., None, :]
  return np.abs(np.fft.ifft2(products, axes=(0, 1)).real).max((0, 1))


def test_planted_filters_are_recovered():
  rng = np.random.default_rng(3)
  planted = rng.standard_normal((5, 5, 1, 3)).astype(np.float32)
  planted /= np.sqrt(np.square(planted).sum((0, 1, 2)))
  learn = make_learner(planted)
  matches = match(planted, learn(STEPS))
  assert matches.max(1).min() > 0.9, matches
  assert len(set(matches.argmax(1))) == 3  # Each by another filter.
  np.testing.assert_array_equal(learn(3), learn(3))  # Bit-identical.
  # The initial filters do not match.
  assert match(planted, learn(0)).max() < 0.6


@pytest.fixture(scope='module', params=[1.0, 0.8])
def decompose(request):
  """Returns a compiled decomposition, for each power."""
  return jax.jit(make(power=request.param, test_iterations=5).decompose)


def test_a_constant_image_has_maps_of_zeros_and_is_restored(decompose):
  images = np.full((2, 14, 15, 1), 0.3, np.float32)
  found = decompose(images)
  for maps, picture in zip(found.maps, found.pictures):
    assert (maps == 0).all()
    np.testing.assert_array_equal(picture, images)


def test_a_larger_lambda_fits_the_image_closer():
  rng = np.random.default_rng(0)
  image = rng.random((2, 20, 20, 1)).astype(np.float32)
  model = make(test_iterations=40)
  compiled = jax.jit(lambda scale: model.decompose(image, scale=scale))
  few, many = compiled(1.0), compiled(10.0)
  for layer in (0, 1):
    assert (few.maps[layer] != 0).sum() < (many.maps[layer] != 0).sum()
  worse, better = (
    np.square(found.pictures[0] - image).mean() for found in (few, many)
  )
  assert better < worse


@pytest.mark.parametrize(
  'image, words',
  [
    (np.ones((1, 9, 20, 1), np.float32), 'at least 10 x 10; got 9 x 20'),
    (np.full((1, 20, 20, 1), np.nan, np.float32), '400 values .* not finite'),
    (np.ones((1, 20, 20, 3), np.float32), r'takes \[N, H, W, 1\]'),
    (np.ones((1, 20, 20, 1), np.uint8), 'by 255 first'),
  ],
  ids=['smaller than the window', 'NaN', 'colour', 'integers'],
)
def test_bad_images_are_refused(image, words):
  model = make()
  denoise = functools.partial(model.denoise, sigma=0.1, threshold=2.0)
  for use in (model, model.decompose, denoise):
    with pytest.raises(ValueError, match=words):
      use(image)


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_in_compiled_code_bad_pixels_make_their_image_nan(decompose, bad):
  images = np.random.default_rng(0).random((2, 14, 15, 1), np.float32)
  spoiled = images.copy()
  spoiled[0, 5, 5] = bad
  found, expected = decompose(spoiled), decompose(images)
  for maps, picture, clean in zip(found.maps, found.pictures, expected.maps):
    assert np.isnan(maps[0]).all() and np.isnan(picture[0]).all()
    np.testing.assert_allclose(maps[1], clean[1], atol=1e-5)
    assert np.isfinite(picture[1]).all()


def test_an_image_smaller_than_a_filter_is_refused():
  model = make(sizes=(11, 3))
  image = np.ones((1, 10, 20, 1), np.float32)
  with pytest.raises(ValueError, match='at least 11 x 11; got 10 x 20'):
    model(image)


def test_bad_numbers_are_refused():
  model = make()
  image = np.full((1, 20, 20, 1), 0.5, np.float32)
  with pytest.raises(ValueError, match='sigma must be above 0'):
    model.denoise(image, 0.0, threshold=2.0)
  with pytest.raises(ValueError, match='threshold must be above 0'):
    model.denoise(image, 0.1, threshold=float('nan'))
  with pytest.raises(ValueError, match='lambda, must be above 0'):
    model.decompose(image, scale=-1.0)
  with pytest.raises(ValueError, match='layer takes 0, the first, to 1; got 5'):
    model.project(np.ones((1, 24, 24, 3), np.float32), 5)
  with pytest.raises(ValueError, match='layer takes 0, .*; got -1'):
    sparse.in_pixels(model, -1)


@pytest.mark.parametrize(
  'changes, words',
  [
    ({'weights': (1.0, 0.0)}, 'must be above 0 and finite'),
    ({'weights': (1.0, float('nan'))}, 'must be above 0 and finite'),
    ({'weights': (1.0,)}, 'one number for each layer'),
    ({'power': 1.5}, r'must be in \(0, 1\]'),
    ({'power': 0.0}, r'must be in \(0, 1\]'),
    ({'filters': (0, 3)}, 'filters must be at least 1'),
    ({'sizes': (7, 1)}, 'sizes must be at least 2'),
    ({'connections': 25}, r'connections takes 0 \(all\) to 24, the maps'),
    ({'iterations': 0}, 'iterations must be at least 1'),
    ({'contrast_floor': 0.0}, r'contrast_floor must be in \(0, 1\)'),
  ],
  ids=str,
)
def test_impossible_options_are_refused(changes, words):
  options = dataclasses.replace(sparse.Options(), **changes)
  with pytest.raises(ValueError, match=words):
    options.validate()
