"""The autoencoder: sizes, data flow, gradients, bfloat16 and Linen."""

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import models
from autoencoder.models import upsamplings

call = jax.jit(lambda model, x: model(x))


@pytest.mark.parametrize('stem_stride', [1, 2, 4])
@pytest.mark.parametrize('skips', [True, False])
def test_output_has_the_size_of_the_input(make, skips, stem_stride):
  model = make(skips=skips, stem_stride=stem_stride)
  for size in [(1, 1), (1, 9), (7, 2), (13, 10)]:
    x = jnp.ones((2, *size, 3))
    assert call(model, x).shape == x.shape


@pytest.mark.parametrize(
  'upsampling, options',
  [(name, {'widths': (8,)}) for name in upsamplings.names()]
  + [('transposed', {'stem_stride': 1}), ('unpool', {'stem_stride': 1})],
)
def test_decode_of_encode_and_answer_are_the_model(
  make, trained_looking, upsampling, options
):
  model = trained_looking(
    make(upsampling=upsampling, residual=False, **options)
  )
  x = jax.random.uniform(jax.random.key(0), (1, 6, 8, 3))
  decoded = jax.jit(lambda model, x: model.decode(*model.encode(x)))(model, x)
  np.testing.assert_allclose(decoded, call(model, x), atol=1e-5)
  assert jnp.abs(decoded).max() > 0.01


def test_integers_are_refused(make):
  with pytest.raises(
    ValueError, match='got uint8. Divide 8-bit pictures by 255'
  ):
    make()(jnp.ones((1, 8, 8, 3), jnp.uint8))


def test_a_residual_model_is_the_identity_at_first(make):
  x = jax.random.uniform(jax.random.key(0), (1, 12, 8, 3))
  np.testing.assert_array_equal(call(make(), x), x)


def test_a_model_that_is_not_residual_is_not_the_identity_at_first(make):
  x = jax.random.uniform(jax.random.key(0), (1, 12, 8, 3))
  assert jnp.abs(call(make(residual=False), x) - x).max() > 0.1


def test_without_skips_the_output_depends_on_the_latent_alone(
  make, trained_looking
):
  model = trained_looking(make(skips=False, residual=False))
  x = jax.random.uniform(jax.random.key(0), (1, 16, 24, 3))
  encoded = model.encode(x)
  assert encoded.latent.shape == (1, 4, 6, 4)
  assert encoded.skips == ()
  np.testing.assert_allclose(
    model.decode(encoded.latent), call(model, x), atol=1e-5
  )


def test_decode_requires_the_skips_of_a_model_with_skips(make):
  model = make()
  encoded = model.encode(jnp.ones((1, 8, 8, 3)))
  with pytest.raises(ValueError, match='decode'):
    model.decode(encoded.latent)
  assert model.decode(*encoded).shape == (1, 8, 8, 3)


def test_shifting_the_input_by_a_stride_shifts_the_output(
  make, trained_looking
):
  model = trained_looking(make())
  x = jax.random.uniform(jax.random.key(0), (1, 160, 8, 3))
  moved = jnp.roll(x, model.stride, axis=1)
  inside = slice(60, 100)
  np.testing.assert_allclose(
    jnp.roll(call(model, x), model.stride, axis=1)[:, inside],
    call(model, moved)[:, inside],
    atol=1e-5,
  )


def test_bfloat16_is_close_to_float32_and_returns_float32(
  make, trained_looking
):
  x = jax.random.uniform(jax.random.key(0), (1, 16, 16, 3))
  single, half = (
    call(trained_looking(make(dtype=dtype)), x)
    for dtype in ('float32', 'bfloat16')
  )
  assert half.dtype == jnp.float32
  assert 0 < jnp.abs(single - half).max() < 0.05


@pytest.mark.parametrize('upsampling', upsamplings.names())
def test_the_untrained_network_keeps_the_power_of_the_signal(make, upsampling):
  model = make(
    upsampling=upsampling,
    widths=(24, 48),
    latent_channels=64,
    blocks=0,
    residual=False,
    skips=False,
  )
  x = 0.5 + 0.25 * jax.random.normal(jax.random.key(0), (2, 32, 32, 3))
  # A ReLU in front of a layer halves the power; nothing else may.
  assert 0.2 < call(model, x).std() < 2.0


@pytest.mark.parametrize('upsampling', ['transposed', 'unpool'])
def test_every_parameter_has_a_gradient(make, trained_looking, upsampling):
  model = trained_looking(make(upsampling=upsampling))
  graphdef, params = nnx.split(model)
  x = jax.random.uniform(jax.random.key(0), (1, 16, 16, 3))
  grads = jax.jit(
    jax.grad(lambda p: jnp.square(nnx.merge(graphdef, p)(x)).sum())
  )(nnx.as_pure(params))
  assert all(np.asarray(leaf).any() for leaf in jax.tree.leaves(grads))


@pytest.mark.parametrize('upsampling', upsamplings.names())
def test_a_linen_module_can_contain_the_model(upsampling):
  linen = nnx.bridge.ToLinen(
    models.Autoencoder,
    args=(3, 3),
    kwargs={'widths': (4, 8), 'blocks': 0, 'upsampling': upsampling},
  )
  x = jnp.ones((1, 5, 6, 3))
  variables = linen.init(jax.random.key(0), x)
  assert set(variables) == {'params'}
  assert linen.apply(variables, x).shape == x.shape
  encoded = linen.apply(variables, x, nnx_method='encode')
  assert encoded.latent.shape == (1, 3, 3, 64)


@pytest.mark.parametrize('shape', [(8, 8, 3), (1, 8, 8, 4)])
def test_errors_for_wrong_inputs_name_the_shapes(make, shape):
  with pytest.raises(ValueError, match=r'\[N, H, W, 3\]'):
    make()(jnp.ones(shape))


def test_a_residual_model_needs_enough_input_channels():
  with pytest.raises(ValueError, match='model.residual'):
    models.Autoencoder(1, 3, rngs=nnx.Rngs(0))
