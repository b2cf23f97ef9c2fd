from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import config as config_lib
from autoencoder import models


def make(**kwargs):
  options = {'widths': (8, 12), 'latent_channels': 4} | kwargs
  return models.Autoencoder(3, 3, **options, rngs=nnx.Rngs(0))


def trained_looking(model, seed=1):
  """Fills zero-initialised kernels, so that every path carries signal."""
  graphdef, state = nnx.split(model)
  leaves, structure = jax.tree.flatten(nnx.as_pure(state))
  keys = jax.random.split(jax.random.key(seed), len(leaves))
  leaves = [
    leaf if leaf.any() else 0.1 * jax.random.normal(key, leaf.shape)
    for key, leaf in zip(keys, leaves)
  ]
  return nnx.merge(graphdef, jax.tree.unflatten(structure, leaves))


call = jax.jit(lambda model, x: model(x))


@pytest.mark.parametrize('upsampling', config_lib.UPSAMPLINGS)
@pytest.mark.parametrize('skips', [True, False])
def test_any_size_in_the_same_size_out(upsampling, skips):
  model = make(upsampling=upsampling, skips=skips)
  for size in [(1, 1), (1, 9), (7, 2), (13, 10)]:
    x = jnp.ones((2, *size, 3))
    assert call(model, x).shape == x.shape


def test_residual_model_starts_as_the_identity():
  x = jax.random.uniform(jax.random.key(0), (1, 12, 8, 3))
  np.testing.assert_array_equal(call(make(), x), x)


def test_plain_model_does_not():
  x = jax.random.uniform(jax.random.key(0), (1, 12, 8, 3))
  assert jnp.abs(call(make(residual=False), x) - x).max() > 0.1


def test_without_skips_the_latent_is_all_that_passes():
  model = trained_looking(make(skips=False, residual=False))
  x = jax.random.uniform(jax.random.key(0), (1, 16, 24, 3))
  encoded = model.encode(x)
  assert encoded.latent.shape == (1, 4, 6, 4)
  assert encoded.skips == ()
  np.testing.assert_allclose(
    model.decode(encoded.latent), call(model, x), atol=1e-5
  )


def test_with_skips_decode_asks_for_them():
  model = make()
  encoded = model.encode(jnp.ones((1, 8, 8, 3)))
  with pytest.raises(ValueError, match='decode'):
    model.decode(encoded.latent)
  assert model.decode(*encoded).shape == (1, 8, 8, 3)


@pytest.mark.parametrize('upsampling', config_lib.UPSAMPLINGS)
@pytest.mark.parametrize('blocks', [0, 1])
def test_receptive_radius_bounds_what_a_pixel_reaches(upsampling, blocks):
  model = trained_looking(make(upsampling=upsampling, blocks=blocks))
  radius, side = model.receptive_radius, 128
  x = jax.random.uniform(jax.random.key(0), (1, side, side, 3))
  reach = 0
  for at in (62, 63, 64, 65):
    changed = x.at[0, at, at].add(1.0)
    difference = np.abs(call(model, changed) - call(model, x)).sum((0, 3))
    rows, columns = np.nonzero(difference > 1e-6)
    reach = max(reach, np.abs(rows - at).max(), np.abs(columns - at).max())
  assert reach <= radius
  assert reach > radius / 3  # The bound is not an empty one.


def test_moving_the_image_by_a_stride_moves_the_output():
  model = trained_looking(make())
  x = jax.random.uniform(jax.random.key(0), (1, 160, 8, 3))
  moved = jnp.roll(x, model.stride, axis=1)
  inside = slice(60, 100)
  np.testing.assert_allclose(
    jnp.roll(call(model, x), model.stride, axis=1)[:, inside],
    call(model, moved)[:, inside],
    atol=1e-5,
  )


def test_bfloat16_computes_close_to_float32_and_answers_in_float32():
  x = jax.random.uniform(jax.random.key(0), (1, 16, 16, 3))
  single, half = (
    call(trained_looking(make(dtype=dtype)), x)
    for dtype in ('float32', 'bfloat16')
  )
  assert half.dtype == jnp.float32
  assert 0 < jnp.abs(single - half).max() < 0.05


def test_signal_keeps_its_size_through_the_untrained_network():
  model = make(widths=(32, 64, 128), residual=False, skips=False)
  x = jax.random.normal(jax.random.key(0), (4, 64, 64, 3))
  # A relu before a layer halves the power, and nothing else may.
  assert 0.2 < call(model, x).std() < 2.0


def test_gradient_reaches_every_parameter():
  model = trained_looking(make())
  graphdef, params = nnx.split(model)
  x = jax.random.uniform(jax.random.key(0), (1, 16, 16, 3))
  grads = jax.jit(
    jax.grad(lambda p: jnp.square(nnx.merge(graphdef, p)(x)).sum())
  )(nnx.as_pure(params))
  assert all(np.asarray(leaf).any() for leaf in jax.tree.leaves(grads))


def test_usable_from_linen():
  linen = nnx.bridge.ToLinen(
    models.Autoencoder, args=(3, 3), kwargs={'widths': (8,)}
  )
  x = jnp.ones((1, 5, 6, 3))
  variables = linen.init(jax.random.key(0), x)
  assert set(variables) == {'params'}
  assert linen.apply(variables, x).shape == x.shape
  encoded = linen.apply(variables, x, nnx_method='encode')
  assert encoded.latent.shape == (1, 3, 3, 64)


@pytest.mark.parametrize('shape', [(8, 8, 3), (1, 8, 8, 4)])
def test_wrong_input_states_the_shapes(shape):
  with pytest.raises(ValueError, match=r'\[N, H, W, 3\]'):
    make()(jnp.ones(shape))


def test_residual_needs_enough_input_channels():
  with pytest.raises(ValueError, match='model.residual'):
    models.Autoencoder(1, 3, rngs=nnx.Rngs(0))


def test_build_follows_the_config():
  config = config_lib.ModelConfig(in_channels=3, out_channels=3, widths=(4, 4))
  model = models.build(config, rngs=nnx.Rngs(0))
  assert model.stride == 4
  assert models.count_parameters(model) == sum(
    leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param))
  )
