"""Strided and transposed convolutions as one stride-1 convolution over phases.

With `q = ceil(k / s)`, a transposed convolution of stride `s` is exactly one
stride-1 convolution with `q` taps per axis to `s` times the channels per axis
(one per output phase), then a rearrangement of phases into pixels and a crop
(Shi et al., arXiv:1609.07009). A strided convolution does the reverse:
pixels become phases, to which a stride-1 convolution with `q` taps is applied.
"""

from collections.abc import Callable
from collections.abc import Sequence
import math

import jax
from jax import lax
import jax.numpy as jnp

from autoencoder.layers import shapes


def phases_to_pixels(
  x: jax.Array, strides: Sequence[int], groups: int = 1
) -> jax.Array:
  """Rearranges channels into pixels (depth to space), any number of axes.

  NOTE: Within a group the phase is the slower part of the channel index, as in
  TensorFlow's depth-to-space; in PyTorch's `PixelShuffle` it is the faster.
  `[N, *spatial, groups * prod(strides) * F]` becomes
  `[N, *(spatial * strides), groups * F]`.
  """
  rank = len(strides)
  features = x.shape[-1] // (groups * math.prod(strides))
  pairs = [a for i in range(rank) for a in (1 + i, rank + 2 + i)]
  y = _transpose(
    x,
    (*x.shape[:-1], groups, *strides, features),
    (0, *pairs, rank + 1, 2 * rank + 2),
  )
  # Explicit sharding needs one axis at a time; XLA merges these reshapes.
  for axis in range(1, rank + 2):
    merged = y.shape[axis] * y.shape[axis + 1]
    y = y.reshape(*y.shape[:axis], merged, *y.shape[axis + 2 :])
  return y


def pixels_to_phases(x: jax.Array, strides: Sequence[int]) -> jax.Array:
  """Rearranges pixels into channels, the inverse of `phases_to_pixels`."""
  rank = len(strides)
  # Explicit sharding needs one axis at a time; XLA merges these reshapes.
  for axis, s in enumerate(strides):
    axis = 1 + 2 * axis
    size = x.shape[axis] // s
    x = x.reshape(*x.shape[:axis], size, s, *x.shape[axis + 1 :])
  phases = range(2, 2 * rank + 1, 2)
  y = _transpose(x, x.shape, (0, *range(1, 2 * rank, 2), *phases, 2 * rank + 1))
  for _ in strides:
    y = y.reshape(*y.shape[:-2], y.shape[-2] * y.shape[-1])
  return y


def transposed_convolution(
  convolve: Callable[..., jax.Array],
  x: jax.Array,
  kernel: jax.Array,
  windows: Sequence[shapes.Window],
  strides: Sequence[int],
  groups: int,
) -> jax.Array:
  """Returns the transposed convolution."""
  kernel = _transposed_kernel(kernel, strides, groups)
  padding, crops = [], []
  for q, n, s, window in zip(kernel.shape, x.shape[1:], strides, windows):
    first = window.start // s
    last = (window.start + window.length - 1) // s
    padding.append((q - 1 - first, last - (n - 1)))
    crops.append(window.start - first * s)
  y = phases_to_pixels(convolve(x, kernel, tuple(padding)), strides, groups)
  ends = [c + window.length for c, window in zip(crops, windows)]
  return lax.slice(y, (0, *crops, 0), (y.shape[0], *ends, y.shape[-1]))


def strided_convolution(
  convolve: Callable[..., jax.Array],
  x: jax.Array,
  kernel: jax.Array,
  padding: Sequence[tuple[int, int]],
  strides: Sequence[int],
) -> jax.Array:
  """Returns the strided convolution."""
  edges = [(0, 0)]
  for n, k, s, (low, high) in zip(x.shape[1:], kernel.shape, strides, padding):
    outputs = (n + low + high - k) // s + 1
    edges.append((low, (outputs - 1 - (-k // s)) * s - n - low))
  x = pixels_to_phases(pad_spatial(x, edges), strides)
  padding = ((0, 0),) * len(strides)
  return convolve(x, _strided_kernel(kernel, strides), padding)


def _transposed_kernel(kernel, strides, groups):
  """Returns `[*q, C // groups, groups * phases * F // groups]`."""
  rank = len(strides)
  taps = [-(-k // s) for k, s in zip(kernel.shape, strides)]
  kernel = pad_spatial(
    kernel, [(q * s - k, 0) for q, s, k in zip(taps, strides, kernel.shape)]
  )
  channels, features = kernel.shape[-2:]
  split = [size for pair in zip(taps, strides) for size in pair]
  phases = range(1, 2 * rank, 2)
  kernel = _transpose(
    kernel,
    (*split, channels, groups, features // groups),
    (*range(0, 2 * rank, 2), 2 * rank, 2 * rank + 1, *phases, 2 * rank + 2),
    flips=phases,
  )
  return kernel.reshape(*taps, channels, features * math.prod(strides))


def _strided_kernel(kernel: jax.Array, strides: Sequence[int]) -> jax.Array:
  """Returns the kernel for phases, `[*q, prod(strides) * C, F]`."""
  edges = [(0, -k % s) for k, s in zip(kernel.shape, strides)]
  kernel = pad_spatial(kernel, edges)
  *size, channels, features = kernel.shape
  image = kernel.reshape(1, *size, channels * features)
  kernel = pixels_to_phases(image, strides)[0]
  return kernel.reshape(*kernel.shape[:-1], -1, features)


def _transpose(x, sizes, order, flips=()):
  """Returns `x.reshape(sizes)`, some axes flipped, then in another order.

  Axes of size 1 are left out, and last axes that stay together are merged: with
  fewer axes XLA's loops on CPU are faster.
  """
  kept = [axis for axis, size in enumerate(sizes) if size != 1]
  shape = [sizes[axis] for axis in kept]
  moved = [kept.index(axis) for axis in order if axis in kept]
  flipped = {kept.index(axis) for axis in flips if axis in kept}
  while len(shape) > 1 and moved[-2:] == [len(shape) - 2, len(shape) - 1]:
    if flipped & {*moved[-2:]}:
      break
    shape[-2:] = [shape[-2] * shape[-1]]
    moved.pop()
  x = jnp.flip(x.reshape(shape), [*flipped]).transpose(moved)
  return x.reshape([sizes[axis] for axis in order])


def widened(x: jax.Array) -> jax.Array:
  """Returns `x`, promoted to at least float32 for accumulation if inexact."""
  if not jnp.issubdtype(x.dtype, jnp.inexact):
    return x
  return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def pad_spatial(x: jax.Array, edges: Sequence[tuple[int, int]]) -> jax.Array:
  """Pads the leading axes with `(low, high)` zeros; negative ones crop."""
  if all(edge == (0, 0) for edge in edges):
    return x
  rest = [(0, 0, 0)] * (x.ndim - len(edges))
  return lax.pad(
    x, jnp.zeros((), x.dtype), [*((low, high, 0) for low, high in edges), *rest]
  )
