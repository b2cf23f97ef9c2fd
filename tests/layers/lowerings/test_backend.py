"""Selecting Eigen or YNNPACK, and values with the plans for Eigen.

Tests run with Eigen; `test_ynnpack` has those with YNNPACK.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import layers
from autoencoder.layers.lowerings import backend
from autoencoder.layers.lowerings import few_channels
from autoencoder.layers.lowerings import planned

_FLAG = backend.FLAG


@pytest.mark.parametrize(
  'flags, expected',
  [
    ('', False),
    ('--xla_cpu_use_onednn=true', False),
    (backend.USE_EIGEN, True),
    (f'--xla_cpu_use_onednn=true {backend.USE_EIGEN}', True),
    (f'{_FLAG}=', True),
    (f'{_FLAG}=individual_dot', True),
    (f'{_FLAG}=LIBRARY_FUSION_TYPE_INDIVIDUAL_CONVOLUTION', False),
    (f'{_FLAG}=individual_dot,individual_convolution', False),
    (f'{_FLAG}=-individual_dot', False),
    (f'{_FLAG}=-individual_dot,-individual_convolution', True),
    (f'{backend.USE_EIGEN} {_FLAG}=individual_convolution', False),
  ],
)
def test_flags_select_the_library(monkeypatch, flags, expected):
  monkeypatch.setenv('XLA_FLAGS', flags)
  assert backend.is_eigen() == expected


def test_tests_run_with_eigen():
  """As `launch.py` does: plans and XLA agree."""
  assert backend.is_eigen()


def test_padding_is_part_of_the_input():
  kernel = jnp.ones((3, 3, 20, 18))

  def loss(kernel, x):
    return planned.convolution(x, kernel, ((1, 1),) * 2, (1, 1)).sum()

  def program(images):
    x = jnp.ones((images * jax.device_count(), 4, 4, 20))
    return str(jax.make_jaxpr(jax.grad(loss))(kernel, x))

  assert 'optimization_barrier' in program(7)
  assert 'optimization_barrier' not in program(8)


def _assert_same(ours, plain, x, weights):
  """Checks values, and gradients for both operands."""

  @jax.jit
  def run(x, weights):
    results = []
    for function in (ours, plain):
      y, pull = jax.vjp(function, x, weights)
      results.append((y, *pull(jax.random.normal(jax.random.key(1), y.shape))))
    return results

  for a, b in zip(*run(x, weights), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)


_UNEVEN = ((2, 0), (-1, 3))


@pytest.mark.parametrize(
  'channels, features, images, padding',
  [(3, 32, 1, _UNEVEN), (20, 4, 64, _UNEVEN), (20, 18, 1, 'SAME'),
   (20, 18, 64, _UNEVEN)],
)  # fmt: skip
@pytest.mark.parametrize('kernel, stride', [(3, 1), (2, 1), (4, 2), (3, 2)])
def test_convolution_equals_lax(
  kernel, stride, channels, features, images, padding
):
  keys = jax.random.split(jax.random.key(0), 2)
  x = jax.random.normal(keys[0], (images, 9, 8, channels))
  weights = jax.random.normal(keys[1], (kernel, kernel, channels, features))

  def convolve(function, x, weights):
    return function(
      x, weights, (stride, stride), padding,
      dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
    )  # fmt: skip

  _assert_same(
    functools.partial(convolve, layers.conv_general_dilated),
    functools.partial(convolve, jax.lax.conv_general_dilated),
    x,
    weights,
  )


@pytest.mark.parametrize(
  'channels, features, images', [(3, 32, 64), (20, 3, 1), (18, 20, 64)]
)
@pytest.mark.parametrize(
  'kernel, stride', [(3, 1), (2, 2), (4, 2), (5, 2), (9, 4)]
)
def test_transposed_convolution_equals_lax(
  kernel, stride, channels, features, images
):
  keys = jax.random.split(jax.random.key(0), 2)
  x = jax.random.normal(keys[0], (images, 5, 4, channels))
  weights = jax.random.normal(keys[1], (kernel, kernel, channels, features))

  def plain(x, weights):
    return jax.lax.conv_transpose(x, weights, (stride, stride), 'SAME')

  _assert_same(
    lambda x, w: layers.conv_transpose(x, w, stride), plain, x, weights
  )


@pytest.mark.parametrize(
  'dtype, padding, dilation, size',
  [
    ('float32', ((1, 1), (1, 1)), (1, 1), (3, 3)),
    ('float32', ((3, -1), (0, 2)), (2, 1), (4, 2)),
    ('float32', ((3, -1), (0, 2)), (1, 1), (1, 5)),
    ('bfloat16', ((1, 1), (1, 1)), (2, 1), (3, 3)),
    ('bfloat16', ((3, -1), (0, 2)), (1, 1), (4, 2)),
  ],
)
@pytest.mark.parametrize('channels, features', [(2, 7), (20, 5)])
def test_few_channels(channels, features, size, dilation, padding, dtype):
  keys = jax.random.split(jax.random.key(0), 2)
  x = jax.random.normal(keys[0], (2, 8, 9, channels), dtype)
  kernel = jax.random.normal(keys[1], (*size, channels, features), dtype)

  @jax.jit
  def both(x, kernel):
    got = few_channels.convolution(
      x, kernel, padding, dilation,
      {'precision': None, 'preferred_element_type': None},
    )  # fmt: skip
    x, kernel = x.astype('float32'), kernel.astype('float32')
    return got, jax.lax.conv_general_dilated(
      x, kernel, (1, 1), padding, rhs_dilation=dilation,
      dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
    )  # fmt: skip

  got, want = both(x, kernel)
  assert got.dtype == dtype
  tolerance = 1e-4 if dtype == 'float32' else 0.02
  np.testing.assert_allclose(
    np.float32(got), want, rtol=tolerance, atol=10 * tolerance
  )
