"""The stride-1 convolution, in the form XLA on CPU runs fast.

XLA runs a two-dimensional convolution near the matrix-multiply rate, with
YNNPACK (see `engine`) under conditions that `_for_fast_route` brings about.
"""

from collections.abc import Sequence
import math

import jax
from jax import lax
import jax.numpy as jnp

from autoencoder.layers.lowerings import backend
from autoencoder.layers.lowerings import few_channels
from autoencoder.layers.lowerings import polyphase
from autoencoder.layers.lowerings import xla_convolution


def dimension_numbers(ndim: int) -> lax.ConvDimensionNumbers:
  """Returns channels-last numbers: `N...C`, `...IO`, `N...C`."""
  spatial = tuple(range(1, ndim - 1))
  data = (0, ndim - 1) + spatial
  kernel = (ndim - 1, ndim - 2) + tuple(range(ndim - 2))
  return lax.ConvDimensionNumbers(data, kernel, data)


def convolution(
  x: jax.Array,
  kernel: jax.Array,
  padding: Sequence[tuple[int, int]],
  dilation: Sequence[int],
  groups: int,
  precision,
  preferred_element_type,
  *,
  for_transpose: bool = False,
) -> jax.Array:
  """Returns the stride-1 convolution of `x` with `kernel`.

  Args:
    x: `[N, *spatial, C]` array.
    kernel: `[*kernel_size, C // groups, F]` array.
    padding: `(low, high)` zeros per spatial axis; negative ones crop.
    dilation: spacing of the kernel elements per spatial axis.
    groups: number of feature groups.
    precision: see `jax.lax.Precision`.
    preferred_element_type: dtype of the result, or `None`.
    for_transpose: whether it is the transpose with respect to `x`, the
      gradient, that should be fast.

  Returns:
    `[N, *spatial, F]` array.
  """
  rank = x.ndim - 2
  if groups == 1 and math.prod(kernel.shape[:-2]) == 1:
    x = polyphase.pad_spatial(x, [(0, 0), *padding])
    # As matrices: XLA on CPU would copy more for the gradient otherwise.
    channels, features = kernel.shape[-2:]
    y = lax.dot_general(
      x.reshape(math.prod(x.shape[:-1]), channels),
      kernel.reshape(channels, features),
      (((1,), (0,)), ((), ())),
      precision=precision,
      preferred_element_type=preferred_element_type,
    )
    return y.reshape(*x.shape[:-1], features)
  extra, features = 0, kernel.shape[-1]
  on_cpu, by_eigen = jax.default_backend() == 'cpu', backend.is_eigen()
  if on_cpu and by_eigen and groups == 1 and few_channels.suits(x, kernel):
    return few_channels.convolution(
      x, kernel, padding, dilation, precision, preferred_element_type
    )
  if on_cpu and groups == 1:
    x, kernel = even_channels(x, kernel, -1 if for_transpose else -2)
  if on_cpu and not by_eigen:
    x, padding, extra = _for_fast_route(x, kernel.shape, padding, dilation)
    if for_transpose:
      x, padding = _mirrored(x, kernel.shape, padding, dilation)
  y = xla_convolution.convolution(
    x,
    kernel,
    (1,) * rank,
    padding,
    rhs_dilation=dilation,
    dimension_numbers=dimension_numbers(x.ndim),
    feature_group_count=groups,
    precision=precision,
    preferred_element_type=preferred_element_type,
  )
  return lax.slice(
    y, (0,) * y.ndim, (y.shape[0], y.shape[1] - extra, *y.shape[2:-1], features)
  )


def even_channels(
  x: jax.Array, kernel: jax.Array, axis: int = -2
) -> tuple[jax.Array, jax.Array]:
  """Adds a channel of zeros where YNNPACK would read an odd number of them.

  It reads pairs: 8x64x64 3->32 3x3, 2.5 ms, with 4 channels 0.8. A single
  channel is fast.

  Args:
    x: `[N, *spatial, C]` array.
    kernel: `[*kernel_size, C, F]` array.
    axis: of the kernel's channels that are read: those of `x`, or with -1 the
      features, which the transpose with respect to `x` reads.

  Returns:
    Both, `x` without change for -1.
  """
  channels = kernel.shape[axis]
  by_ynnpack = jax.default_backend() == 'cpu' and not backend.is_eigen()
  if not by_ynnpack or channels == 1 or channels % 2 == 0:
    return x, kernel

  def one_more(array, axis):
    edges = [(0, 0, 0)] * array.ndim
    edges[axis] = (0, 1, 0)
    return lax.pad(array, jnp.zeros((), array.dtype), edges)

  return one_more(x, -1) if axis == -2 else x, one_more(kernel, axis)


def _for_fast_route(x, kernel_size, padding, dilation):
  """Rewrites a convolution so that YNNPACK runs it fast.

  Two things make it slow: an output larger than the input (16x16x16 64->128
  2x2 padded by 1: 8 ms, 2 ms where the first row of zeros is part of the
  input), and no padding at all (16x66x66 32->32 3x3: 40 ms, 7 ms with one row
  more).

  Returns:
    Input, padding, and how many rows of the output to drop at the end.
  """
  edges, kept = [(0, 0)], []
  for k, d, (low, high) in zip(kernel_size, dilation, padding):
    grows = min(max(low + high - (k - 1) * d, 0), max(low, 0))
    edges.append((grows, 0))
    kept.append((low - grows, high))
  if any(low for low, _ in edges):
    # Without the barrier XLA would move the padding back.
    x = lax.optimization_barrier(polyphase.pad_spatial(x, edges))
  extra = 0
  if not any(max(pair) > 0 for pair in kept):
    extra = 1 - kept[0][1]
    kept[0] = (kept[0][0], 1)
  return x, tuple(kept), extra


def _mirrored(x, kernel_size, padding, dilation):
  """Has the transpose of the convolution pad with at least one row."""
  mirrored = [
    ((k - 1) * d - low, (k - 1) * d - high)
    for k, d, (low, high) in zip(kernel_size, dilation, padding)
  ]
  if any(max(pair) > 0 for pair in mirrored):
    return x, padding
  more = 1 - mirrored[0][1]
  x = polyphase.pad_spatial(x, [(0, 0), (0, more)])
  return x, ((padding[0][0], padding[0][1] - more), *padding[1:])
