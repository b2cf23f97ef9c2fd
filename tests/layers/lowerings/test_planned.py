"""All ways to compute a convolution, also those its shape would not choose."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import layers
from autoencoder.layers.lowerings import choose
from autoencoder.layers.lowerings import im2col


def _gradients(function, x, kernel):
  """Returns result and gradients, with a loss that has no spatial symmetry."""

  @jax.jit
  def run(x, kernel):
    def loss(x, kernel):
      y = function(x, kernel)
      weight = jnp.sin(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)
      return (y * y * weight).sum(), y

    grads, y = jax.grad(loss, (0, 1), has_aux=True)(x, kernel)
    return y, *grads

  return run(x, kernel)


def _operands(images, sizes, channels, features, kernel_size):
  x = jax.random.normal(jax.random.key(0), (images, *sizes, channels))
  shape = (*kernel_size, channels, features)
  return x, jax.random.normal(jax.random.key(1), shape)


def _flax_conv(x, kernel, strides, padding):
  numbers = 'NHWC', 'HWIO', 'NHWC'
  return jax.lax.conv_general_dilated(
    x, kernel, strides, padding, dimension_numbers=numbers
  )


def _our_conv(x, kernel, strides, padding):
  numbers = 'NHWC', 'HWIO', 'NHWC'
  return layers.conv_general_dilated(
    x, kernel, strides, padding, dimension_numbers=numbers
  )


@pytest.fixture
def overrule(monkeypatch):
  """Returns a function that replaces fields of every plan for CPU."""

  def overrule(replaced):
    plan = choose.plan

    def overruled(shape, backend):
      planned = plan(shape, backend)
      return planned._replace(**replaced(shape)) if backend.on_cpu else planned

    monkeypatch.setattr(choose, 'plan', overruled)

  return overrule


def _assert_as_flax(strides, padding, x, kernel, rtol=1e-3):
  """Compares values and both gradients of both kinds of layers."""
  for ours, flax in (
    (layers.conv_transpose, jax.lax.conv_transpose),
    (_our_conv, _flax_conv),
  ):
    got, want = (
      _gradients(lambda x, w, f=f: f(x, w, strides, padding), x, kernel)
      for f in (ours, flax)
    )
    for a, b in zip(got, want, strict=True):
      np.testing.assert_allclose(
        a, b, rtol=rtol, atol=1e-5 * float(jnp.abs(b).max())
      )


@pytest.mark.parametrize(
  'up, down', [('per_phase', 'xla'), ('polyphase', 'polyphase')]
)
@pytest.mark.parametrize(
  'kernel_size, strides, padding',
  [
    ((3, 4), (2, 2), 'SAME'),
    ((5, 2), (3, 2), ((4, 2), (0, 3))),
    ((9, 9), (4, 4), 'SAME'),
    ((2, 5), (1, 3), ((1, 0), (3, 1))),
  ],
)
def test_all_ways_equal_flax(overrule, up, down, kernel_size, strides, padding):
  def replaced(shape):
    if shape.transposed:
      return {'forward': up, 'input_gradient': down}
    return {'forward': down, 'input_gradient': up}

  overrule(replaced)
  x, kernel = _operands(2, (4, 5), 3, 4, kernel_size)
  _assert_as_flax(strides, padding, x, kernel)


_WIDE, _NEGATIVE = ((3, 1), (0, 3)), ((-1, 0), (1, -1))


@pytest.mark.parametrize('images', [3, 16])
@pytest.mark.parametrize(
  'way, strides, channels, padding',
  [
    ('im2col', (2, 2), 16, 'SAME'),
    ('im2col', (1, 1), 3, 'SAME'),
    ('im2col_polyphase', (2, 2), 3, 'SAME'),
    ('im2col_polyphase', (4, 3), 3, _WIDE),
    ('row_blocks', (1, 1), 3, _WIDE),
    ('row_blocks', (1, 1), 3, _NEGATIVE),
    ('row_blocks', (2, 2), 16, 'SAME'),
    ('row_blocks', (2, 2), 3, _NEGATIVE),
    ('row_blocks', (4, 3), 3, 'SAME'),
    ('padded_input', (1, 1), 3, _WIDE),
    ('padded_input', (1, 1), 16, _NEGATIVE),
    ('operand_swap', (1, 1), 3, _WIDE),
  ],
)
def test_all_weight_gradients_equal_flax(
  overrule, monkeypatch, images, way, strides, channels, padding
):
  # Small groups: several images in one, and the kernel row by row.
  monkeypatch.setattr(im2col, '_GROUP_BYTES', 9000)
  monkeypatch.setattr(jax, 'device_count', lambda: 2)
  overrule(lambda _: {'weight_gradient': way, 'row_blocks': 2})
  x, kernel = _operands(images, (6, 8), channels, channels, (3, 4))
  _assert_as_flax(strides, padding, x, kernel)


@pytest.mark.parametrize('depth', [2, 3, 6])
@pytest.mark.parametrize('strides', [(1, 1, 1), (2, 2, 2), (3, 1, 2)])
def test_three_axes_with_few_and_many_kernel_elements(depth, strides):
  x, kernel = _operands(2, (7, 5, 6), 16, 16, (depth, 3, 2))
  numbers = 'NDHWC', 'DHWIO', 'NDHWC'
  ours, flax = (
    lambda x, w, f=f: f(x, w, strides, 'SAME', dimension_numbers=numbers)
    for f in (layers.conv_general_dilated, jax.lax.conv_general_dilated)
  )
  pairs = (
    (ours, flax),
    (
      lambda x, w: layers.conv_transpose(x, w, strides, 'SAME'),
      lambda x, w: jax.lax.conv_transpose(x, w, strides, 'SAME'),
    ),
  )
  for ours, flax in pairs:
    got, want = (_gradients(f, x, kernel) for f in (ours, flax))
    for a, b in zip(got, want, strict=True):
      np.testing.assert_allclose(
        a, b, rtol=1e-3, atol=1e-5 * float(jnp.abs(b).max())
      )


@pytest.mark.parametrize('stride, dilation', [(1, 1), (2, 1), (2, 2)])
def test_transposed_convolution_with_a_long_kernel(stride, dilation):
  x, kernel = _operands(2, (20,), 2, 3, (70,))
  got, want = (
    _gradients(f, x, kernel)
    for f in (
      lambda x, w: layers.conv_transpose(
        x, w, stride, kernel_dilation=dilation
      ),
      lambda x, w: jax.lax.conv_transpose(
        x, w, (stride,), 'SAME', rhs_dilation=(dilation,)
      ),
    )
  )
  for a, b in zip(got, want, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)


def test_groups_take_as_many_images_from_every_device():
  seen = []

  def product(large, small):
    seen.append(large.shape)
    return (large * small).sum(0, keepdims=True)

  x = jnp.arange(48.0).reshape(48, 1)
  size = im2col._GROUP_BYTES // 2
  run = lambda x: im2col._sum_groups(product, x, x, size, 8)  # noqa: E731
  assert 'scan' in str(jax.make_jaxpr(run)(x))
  assert set(seen) == {(16, 1)}  # 2 from each of 8 devices.
  np.testing.assert_allclose(run(x), (x * x).sum(0, keepdims=True))


@pytest.mark.parametrize('function', ['transposed', 'strided'])
@pytest.mark.parametrize(
  'dtype, result', [('int64', 'int32'), ('float64', 'float32')]
)
def test_numpy_arrays_of_64_bits(function, dtype, result):
  # Warnings are errors in tests: as in `jax.lax`, there is none.
  x = np.arange(16).reshape(1, 4, 4, 1).astype(dtype)
  kernel = np.arange(4).reshape(2, 2, 1, 1).astype(dtype)
  ours, flax = {
    'transposed': (layers.conv_transpose, jax.lax.conv_transpose),
    'strided': (_our_conv, _flax_conv),
  }[function]
  for strides in ((1, 1), (2, 2)):
    got = ours(x, kernel, strides, 'SAME')
    want = flax(x, kernel, strides, 'SAME')
    assert got.dtype == want.dtype == result
    np.testing.assert_array_equal(got, want)


some_layers = pytest.mark.parametrize(
  'function, kernel_size, stride',
  [(layers.conv_transpose, size, stride) for size, stride in
   ((1, 1), (2, 2), (3, 1), (4, 2))]
  + [(_our_conv, size, stride) for size, stride in ((1, 1), (2, 2), (3, 1))],
)  # fmt: skip


@some_layers
def test_an_empty_batch(function, kernel_size, stride):
  x, kernel = _operands(2, (6, 4), 3, 5, (kernel_size,) * 2)
  strides = (stride,) * 2
  y, by_x, by_kernel = _gradients(
    lambda x, w: function(x, w, strides, 'SAME'), x[:0], kernel
  )
  one = function(x, kernel, strides, 'SAME')
  assert y.shape == (0, *one.shape[1:]) and by_x.shape == (0, *x.shape[1:])
  np.testing.assert_array_equal(by_kernel, jnp.zeros_like(kernel))


@some_layers
def test_gradients_exported_for_any_batch(function, kernel_size, stride):
  x, kernel = _operands(32, (6, 4), 3, 5, (kernel_size,) * 2)

  def by_both(x, kernel):
    def loss(x, kernel):
      return jnp.sin(function(x, kernel, (stride,) * 2, 'SAME')).sum()

    return jax.grad(loss, (0, 1))(x, kernel)

  (batch,) = jax.export.symbolic_shape('b')
  program = jax.export.export(jax.jit(by_both))(
    jax.ShapeDtypeStruct((batch, *x.shape[1:]), x.dtype), kernel
  )
  want = by_both(x, kernel)
  for a, b in zip(program.call(x, kernel), want, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
