"""The transposed convolution against PyTorch and Keras, and numerically."""

import pathlib

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import layers
from tests.layers import reference

# Spatial size, kernel, PyTorch's arguments; as in make_golden.py.
TORCH = (
  ((5,), (4,), dict(stride=2, padding=1)),
  ((4, 3), (3, 4), dict(stride=2, padding=1, output_padding=1)),
  ((4, 3), (5, 2), dict(stride=(3, 2), dilation=2, groups=2)),
  ((2, 3, 2), (3, 3, 3), dict(stride=2, padding=1, output_padding=1)),
)


def _ours(index, case):
  spatial, size, arguments = case
  rng = np.random.default_rng(index)
  x = rng.normal(size=(2, *spatial, 4)).astype('float32')
  kernel = rng.normal(size=(*size, 2, 4)).astype('float32')
  y = layers.conv_transpose(
    x,
    kernel,
    arguments['stride'],
    arguments.get('padding', 0),
    kernel_dilation=arguments.get('dilation', 1),
    output_padding=arguments.get('output_padding'),
    feature_group_count=arguments.get('groups', 1),
    padding_convention='torch',
    transpose_kernel=True,
  )
  return x, kernel, y


@pytest.mark.parametrize('index', range(len(TORCH)))
def test_equals_pytorch(index):
  golden = np.load(pathlib.Path(__file__).parent / 'golden.npz')[str(index)]
  x, kernel, y = _ours(index, TORCH[index])
  np.testing.assert_allclose(y, golden, rtol=1e-5, atol=1e-5)
  torch = pytest.importorskip('torch')
  rank = kernel.ndim - 2
  again = getattr(torch.nn.functional, f'conv_transpose{rank}d')(
    torch.from_numpy(np.moveaxis(x, -1, 1).copy()),
    torch.from_numpy(kernel.transpose(rank + 1, rank, *range(rank)).copy()),
    **TORCH[index][2],
  )
  np.testing.assert_allclose(
    y, np.moveaxis(again.numpy(), 1, -1), rtol=1e-5, atol=1e-5
  )


@pytest.mark.parametrize(
  'rank, size, arguments',
  [
    (1, 4, dict(strides=2, padding='same')),
    (1, 3, dict(strides=3, padding='valid')),
    (2, 3, dict(strides=2, padding='same', output_padding=1)),
    (2, 4, dict(strides=2, padding='valid')),
    (2, 3, dict(strides=1, padding='same', dilation_rate=2)),
    (3, 3, dict(strides=2, padding='same')),
  ],
)
def test_equals_keras(rank, size, arguments):
  keras = pytest.importorskip('keras')
  layer = getattr(keras.layers, f'Conv{rank}DTranspose')(5, size, **arguments)
  x = np.random.default_rng(0).normal(size=(2, *[4] * rank, 3)).astype('f')
  expected = np.asarray(layer(x))
  y = layers.conv_transpose(
    x,
    layer.kernel.value,
    arguments['strides'],
    arguments['padding'],
    kernel_dilation=arguments.get('dilation_rate', 1),
    output_padding=arguments.get('output_padding'),
    padding_convention='keras',
    transpose_kernel=True,
  )
  assert y.shape == expected.shape
  np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('method', ['nearest', 'bilinear'])
def test_upsample_equals_keras(method):
  keras = pytest.importorskip('keras')
  x = np.random.default_rng(0).normal(size=(2, 3, 4, 2)).astype('f')
  expected = keras.layers.UpSampling2D((2, 3), interpolation=method)(x)
  np.testing.assert_allclose(
    layers.upsample(x, (2, 3), method), np.asarray(expected), atol=1e-6
  )


@settings(max_examples=6, deadline=None, derandomize=True)
@given(
  size=st.integers(1, 5),
  kernel=st.integers(1, 5),
  stride=st.integers(1, 4),
  padding=st.sampled_from(['SAME', 'VALID', 'CIRCULAR']),
)
def test_random_shapes_equal_definition(size, kernel, stride, padding):
  x = np.random.default_rng(0).normal(size=(2, size, 2)).astype('f')
  w = np.random.default_rng(1).normal(size=(kernel, 2, 3)).astype('f')
  np.testing.assert_allclose(
    layers.conv_transpose(x, w, stride, padding),
    reference.conv_transpose(x, w, stride, padding),
    rtol=1e-4,
    atol=1e-4,
  )


def test_float64_and_finite_differences():
  with jax.enable_x64(True):
    x = jax.random.normal(jax.random.key(0), (2, 3, 3, 2), jnp.float64)
    kernel = jax.random.normal(jax.random.key(1), (4, 4, 2, 3), jnp.float64)
    f = jax.jit(lambda x, k: jnp.sin(layers.conv_transpose(x, k, (2, 2))).sum())
    y = layers.conv_transpose(x, kernel, (2, 2))
    assert y.dtype == jnp.float64
    np.testing.assert_allclose(
      y, reference.conv_transpose(x, kernel, 2), rtol=1e-12, atol=1e-12
    )
    by_x, by_kernel = jax.jit(jax.grad(f, (0, 1)))(x, kernel)
    step = 1e-6
    for direction in (jnp.cos(x), jnp.zeros_like(x)):
      turn = jnp.cos(kernel)
      ahead = f(x + step * direction, kernel + step * turn)
      behind = f(x - step * direction, kernel - step * turn)
      expected = jnp.vdot(by_x, direction) + jnp.vdot(by_kernel, turn)
      np.testing.assert_allclose(
        (ahead - behind) / (2 * step), expected, rtol=1e-6
      )


@pytest.mark.parametrize('kernel, stride', [(4, 2), (3, 1), (2, 2)])
def test_large_weight_gradient_equals_xla(kernel, stride):
  # Large enough to be taken in parts: 16 images of 128 KiB of features.
  x = jax.random.normal(jax.random.key(0), (16, 32, 32, 16))
  w = jax.random.normal(jax.random.key(1), (kernel, kernel, 16, 96)) / 8
  numbers = ('NHWC', 'HWIO', 'NHWC')

  def gradient(route):
    def loss(w):
      y = route(x, w, (stride,) * 2, 'SAME', dimension_numbers=numbers)
      return (y * jnp.cos(y)).sum() / y.size

    return jax.jit(jax.grad(loss))(w)

  np.testing.assert_allclose(
    gradient(layers.conv_general_dilated),
    gradient(jax.lax.conv_general_dilated),
    rtol=1e-3,
    atol=1e-5,
  )
