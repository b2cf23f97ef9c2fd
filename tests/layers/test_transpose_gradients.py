"""Gradients of the transposed convolution, against its definition in NumPy.

The layer is linear in either operand. The inner product of a gradient with any
array is therefore that of the cotangent with the layer of that array.
"""

import jax
import numpy as np
import pytest

from autoencoder import layers
from tests.layers import reference

_SIZES = {1: (7,), 2: (5, 4), 3: (3, 2, 4)}


@pytest.mark.parametrize('rank', _SIZES)
@pytest.mark.parametrize('groups, transpose_kernel', [(1, False), (2, True)])
@pytest.mark.parametrize(
  'size, stride, dilation, options',
  [
    (3, 2, 1, {'padding': 'SAME', 'output_padding': 1}),
    (3, 2, 2, {'padding': 'VALID', 'output_padding': 0}),
    (2, 3, 1, {'padding': (2, 0)}),
    (4, 2, 1, {'padding': 'CIRCULAR'}),
    (3, 1, 2, {'padding': 'CIRCULAR'}),
    (4, 3, 1, {'padding': 'same', 'padding_convention': 'keras'}),
    (3, 2, 1, {
      'padding': 'valid', 'padding_convention': 'keras', 'output_padding': 1
    }),
    (3, 2, 2, {
      'padding': 1, 'padding_convention': 'torch', 'output_padding': 1
    }),
    (5, 2, 1, {'padding': 2, 'padding_convention': 'torch'}),
  ],
)  # fmt: skip
def test_equal_the_definition(
  size, stride, dilation, options, transpose_kernel, groups, rank
):
  options = options | {'padding': _per_axis(options['padding'], rank)}
  options |= {'kernel_dilation': dilation, 'feature_group_count': groups}
  options |= {'transpose_kernel': transpose_kernel}
  channels, features = 4, 6
  pair = (channels // groups, features)
  if transpose_kernel:
    pair = (features // groups, channels)
  random = np.random.default_rng(0)
  image, weights = (2, *_SIZES[rank], channels), (*[size] * rank, *pair)
  (x, other_x), (kernel, other_kernel) = (
    np.float32(random.normal(size=(2, *shape))) for shape in (image, weights)
  )

  def ours(x, kernel):
    return layers.conv_transpose(x, kernel, stride, **options)

  def definition(x, kernel):
    return reference.conv_transpose(x, kernel, stride, **options)

  cotangent = np.float32(random.normal(size=definition(x, kernel).shape))

  @jax.jit
  def gradients(x, kernel):
    y, pull = jax.vjp(ours, x, kernel)
    return y, *pull(cotangent)

  y, by_x, by_kernel = gradients(x, kernel)
  np.testing.assert_allclose(y, definition(x, kernel), rtol=1e-4, atol=1e-4)
  np.testing.assert_allclose(
    [np.vdot(by_x, other_x), np.vdot(by_kernel, other_kernel)],
    [
      np.vdot(cotangent, definition(other_x, kernel)),
      np.vdot(cotangent, definition(x, other_kernel)),
    ],
    rtol=1e-3, atol=1e-2,
  )  # fmt: skip


def _per_axis(padding, rank):
  """Returns a pair once per axis, and other paddings unchanged."""
  return (padding,) * rank if isinstance(padding, tuple) else padding
