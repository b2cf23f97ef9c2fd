"""Paddings that crop at one end, or pad more than the kernel reaches."""

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import layers
from autoencoder.layers.lowerings import xla_convolution
from tests.layers import reference

_PADDINGS = [
  (-1, 1), (-2, 2), (-2, 1), (1, -1), (-1, -1), (3, 1), (4, -1), (0, 4),
  (-7, 9), (9, 0), (11, -5),
]  # fmt: skip


def _assert_same(ours, plain, x, kernel, paddings):
  """Compares values and gradients of functions of `x`, `kernel`, padding."""
  # Uninitialised memory most likely holds the values freed last.
  junk = [jnp.full(size, 1e17) + 1 for size in (x.size, 2 * x.size, 4096)]
  jax.block_until_ready(junk)
  del junk

  @jax.jit  # One program for all paddings compiles faster.
  def run(x, kernel):
    results = []
    for padding in paddings:
      for function in (ours, plain):
        y, pull = jax.vjp(lambda x, w: function(x, w, padding), x, kernel)  # noqa: B023
        wave = jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)
        results.append((y, *pull(wave)))
    return results

  results = run(x, kernel)
  for padding, got, want in zip(paddings, results[::2], results[1::2]):
    for a, b in zip(got, want, strict=True):
      np.testing.assert_allclose(
        a, b, rtol=1e-4, atol=1e-3, err_msg=f'padding {padding}'
      )


def _operands(channels, features):
  keys = jax.random.split(jax.random.key(0), 2)
  x = jax.random.normal(keys[0], (2, 6, 7, channels))
  return x, jax.random.normal(keys[1], (3, 3, channels, features))


@pytest.mark.parametrize('stride, dilation', [(1, 1), (2, 1), (1, 2), (4, 1)])
def test_convolution(stride, dilation):
  strides, dilation = (stride,) * 2, (dilation,) * 2

  def ours(x, kernel, padding):
    return xla_convolution.convolution(
      x, kernel, (padding,) * 2, strides=strides, lhs_dilation=dilation
    )

  def plain(x, kernel, padding):
    return reference.convolution_by_taps(
      x, kernel, strides, (padding,) * 2, dilation
    )

  _assert_same(ours, plain, *_operands(4, 5), _PADDINGS)


@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('channels, features', [(4, 4), (16, 32), (32, 3)])
def test_layer(channels, features, stride):
  def ours(x, kernel, padding):
    layer = layers.Conv(
      channels, features, (3, 3), stride, padding=padding,
      use_bias=False, rngs=nnx.Rngs(0),
    )  # fmt: skip
    graph, _ = nnx.split(layer)
    return nnx.merge(graph, nnx.State({'kernel': nnx.Param(kernel)}))(x)

  def plain(x, kernel, padding):
    return reference.convolution_by_taps(x, kernel, (stride,) * 2, padding)

  paddings = [(pair,) * 2 for pair in ((-1, 1), (-2, 2), (4, -1), (9, 0))]
  # One axis is enough.
  paddings += [((-1, 1), (0, 0)), ((0, 0), (-2, 2)), ((-1, 0), (-1, 1))]
  _assert_same(ours, plain, *_operands(channels, features), paddings)


@pytest.mark.parametrize('channels, features', [(4, 4), (16, 32), (32, 3)])
def test_transposed(channels, features):
  def ours(x, kernel, padding):
    return layers.conv_transpose(x, kernel, 2, (padding,) * 2)

  def plain(x, kernel, padding):
    return reference.convolution_by_taps(
      x, kernel, (1, 1), (padding,) * 2, (2, 2)
    )

  paddings = [(3, 1), (1, 3), (6, 3)]
  _assert_same(ours, plain, *_operands(channels, features), paddings)
