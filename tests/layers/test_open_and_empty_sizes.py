"""Open sizes (`jax.export`) and axes of length zero, compared with Flax."""

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import layers


def _pair(kind, kernel, strides, **options):
  """Returns Flax's layer and ours, with equal parameters."""
  rngs = nnx.Rngs(0)
  options['bias_init'] = nnx.initializers.normal(1.0)
  flax = getattr(nnx, kind)(4, 6, kernel, strides, rngs=rngs, **options)
  ours = getattr(layers, kind)(4, 6, kernel, strides, rngs=rngs, **options)
  nnx.update(ours, nnx.state(flax))
  return flax, ours


def _assert_same(got, want):
  for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
    assert (a.shape, a.dtype) == (b.shape, b.dtype)
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)


def _export(function, sizes):
  (*sizes,) = jax.export.symbolic_shape(sizes)
  x = jax.ShapeDtypeStruct(tuple(sizes), jnp.float32)
  return jax.export.export(jax.jit(function))(x)


def _gradients(layer):
  graph, params = nnx.split(layer)

  def loss(params, x):
    return jnp.sin(nnx.merge(graph, params)(x)).sum()

  return lambda x: jax.grad(loss, (0, 1))(params, x)


@pytest.mark.parametrize(
  'kind, kernel, strides, options',
  [
    ('Conv', (3, 3), 1, {'padding': 'VALID'}),
    ('Conv', (3, 3), 2, {}),
    ('Conv', (4, 4), 2, {'padding': ((0, 2), (3, 1))}),
    ('Conv', (1, 1), 2, {'padding': ((0, 2), (3, 1))}),
    ('Conv', (3, 3), 1, {'padding': 'VALID', 'kernel_dilation': 2}),
    ('Conv', (3, 3), 2, {'feature_group_count': 2}),
    ('ConvTranspose', (3, 3), 2, {}),
    ('ConvTranspose', (4, 4), 2, {'padding': 'VALID'}),
    ('ConvTranspose', (2, 2), 2, {'padding': 'CIRCULAR'}),
    ('ConvTranspose', (4, 4), 2, {'padding': ((0, 2), (3, 1))}),
    ('ConvTranspose', (3, 3), 1, {'padding': 'VALID', 'kernel_dilation': 2}),
  ],
)
def test_height_width_and_batch_may_be_left_open(
  kind, kernel, strides, options
):
  flax, ours = _pair(kind, kernel, strides, **options)
  program = _export(ours, 'n, h, w, 4')
  for shape in ((2, 7, 9, 4), (1, 8, 6, 4)):
    x = jax.random.normal(jax.random.key(1), shape)
    _assert_same(program.call(x), flax(x))


@pytest.mark.parametrize(
  'kind, options',
  [
    ('Conv', {}),
    ('Conv', {'padding': ((0, 2), (3, 1))}),
    ('ConvTranspose', {}),
    ('ConvTranspose', {'strides': 2}),
    ('ConvTranspose', {'padding': ((0, 2), (3, 1))}),
  ],
)
def test_gradients_for_any_height_and_width(kind, options):
  options = {'strides': 1} | options
  flax, ours = _pair(kind, (3, 3), **options)
  x = jax.random.normal(jax.random.key(1), (1, 7, 9, 4))
  program = _export(_gradients(ours), '1, h, w, 4')
  _assert_same(program.call(x), _gradients(flax)(x))


@pytest.mark.parametrize('kind', ['Conv', 'ConvTranspose'])
def test_cropping_with_height_and_width_left_open(kind):
  # XLA alone would return uninitialised memory here, as Flax does.
  _, ours = _pair(kind, (3, 3), 1, padding=((-1, 1), (0, 0)))
  x = jax.random.normal(jax.random.key(1), (2, 7, 9, 4))
  _assert_same(_export(ours, 'n, h, w, 4').call(x), ours(x))


@pytest.mark.parametrize('rank', [1, 3])
@pytest.mark.parametrize('kind', ['Conv', 'ConvTranspose'])
def test_one_and_three_axes_may_be_left_open(kind, rank):
  flax, ours = _pair(kind, (3,) * rank, 2)
  program = _export(ours, ', '.join(['2', *'abc'[:rank], '4']))
  x = jax.random.normal(jax.random.key(1), (2, *(5, 4, 3)[:rank], 4))
  _assert_same(program.call(x), flax(x))


@pytest.mark.parametrize('kind', ['ResizeConv', 'SubpixelConv'])
def test_enlarging_layers_of_any_height_and_width(kind):
  layer = getattr(layers, kind)(4, 6, (3, 3), 2, rngs=nnx.Rngs(0))
  program = _export(layer, 'n, h, w, 4')
  x = jax.random.normal(jax.random.key(1), (2, 5, 4, 4))
  _assert_same(program.call(x), layer(x))


def test_pooling_of_any_height_and_width():
  def pools(x):
    return layers.MaxUnpool(2)(*layers.MaxPool(2)(x))

  x = jax.random.normal(jax.random.key(1), (2, 6, 4, 4))
  _assert_same(_export(pools, 'n, 2*h, 2*w, 4').call(x), pools(x))


@pytest.mark.parametrize('padding', ['SAME', 'VALID', ((2, 1), (1, 3))])
@pytest.mark.parametrize('strides', [1, 2, 3])
@pytest.mark.parametrize('kind', ['Conv', 'ConvTranspose'])
def test_axes_of_length_zero(kind, strides, padding):
  flax, ours = _pair(kind, (3, 3), strides, padding=padding)
  for shape in ((2, 0, 8, 4), (2, 8, 0, 4), (0, 8, 8, 4)):
    x = jnp.ones(shape)
    _assert_same(ours(x), flax(x))
    _assert_same(_gradients(ours)(x), _gradients(flax)(x))
  # Flax divides by zero if there are several batch axes.
  x = jnp.ones((2, 1, 0, 8, 4))
  _assert_same(ours(x)[:, 0], flax(x[:, 0]))


@pytest.mark.parametrize(
  'kind, rank, options',
  [
    ('Conv', 1, {}),
    ('Conv', 3, {}),
    ('ConvTranspose', 1, {'padding': 'VALID'}),
    ('ConvTranspose', 3, {'kernel_dilation': 2}),
    ('Conv', 2, {'kernel_dilation': 2, 'padding': 'VALID'}),
    ('Conv', 2, {'feature_group_count': 2}),
  ],
)
def test_an_empty_axis_among_other_ranks_and_options(kind, rank, options):
  flax, ours = _pair(kind, (3,) * rank, 2, **options)
  x = jnp.ones((2, 0, *(5, 6)[: rank - 1], 4))
  _assert_same(ours(x), flax(x))


@pytest.mark.parametrize('strides', [1, 2])
def test_a_kernel_larger_than_the_image_leaves_nothing(strides):
  flax, ours = _pair('Conv', (5, 3), strides, padding='VALID')
  x = jnp.ones((2, 4, 8, 4))
  assert ours(x).size == 0
  _assert_same(ours(x), flax(x))
  _assert_same(_gradients(ours)(x), _gradients(flax)(x))


def test_empty_images_of_other_layers():
  x = jnp.ones((2, 0, 4, 4))
  for method in ('nearest', 'bilinear'):
    assert layers.upsample(x, (2, 3), method).shape == (2, 0, 12, 4)
  for kind in (layers.ResizeConv, layers.SubpixelConv):
    layer = kind(4, 6, (3, 3), 2, rngs=nnx.Rngs(0))
    assert layer(x).shape == (2, 0, 8, 6)
    assert jax.tree.leaves(_gradients(layer)(x))
  switches = jnp.zeros(x.shape, jnp.int32)
  assert layers.MaxUnpool(2)(x, switches).shape == (2, 0, 8, 4)
  assert layers.GDN(4)(x).shape == x.shape


def test_padding_that_crops_everything_stays_an_error():
  with pytest.raises(ValueError, match='crops everything'):
    layers.conv_transpose(jnp.ones((1, 4, 4, 2)), jnp.ones((3, 3, 2, 2)), 1, -1)
