"""Paddings that crop at one end, or pad more than the kernel reaches."""

import os
import pathlib
import subprocess
import sys

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import layers
from autoencoder.layers.lowerings import backend
from autoencoder.layers.lowerings import xla_convolution

_ROOT = pathlib.Path(__file__).parents[3]
_NUMBERS = 'NHWC', 'HWIO', 'NHWC'
_PADDINGS = [
  (-1, 1), (-2, 2), (-2, 1), (1, -1), (-1, -1), (3, 1), (4, -1), (0, 4),
  (-7, 9), (9, 0), (11, -5),
]  # fmt: skip


def _by_taps(x, kernel, strides, padding, lhs_dilation=(1, 1)):
  """Returns the convolution as a sum over kernel elements."""
  zeros = [(0, 0, 0), *((0, 0, d - 1) for d in lhs_dilation), (0, 0, 0)]
  x = jax.lax.pad(x, 0.0, zeros)
  edges = [(0, 0, 0), *((*pair, 0) for pair in padding), (0, 0, 0)]
  x = jax.lax.pad(x, 0.0, edges)
  rows, columns = (
    (n - k) // s + 1 for n, k, s in zip(x.shape[1:], kernel.shape, strides)
  )
  total = 0
  for i in range(kernel.shape[0]):
    for j in range(kernel.shape[1]):
      part = x[:, i :: strides[0], j :: strides[1]][:, :rows, :columns]
      total += jnp.tensordot(part, kernel[i, j], 1, precision='highest')
  return total


def _assert_same(ours, plain, x, kernel):
  # Uninitialised memory most likely holds the values freed last.
  junk = [jnp.full(size, 1e17) + 1 for size in (x.size, 2 * x.size, 4096)]
  jax.block_until_ready(junk)
  del junk
  y, pull = jax.vjp(jax.jit(ours), x, kernel)
  expected, plain_pull = jax.vjp(jax.jit(plain), x, kernel)
  np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)
  cotangent = jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)
  for a, b in zip(pull(cotangent), plain_pull(cotangent), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)


def _operands(channels, features, size=3):
  keys = jax.random.split(jax.random.key(0), 2)
  x = jax.random.normal(keys[0], (2, 6, 7, channels))
  return x, jax.random.normal(keys[1], (size, size, channels, features))


@pytest.mark.parametrize('padding', _PADDINGS)
@pytest.mark.parametrize('stride, dilation', [(1, 1), (2, 1), (1, 2), (4, 1)])
def test_convolution(stride, dilation, padding):
  x, kernel = _operands(4, 5)
  strides, dilation, both = (stride,) * 2, (dilation,) * 2, (padding,) * 2

  def ours(x, kernel):
    return xla_convolution.convolution(
      x, kernel, both, strides=strides, lhs_dilation=dilation
    )

  def plain(x, kernel):
    return _by_taps(x, kernel, strides, both, dilation)

  _assert_same(ours, plain, x, kernel)


@pytest.mark.parametrize('padding', [(-1, 1), (-2, 2), (4, -1), (9, 0)])
@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('channels, features', [(4, 4), (16, 32), (32, 3)])
def test_layer(channels, features, stride, padding):
  x, kernel = _operands(channels, features)
  layer = layers.Conv(
    channels, features, (3, 3), stride, padding=(padding,) * 2,
    use_bias=False, rngs=nnx.Rngs(0),
  )  # fmt: skip
  graph, _ = nnx.split(layer)

  def ours(x, kernel):
    return nnx.merge(graph, nnx.State({'kernel': nnx.Param(kernel)}))(x)

  def plain(x, kernel):
    return _by_taps(x, kernel, (stride,) * 2, (padding,) * 2)

  _assert_same(ours, plain, x, kernel)


@pytest.mark.parametrize('padding', [(3, 1), (1, 3), (6, 3)])
@pytest.mark.parametrize('channels, features', [(4, 4), (16, 32), (32, 3)])
def test_transposed(channels, features, padding):
  _assert_transposed(*_operands(channels, features), 2, padding)


def _assert_transposed(x, kernel, stride, padding):
  def ours(x, kernel):
    return layers.conv_transpose(x, kernel, stride, (padding,) * 2)

  def plain(x, kernel):
    return _by_taps(x, kernel, (1, 1), (padding,) * 2, (stride,) * 2)

  _assert_same(ours, plain, x, kernel)


@pytest.mark.parametrize(
  'padding', [((-1, 1), (0, 0)), ((0, 0), (-2, 2)), ((-1, 0), (-1, 1))]
)
def test_one_axis_is_enough(padding):
  x, kernel = _operands(4, 4)

  def ours(x, kernel):
    return layers.conv_general_dilated(
      x, kernel, (1, 1), padding, dimension_numbers=_NUMBERS
    )

  _assert_same(
    ours, lambda x, kernel: _by_taps(x, kernel, (1, 1), padding), x, kernel
  )


def test_with_eigen():
  """Runs cases of this file, and usual shapes, in a process with Eigen."""
  subprocess.run(
    [sys.executable, __file__], check=True, timeout=600,
    env=os.environ | {'XLA_FLAGS': backend.USE_EIGEN, 'PYTHONPATH': str(_ROOT)},
  )  # fmt: skip


def _main():
  test_transposed(16, 32, (3, 1))
  test_layer(16, 32, 2, (-1, 1))
  for size, stride, features in ((3, 2, 32), (4, 2, 3), (9, 4, 20)):
    low = size - 1 - max(size - stride, 0) // 2
    padding = low, size + stride - 2 - low
    _assert_transposed(*_operands(18, features, size), stride, padding)
  for images in (3, 8):  # `padded_input`, and `row_blocks`.
    for features in (18, 22):
      x, kernel = _operands(20, features)
      x = jnp.concatenate([x] * 4)[:images]
      for padding in (((1, 1), (1, 1)), ((2, 0), (-1, 3))):

        def ours(x, kernel, padding=padding):
          return layers.conv_general_dilated(
            x, kernel, (1, 1), padding, dimension_numbers=_NUMBERS
          )

        def plain(x, kernel, padding=padding):
          return _by_taps(x, kernel, (1, 1), padding)

        _assert_same(ours, plain, x, kernel)


if __name__ == '__main__':
  _main()
