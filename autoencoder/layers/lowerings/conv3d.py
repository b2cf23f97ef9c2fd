"""Convolutions with three spatial axes as convolutions with two.

XLA on CPU has no fast way for three. For each kernel element along
the first axis, a shifted copy of the input is stacked along its channels, and
the positions along that axis become images of the batch. The copies need the
memory of one input per kernel element.
"""

from collections.abc import Callable
import functools
import operator

import jax
from jax import lax
import jax.numpy as jnp

from autoencoder.layers import shapes
from autoencoder.layers.lowerings import polyphase


def strided_convolution(
  convolve: Callable[[jax.Array, jax.Array], jax.Array],
  x: jax.Array,
  kernel: jax.Array,
  padding: tuple[int, int],
  stride: int,
) -> jax.Array:
  """Returns the convolution of `[N, D, H, W, C]` images."""
  taps, *size, _, features = kernel.shape
  x = polyphase.pad_spatial(x, [(0, 0), padding])
  outputs = (x.shape[1] - taps) // stride + 1
  span = (outputs - 1) * stride + 1
  views = [
    lax.slice_in_dim(x, tap, tap + span, stride, axis=1) for tap in range(taps)
  ]
  x = lax.concatenate(views, 4)
  kernel = jnp.moveaxis(kernel, 0, 2).reshape(*size, -1, features)
  images = x.shape[0]
  y = convolve(x.reshape(images * outputs, *x.shape[2:]), kernel)
  return y.reshape(images, outputs, *y.shape[1:])


def transposed_convolution(
  convolve: Callable[[jax.Array, jax.Array], jax.Array],
  x: jax.Array,
  kernel: jax.Array,
  window: shapes.Window,
  stride: int,
  dilation: int,
) -> jax.Array:
  """Returns the transposed convolution of `[N, D, H, W, C]` images."""
  taps, *size, channels, features = kernel.shape
  images, depth = x.shape[:2]
  kernel = jnp.moveaxis(kernel, 0, 3).reshape(*size, channels, -1)
  y = convolve(x.reshape(images * depth, *x.shape[2:]), kernel)
  y = y.reshape(images, depth, *y.shape[1:3], taps, features)
  dtype, y = y.dtype, polyphase.widened(y)
  parts = []
  for tap in range(taps):
    low = (taps - 1 - tap) * dilation - window.start
    high = window.length - low - ((depth - 1) * stride + 1)
    edges = [(0, 0, 0), (low, high, stride - 1), *[(0, 0, 0)] * 3]
    parts.append(lax.pad(y[..., tap, :], jnp.zeros((), y.dtype), edges))
  return functools.reduce(operator.add, parts).astype(dtype)
