"""Projections against transposes by autodiff, and by hand."""

import functools

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import layers
from autoencoder.inspection import projection
from autoencoder.inspection import steps as steps_lib

RULES = projection.RULES


def draw(shape, seed=0):
  return jax.random.normal(jax.random.key(seed), shape)


def last(steps, x):
  *_, (y, _) = steps_lib.trace(steps, x)
  return y


@pytest.mark.parametrize(
  'size, options',
  [
    ((7, 9), {}),
    ((8, 12), {'strides': (2, 2)}),
    ((9, 7), {'strides': (2, 2), 'padding': 'VALID'}),
    ((9, 7), {'strides': (3, 3), 'padding': ((1, 2), (0, 1))}),
    ((9, 8), {'kernel_dilation': (2, 2)}),
    ((8, 8), {'kernel_size': (8, 8), 'strides': (4, 4)}),
    ((6, 6), {'feature_group_count': 2}),
  ],
  ids=str,
)
def test_the_projection_of_a_convolution_is_its_transpose(size, options):
  options = {'kernel_size': (3, 3)} | options
  conv = layers.Conv(4, 6, **options, use_bias=False, rngs=nnx.Rngs(0))
  x = draw((2, *size, 4))
  (transpose,) = (jax.linear_transpose(nnx.Conv.__call__.__get__(conv), x),)
  seed = draw(conv(x).shape, 1)
  projected = jax.jit(
    lambda x, seed: projection.project(steps_lib.chain({'conv': conv}), x, seed)
  )(x, seed)
  (expected,) = transpose(seed)
  np.testing.assert_allclose(projected, expected, rtol=1e-4, atol=1e-5)


def test_the_gradient_rule_is_the_gradient(model, request):
  steps = steps_lib.encoder_steps(model)
  x = jax.random.uniform(jax.random.key(0), (1, 16, 16, 3))

  @jax.jit
  def both(model, x, key):
    steps = steps_lib.encoder_steps(model)
    latent, pull = jax.vjp(lambda x: last(steps, x), x)
    seed = jax.random.normal(key, latent.shape)
    return projection.project(steps, x, seed, RULES['gradient']), pull(seed)[0]

  projected, expected = both(model, x, jax.random.key(1))
  scale = np.abs(expected).max()
  if any(step.kind == 'gdn' for step in steps):
    # GDN keeps its divisor. An untrained divisor hardly varies, so projection
    # and gradient are close.
    assert np.corrcoef(projected.ravel(), expected.ravel())[0, 1] > 0.9
    assert np.abs(projected - expected).max() > 0.001 * scale
  else:
    np.testing.assert_allclose(projected, expected, atol=1e-5 * scale)


def test_gdn_keeps_its_divisor():
  layer = layers.GDN(2)
  x = jnp.array([3.0, -4.0]).reshape(1, 1, 1, 2)
  seed = jnp.array([1.0, 2.0]).reshape(1, 1, 1, 2)
  projected = projection.project(steps_lib.chain({'gdn': layer}), x, seed)
  beta, gamma = (np.asarray(each) for each in layer.effective())
  expected = [1 / (beta[0] + 3 * gamma[0, 0]), 2 / (beta[1] + 4 * gamma[1, 1])]
  np.testing.assert_allclose(projected.ravel(), expected, rtol=1e-6)


@pytest.mark.parametrize(
  'rule, expected',
  [
    # The input is positive at 0 and 2, the signal is positive at 0 and 3.
    ('deconvnet', [5.0, 0.0, 0.0, 6.0]),
    ('guided', [5.0, 0.0, 0.0, 0.0]),
    ('gradient', [5.0, 0.0, -1.0, 0.0]),
  ],
)
def test_signals_that_a_relu_passes_back(rule, expected):
  x = jnp.array([1.0, -1.0, 2.0, -2.0]).reshape(1, 2, 2, 1)
  seed = jnp.array([5.0, -3.0, -1.0, 6.0]).reshape(1, 2, 2, 1)
  projected = projection.project(
    steps_lib.chain({'relu': nnx.relu}), x, seed, RULES[rule]
  )
  assert projected.ravel().tolist() == expected


def test_switches_restore_the_position_of_a_maximum():
  """By hand: a 2 x 4 image, doubled, pooled, and projected."""
  conv = layers.Conv(1, 1, (1, 1), use_bias=False, rngs=nnx.Rngs(0))
  conv.kernel[...] = jnp.full((1, 1, 1, 1), 2.0)
  steps = steps_lib.chain({'conv': conv, 'pool': layers.MaxPool((2, 2))})
  image = jnp.array([[1.0, 5.0, 0.0, 2.0], [3.0, 4.0, 9.0, 8.0]])
  x = image.reshape(1, 2, 4, 1)
  features = last(steps, x)
  assert features.ravel().tolist() == [10.0, 18.0]
  projected = projection.project(steps, x, features)
  np.testing.assert_array_equal(
    projected[0, ..., 0], [[0, 20, 0, 0], [0, 0, 36, 0]]
  )
  only = projection.project(steps, x, features.at[0, 0, 1, 0].set(0.0))
  np.testing.assert_array_equal(only[0, ..., 0], [[0, 20, 0, 0], [0, 0, 0, 0]])


def test_a_layer_inside_a_block_is_projected_through_the_branch_only(
  make_model,
):
  steps = steps_lib.encoder_steps(make_model('stem 1'))
  layer = steps_lib.find_layers(steps)[0]
  assert layer.name == 'block0_0.relu'
  prefix = steps[: layer.end]
  x = jax.random.uniform(jax.random.key(0), (1, 8, 8, 3))
  seed = draw(last(prefix, x).shape, 3)
  flat = [step for step in prefix if step.kind != 'fork']
  project = jax.jit(lambda x: projection.project(prefix, x, seed))
  project_flat = jax.jit(lambda x: projection.project(flat, x, seed))
  np.testing.assert_array_equal(project(x), project_flat(x))


def test_without_pooling_deconvnet_does_not_depend_on_the_image(make_model):
  steps = steps_lib.encoder_steps(make_model('stem 2'))
  images = jax.random.uniform(jax.random.key(0), (2, 1, 8, 8, 3))
  seed = draw(last(steps, images[0]).shape, 3)

  @functools.partial(jax.jit, static_argnames='rule')
  def project(x, rule):
    return projection.project(steps, x, seed, RULES[rule])

  np.testing.assert_array_equal(*(project(x, 'deconvnet') for x in images))
  a, b = (project(x, 'guided') for x in images)
  assert np.abs(a - b).max() > 1e-3
