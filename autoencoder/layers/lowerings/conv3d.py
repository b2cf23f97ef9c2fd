"""Convolutions with three spatial axes as convolutions with two.

XLA on CPU has no fast route for three: 4x16x16x16 16->32 3x3x3 / 2, forward,
takes 1.7 ms, so written 0.5. The kernel elements along the first axis become
channels of the image, the positions along it images of the batch: the image is
held as many times over as there are such elements, so no more than `MOST_TAPS`.
"""

from collections.abc import Callable

import jax
from jax import lax
import jax.numpy as jnp

from autoencoder.layers import shapes
from autoencoder.layers.lowerings import polyphase

MOST_TAPS = 5


def strided_convolution(
  convolve: Callable[[jax.Array, jax.Array], jax.Array],
  x: jax.Array,
  kernel: jax.Array,
  padding: tuple[int, int],
  stride: int,
) -> jax.Array:
  """Returns the convolution, given how to do it along the other axes.

  Args:
    convolve: convolution over the last two spatial axes.
    x: `[N, D, H, W, C]` array.
    kernel: `[kd, kh, kw, C, F]` array.
    padding: `(low, high)` zeros along D; negative ones crop.
    stride: along D.

  Returns:
    `[N, D', H', W', F]` array.
  """
  taps, *size, channels, features = kernel.shape
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
  paint: Callable[[jax.Array, jax.Array], jax.Array],
  x: jax.Array,
  kernel: jax.Array,
  window: shapes.Window,
  stride: int,
  dilation: int,
) -> jax.Array:
  """Returns the transposed convolution, given that along the other axes.

  Args:
    paint: transposed convolution over the last two spatial axes.
    x: `[N, D, H, W, C]` array.
    kernel: `[kd, kh, kw, C, F]` array, its last element painted first.
    window: of the canvas along D.
    stride: along D.
    dilation: of the kernel along D.

  Returns:
    `[N, D', H', W', F]` array.
  """
  taps, *size, channels, features = kernel.shape
  images, depth = x.shape[:2]
  kernel = jnp.moveaxis(kernel, 0, 3).reshape(*size, channels, -1)
  y = paint(x.reshape(images * depth, *x.shape[2:]), kernel)
  y = y.reshape(images, depth, *y.shape[1:3], taps, features)
  dtype, y = y.dtype, polyphase.widened(y)
  zero, total = jnp.zeros((), y.dtype), 0
  for tap in range(taps):
    low = (taps - 1 - tap) * dilation - window.start
    high = window.length - low - ((depth - 1) * stride + 1)
    edges = [(0, 0, 0), (low, high, stride - 1), *[(0, 0, 0)] * 3]
    total += lax.pad(y[..., tap, :], zero, edges)
  return total.astype(dtype)
