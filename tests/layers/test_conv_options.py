"""The strided convolution: options of Flax, random shapes, and numerically."""

from flax import nnx
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import layers


@pytest.mark.parametrize(
  'dtype, param_dtype, precision, has_mask, tolerance',
  [(None, 'float32', 'highest', True, 1e-4),
   ('bfloat16', 'float32', None, True, 3e-2),
   ('float32', 'bfloat16', 'highest', False, 2e-2)],
)  # fmt: skip
@pytest.mark.parametrize('kernel, strides', [((3, 3), 1), ((4, 2), 2)])
def test_options_of_flax(
  kernel, strides, dtype, param_dtype, precision, has_mask, tolerance,
  derivatives,
):  # fmt: skip
  options = dict(dtype=dtype, param_dtype=param_dtype, precision=precision)
  if has_mask:
    options['mask'] = jnp.tril(jnp.ones((*kernel, 3, 4), param_dtype))
  flax, ours = (
    layer(3, 4, kernel, strides, rngs=nnx.Rngs(0), **options)
    for layer in (nnx.Conv, layers.Conv)
  )
  x = jax.random.normal(jax.random.key(1), (2, 6, 5, 3))
  want, got = (jax.tree.leaves(derivatives(f, x)) for f in (flax, ours))
  for a, b in zip(got, want, strict=True):
    assert a.dtype == b.dtype
    a, b = a.astype('float32'), b.astype('float32')
    np.testing.assert_allclose(
      a, b, atol=tolerance * float(jnp.abs(b).max()), rtol=tolerance
    )


@settings(max_examples=5, deadline=None, derandomize=True)
@given(
  sizes=st.lists(st.integers(1, 7), min_size=1, max_size=3),
  kernel=st.integers(1, 5),
  stride=st.integers(1, 3),
  dilation=st.sampled_from([1, 1, 2]),
  groups=st.sampled_from([1, 1, 2]),
  padding=st.sampled_from(['SAME', 'CIRCULAR', 1, 4]),
)
def test_random_shapes_equal_flax(
  derivatives, sizes, kernel, stride, dilation, groups, padding
):
  if padding != 'SAME':  # Flax wraps and pads regardless of the kernel size.
    sizes = [size + (kernel - 1) * dilation for size in sizes]
  arguments = 4, 2, (kernel,) * len(sizes), stride
  flax, ours = (
    layer(
      *arguments, kernel_dilation=dilation, feature_group_count=groups,
      padding=padding, rngs=nnx.Rngs(0),
    )
    for layer in (nnx.Conv, layers.Conv)
  )  # fmt: skip
  x = jax.random.normal(jax.random.key(1), (2, *sizes, 4))
  want, got = (jax.tree.leaves(derivatives(f, x)) for f in (flax, ours))
  for a, b in zip(got, want, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('kernel, stride', [(3, 1), (4, 2)])
def test_float64_and_finite_differences(kernel, stride):
  with jax.enable_x64(True):
    x = jax.random.normal(jax.random.key(0), (2, 6, 5, 2), jnp.float64)
    shape = kernel, kernel, 2, 3
    w = jax.random.normal(jax.random.key(1), shape, jnp.float64)

    def convolve(x, w, route=layers.conv_general_dilated):
      numbers = 'NHWC', 'HWIO', 'NHWC'
      return route(x, w, (stride,) * 2, 'SAME', dimension_numbers=numbers)

    y = convolve(x, w)
    assert y.dtype == jnp.float64
    np.testing.assert_allclose(
      y, convolve(x, w, jax.lax.conv_general_dilated), rtol=1e-12, atol=1e-12
    )
    f = jax.jit(lambda x, w: jnp.sin(convolve(x, w)).sum())
    by_x, by_w = jax.jit(jax.grad(f, (0, 1)))(x, w)
    step = 1e-6
    for along_x, along_w in (
      (jnp.cos(x), jnp.zeros_like(w)),
      (jnp.zeros_like(x), jnp.cos(w)),
    ):
      ahead = f(x + step * along_x, w + step * along_w)
      behind = f(x - step * along_x, w - step * along_w)
      expected = jnp.vdot(by_x, along_x) + jnp.vdot(by_w, along_w)
      np.testing.assert_allclose(
        (ahead - behind) / (2 * step), expected, rtol=1e-6
      )


@pytest.mark.parametrize(
  'mistake, words',
  [
    (lambda: _conv(kernel_dilation=0), 'kernel_dilation must be'),
    (lambda: _conv(kernel_dilation=(1, 2, 3)), 'kernel_dilation must be'),
    (lambda: _conv(padding='FOO'), "padding must be .*'FOO'"),
    (lambda: _conv(padding=None), 'padding must be'),
    (lambda: _conv_transpose(padding=None), 'padding must be'),
    (lambda: _conv_transpose(padding='FOO'), "padding must be .*'FOO'"),
    (lambda: _conv_transpose(padding_convention='tf'), "convention .*'tf'"),
    (lambda: layers.upsample(jnp.ones((4, 1)), (0,)), 'factors must be'),
    (lambda: _general((1, 4, 4, 2), (3, 3, 2)), 'same number of axes'),
    (lambda: _general((1, 4, 4, 2), (3, 3, 2, 4), strides=1.5), 'strides must'),
    (lambda: _general((1, 4, 4, 2), (3, 3, 2, 4), padding=2.5), 'padding must'),
    (lambda: _conv(strides=2.5), 'strides must'),
    (lambda: _conv_transpose(strides='two'), 'strides must'),
    (
      lambda: _general((1, 4, 4, 4), (3, 3, 2, 3), feature_group_count=2),
      '3 features',
    ),
  ],
)
def test_a_mistake_is_named(mistake, words):
  with pytest.raises(ValueError, match=words):
    mistake()


def _conv(**options):
  return layers.Conv(3, 4, (3, 3), rngs=nnx.Rngs(0), **options)


def _conv_transpose(**options):
  return layers.ConvTranspose(3, 4, (3, 3), rngs=nnx.Rngs(0), **options)


def _general(x, kernel, strides=(1, 1), padding='SAME', **options):
  return layers.conv_general_dilated(
    jnp.ones(x), jnp.ones(kernel), strides, padding,
    dimension_numbers=('NHWC', 'HWIO', 'NHWC'), **options,
  )  # fmt: skip


def test_an_output_shape_of_one_axis_may_be_an_integer():
  assert layers.conv_transpose_shape((8,), (4,), 2, output_shape=15) == (15,)
