"""The transposed convolution against its definition and against Flax."""

import functools
import itertools

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import layers
from tests.layers import reference

# Not all combinations, but all values of all options.
SAME_AS_FLAX = [
  # rank, sizes, kernel, strides, dilation, padding, transpose_kernel
  (1, (5,), (1,), (3,), (1,), 'SAME', False),
  (1, (7,), (4,), (2,), (1,), 'CIRCULAR', False),
  (1, (7,), (5,), (2,), (1,), 'CIRCULAR', True),
  (1, (2,), (9,), (2,), (1,), 'CIRCULAR', False),
  (1, (6,), (3,), (3,), (2,), 'VALID', True),
  (1, (1,), (16,), (8,), (1,), 'SAME', False),
  (1, (6,), (2,), (3,), (1,), 'VALID', False),
  (2, (4, 5), (4, 4), (2, 2), (1, 1), 'SAME', False),
  (2, (4, 5), (3, 3), (2, 2), (1, 1), 'SAME', True),
  (2, (3, 3), (5, 2), (3, 4), (1, 1), 'VALID', False),
  (2, (1, 1), (3, 4), (2, 2), (1, 1), 'VALID', True),
  (2, (4, 5), (3, 3), (1, 1), (1, 1), 'SAME', False),
  (2, (4, 5), (3, 2), (2, 1), (2, 3), 'SAME', False),
  (2, (4, 5), (3, 4), (2, 1), (1, 1), 'CIRCULAR', True),
  (2, (4, 5), (4, 3), (2, 2), (1, 1), ((1, 2), (0, 5)), False),
  (2, (4, 5), (4, 3), (2, 3), (1, 2), 3, True),
  (3, (2, 3, 2), (3, 3, 3), (2, 2, 2), (1, 1, 1), 'SAME', False),
  (3, (2, 1, 2), (2, 3, 1), (2, 2, 1), (1, 1, 1), 'VALID', True),
]


def _pair(rank, kernel, strides, dilation, padding, transpose_kernel, **kwargs):
  """Returns Flax's layer and ours with the same parameters."""
  arguments = dict(
    padding=padding,
    kernel_dilation=dilation,
    transpose_kernel=transpose_kernel,
    bias_init=nnx.initializers.normal(1.0),
    **kwargs,
  )
  flax = nnx.ConvTranspose(3, 4, kernel, strides, rngs=nnx.Rngs(0), **arguments)
  ours = layers.ConvTranspose(
    3, 4, kernel, strides, rngs=nnx.Rngs(1), **arguments
  )
  nnx.update(ours, nnx.state(flax))
  return flax, ours


@pytest.mark.parametrize('case', SAME_AS_FLAX, ids=str)
def test_equals_flax_and_definition(case, derivatives):
  rank, sizes, kernel, strides, dilation, padding, transpose_kernel = case
  flax, ours = _pair(rank, kernel, strides, dilation, padding, transpose_kernel)
  x = jax.random.normal(jax.random.key(2), (2, *sizes, 3))
  expected, expected_grads = derivatives(flax, x)
  y, grads = derivatives(ours, x)
  assert y.shape == expected.shape
  np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
  for got, want in zip(
    jax.tree.leaves(grads), jax.tree.leaves(expected_grads), strict=True
  ):
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)
  definition = reference.conv_transpose(
    x,
    ours.kernel[...],
    strides,
    padding,
    kernel_dilation=dilation,
    transpose_kernel=transpose_kernel,
  )
  np.testing.assert_allclose(
    y - ours.bias[...].reshape((1,) * (rank + 1) + (-1,)),
    definition,
    rtol=1e-5,
    atol=1e-5,
  )


def test_options_of_flax_are_taken():
  mask = jnp.tril(jnp.ones((3, 3, 3, 4)))
  flax, ours = _pair(
    2,
    (3, 3),
    2,
    None,
    'SAME',
    False,
    mask=mask,
    use_bias=False,
    precision='highest',
    dtype=jnp.bfloat16,
    preferred_element_type='float32',
  )
  x = jax.random.normal(jax.random.key(0), (3, 2, 4, 4, 3))
  expected, y = flax(x), ours(x)
  assert y.dtype == expected.dtype
  assert y.shape == expected.shape == (3, 2, 8, 8, 4)
  np.testing.assert_allclose(
    y.astype('float32'), expected.astype('float32'), rtol=2e-2, atol=2e-2
  )
  assert ours(x[0, 0]).shape == (8, 8, 4)


@pytest.mark.parametrize('convention', ['flax', 'keras', 'torch'])
@pytest.mark.parametrize('transpose_kernel', [False, True])
def test_groups_and_output_sizes_equal_definition(convention, transpose_kernel):
  paddings = {
    'flax': ['SAME', 'VALID', ((2, 1),)],
    'keras': ['same', 'valid'],
    'torch': [0, 1, ((1, 2),)],
  }
  x = jax.random.normal(jax.random.key(0), (2, 4, 6))
  shape = (4, 2, 6) if transpose_kernel else (4, 3, 4)
  kernel = jax.random.normal(jax.random.key(1), shape)
  for padding, extra in itertools.product(paddings[convention], (0, 1, 2)):
    arguments = dict(
      strides=3,
      padding=padding,
      output_padding=extra,
      feature_group_count=2,
      padding_convention=convention,
      transpose_kernel=transpose_kernel,
    )
    y = layers.conv_transpose(x, kernel, **arguments)
    definition = reference.conv_transpose(x, kernel, **arguments)
    assert y.shape == definition.shape
    np.testing.assert_allclose(y, definition, rtol=1e-5, atol=1e-5)
    # `output_shape` can name the same size.
    del arguments['output_padding']
    named = layers.conv_transpose(
      x, kernel, output_shape=y.shape[1:-1], **arguments
    )
    np.testing.assert_array_equal(named, y)


@pytest.mark.parametrize('padding', ['SAME', 'VALID'])
def test_is_the_transpose_of_the_forward_convolution(padding):
  kernel = jax.random.normal(jax.random.key(0), (4, 3, 5, 6))

  @functools.partial(jax.jit, static_argnums=0)
  def both_products(size):
    a = jax.random.normal(jax.random.key(1), (2, *size, 5))
    forward = jax.lax.conv_general_dilated(
      a, kernel, (3, 2), padding, dimension_numbers=('NHWC', 'HWIO', 'NHWC')
    )
    b = jax.random.normal(jax.random.key(2), forward.shape)
    back = layers.conv_transpose(
      b, kernel, (3, 2), padding, output_shape=size, transpose_kernel=True
    )
    return jnp.vdot(forward, b), jnp.vdot(a, back)

  for size in ((7, 10), (8, 11), (9, 10)):
    np.testing.assert_allclose(*both_products(size), rtol=1e-4)


def test_transformations():
  kernel = jax.random.normal(jax.random.key(0), (4, 4, 3, 2))
  x = jax.random.normal(jax.random.key(1), (3, 4, 4, 3))

  def loss(kernel, x, route=layers.conv_transpose):
    return jnp.sin(route(x, kernel, (2, 2), 'SAME')).sum()

  def plain(kernel, x):
    return loss(kernel, x, jax.lax.conv_transpose)

  def every(f):
    hessian = jax.hessian(lambda k: f(k.reshape(4, 4, 3, 2), x))
    mixed = jax.jacfwd(jax.grad(lambda k, x: f(k, x[None])), argnums=1)
    tangents = (jnp.ones_like(kernel), jnp.ones_like(x))
    return jax.jit(
      lambda: {
        'vmap': jax.vmap(jax.grad(f), (None, 0))(kernel, x[:, None]),
        'vmap_kernel': jax.vmap(f, (0, None))(jnp.stack([kernel] * 2), x),
        'jvp': jax.jvp(f, (kernel, x), tangents),
        'remat': jax.grad(jax.checkpoint(f))(kernel, x),
        'hessian': hessian(kernel.ravel())[:5],
        'mixed': mixed(kernel, x[0])[0, 0],
      }
    )()

  for got, want in zip(
    jax.tree.leaves(every(loss)), jax.tree.leaves(every(plain)), strict=True
  ):
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-3)


def test_small_inputs_and_dtypes(derivatives):
  layer = layers.ConvTranspose(
    3, 4, (4, 4), (2, 2), dtype=jnp.bfloat16, rngs=nnx.Rngs(0)
  )
  for shape in ((0, 8, 8, 3), (1, 1, 1, 3), (2, 0, 4, 4, 3)):
    y, grads = derivatives(layer, jnp.ones(shape, jnp.bfloat16))
    assert y.dtype == jnp.bfloat16
    assert y.shape == (*shape[:-3], 2 * shape[-3], 2 * shape[-2], 4)
    assert all(jnp.isfinite(g).all() for g in jax.tree.leaves(grads))


def test_bfloat16_gradient_accumulates_in_float32():
  # 2 ** 12 images of ones: a bfloat16 sum would stop growing at 256.
  x = jnp.ones((4096, 1, 1, 1), jnp.bfloat16)
  kernel = jnp.ones((2, 2, 1, 1), jnp.bfloat16)
  grad = jax.grad(
    lambda k: layers.conv_transpose(x, k, (2, 2)).astype('float32').sum()
  )(kernel)
  np.testing.assert_array_equal(grad, jnp.full((2, 2, 1, 1), 4096.0))


def test_linen_bridge():
  module = nnx.bridge.ToLinen(
    layers.ConvTranspose, args=(3, 4, (4, 4), (2, 2)), kwargs={}
  )
  x = jnp.ones((1, 4, 4, 3))
  variables = module.init(jax.random.key(0), x)
  assert variables['params']['kernel'].shape == (4, 4, 3, 4)
  assert module.apply(variables, x).shape == (1, 8, 8, 4)


@pytest.mark.parametrize(
  'kwargs, message',
  [
    (dict(x=(1, 4, 4, 5)), '5 channels does not fit kernel'),
    (dict(x=(4,)), r'got kernel \(4, 4, 3, 2\), x \(4,\)'),
    (dict(feature_group_count=2), 'feature_group_count=2'),
    (dict(output_shape=(9, 6)), 'Impossible output size 9 .* from 7 to 8'),
    (dict(output_padding=2), 'Impossible output size 9'),
    (dict(output_padding=1, output_shape=(8, 8)), 'not both'),
    (dict(output_shape=(8,)), r'one entry per spatial axis \(2\)'),
    (dict(padding='same'), "got 'same'"),
    (dict(padding='CAUSAL'), 'for 1 spatial axis, got 2'),
    (dict(padding=(1,)), r'2 integers .* got \(1,\)'),
    (dict(padding=-3), 'the padding crops everything'),
    (dict(padding='CIRCULAR', output_shape=(7, 8)), 'makes 8 .* request for 7'),
    (dict(padding_convention='torch'), "got 'SAME'"),
    (dict(padding=1, padding_convention='keras'), 'got'),
    (dict(padding_convention='caffe'), "got 'caffe'"),
    (dict(strides=(2, 2, 2)), 'strides must be .* 2 of them'),
    (dict(strides=0), 'strides must be'),
    (dict(kernel=(0, 4, 3, 2)), r'kernel_size must be .* got \(0, 4\)'),
    # With dilation, too, `stride` sizes map to the same.
    (dict(kernel_dilation=3, output_shape=(9, 8)), 'size 9 .* from 7 to 8'),
    (
      dict(
        padding_convention='torch',
        padding=0,
        kernel_dilation=3,
        output_shape=(18, 17),
      ),
      'size 18 .* from 16 to 17',
    ),
    (
      dict(
        padding_convention='torch',
        padding=0,
        kernel_dilation=3,
        output_padding=3,
      ),
      'size 19 .* from 16 to 18',
    ),
  ],
)
def test_errors_state_the_sizes(kwargs, message):
  arguments = dict(x=(1, 4, 4, 3), strides=2) | kwargs
  x = jnp.ones(arguments.pop('x'))
  kernel = jnp.ones(arguments.pop('kernel', (4, 4, 3, 2)))
  with pytest.raises(ValueError, match=message):
    layers.conv_transpose(x, kernel, **arguments)


def test_sizes_of_a_layer_are_checked_when_it_is_made():
  with pytest.raises(ValueError, match=r'kernel_size must be .* got \(0, 2\)'):
    layers.ConvTranspose(2, 2, (0, 2), 2, rngs=nnx.Rngs(0))
