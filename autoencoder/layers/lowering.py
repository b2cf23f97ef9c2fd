"""Strided and transposed convolutions as stride-1 convolutions.

With `q = ceil(k / s)`, a transposed convolution of stride `s` is exactly one
stride-1 convolution with `q` taps per axis to `s` times the channels per axis
(one per output phase), then a rearrangement of phases into pixels and a crop
(Shi et al., arXiv:1609.07009). A strided convolution is the mirror image:
pixels into phases, then a stride-1 convolution with `q` taps.
"""

from collections.abc import Sequence
import functools
import math

import jax
from jax import lax
import jax.numpy as jnp

from autoencoder.layers import shapes
from autoencoder.layers import unit_stride


def transposed_convolution(
  x: jax.Array,
  kernel: jax.Array,
  windows: Sequence[shapes.Window],
  strides: Sequence[int],
  dilation: Sequence[int],
  groups: int = 1,
  precision=None,
  preferred_element_type=None,
) -> jax.Array:
  """Returns the window of the canvas painted by `x` with the flipped `kernel`.

  Args:
    x: `[N, *spatial, C]` array.
    kernel: `[*kernel_size, C // groups, F]` array, the last element of each
      spatial axis painted first (Flax's `transpose_kernel=False`).
    windows: see `shapes`, one per spatial axis.
    strides: canvas elements between neighbouring inputs.
    dilation: canvas elements between neighbouring kernel elements.
    groups: number of feature groups.
    precision: see `jax.lax.Precision`.
    preferred_element_type: dtype of the result, or `None`.

  Returns:
    `[N, *window lengths, F]` array.
  """
  settings = groups, precision, preferred_element_type
  if max(strides) == 1 or max(dilation) > 1:
    # Phases of a dilated kernel see different neighbours: zeros in between
    # instead. `lax.pad` rather than `lhs_dilation`, whose gradient is slow.
    x = _pad(x, [(0, 0, s - 1) for s in strides])
    padding = []
    for k, d, n, window in zip(kernel.shape, dilation, x.shape[1:], windows):
      low = (k - 1) * d - window.start
      padding.append((low, window.length - 1 + (k - 1) * d - low - (n - 1)))
    return unit_stride.unit_convolution(
      x, kernel, tuple(padding), tuple(dilation), *settings
    )
  rank = len(strides)
  phases = _phase_kernel(kernel, strides, groups)
  padding, crops = [], []
  for q, n, s, window in zip(phases.shape, x.shape[1:], strides, windows):
    first = window.start // s
    last = (window.start + window.length - 1) // s
    padding.append((q - 1 - first, last - (n - 1)))
    crops.append(window.start - first * s)
  y = unit_stride.unit_convolution(
    x, phases, tuple(padding), tuple(dilation), *settings
  )
  y = phases_to_pixels(y, strides, groups)
  return lax.slice(
    y,
    (0, *crops, 0),
    (
      y.shape[0],
      *(c + w.length for c, w in zip(crops, windows)),
      y.shape[rank + 1],
    ),
  )


def _phase_kernel(kernel, strides, groups):
  """Returns `[*q, C // groups, groups * phases * F // groups]`."""
  rank = len(strides)
  taps = [-(-k // s) for k, s in zip(kernel.shape, strides)]
  kernel = _pad_kernel(kernel, taps, strides, at_end=False)
  channels, features = kernel.shape[-2:]
  split = [size for pair in zip(taps, strides) for size in pair]
  kernel = kernel.reshape(*split, channels, groups, features // groups)
  kernel = jnp.flip(kernel, [2 * axis + 1 for axis in range(rank)])
  kernel = kernel.transpose(
    *range(0, 2 * rank, 2),
    2 * rank,
    2 * rank + 1,
    *range(1, 2 * rank, 2),
    2 * rank + 2,
  )
  return kernel.reshape(*taps, channels, features * math.prod(strides))


def _pad_kernel(kernel, taps, strides, *, at_end):
  """Pads the spatial axes with zeros to `taps * strides`."""
  padding = []
  for q, s, k in zip(taps, strides, kernel.shape):
    padding.append((0, q * s - k, 0) if at_end else (q * s - k, 0, 0))
  return lax.pad(
    kernel, jnp.zeros((), kernel.dtype), [*padding, (0, 0, 0), (0, 0, 0)]
  )


def _pad(x, padding):
  """Pads the spatial axes of `x` with zeros: `(low, high, interior)` each."""
  return lax.pad(
    x, jnp.zeros((), x.dtype), [(0, 0, 0), *padding, (0, 0, 0)]
  )


def phases_to_pixels(
  x: jax.Array, strides: Sequence[int], groups: int = 1
) -> jax.Array:
  """Rearranges channels into pixels (depth to space), any number of axes.

  NOTE: within a group the phase is the slower part of the channel index, as in
  TensorFlow's depth-to-space; PyTorch's `PixelShuffle` has it the faster.

  Args:
    x: `[N, *spatial, groups * prod(strides) * F]` array.
    strides: enlargement per spatial axis.
    groups: feature groups, the slowest part of the channel index.

  Returns:
    `[N, *(spatial * strides), groups * F]` array.
  """
  rank = len(strides)
  features = x.shape[-1] // (groups * math.prod(strides))
  y = x.reshape(*x.shape[:-1], groups, *strides, features)
  pairs = [
    a for i in range(rank) for a in (1 + i, rank + 2 + i)
  ]
  y = y.transpose(0, *pairs, rank + 1, 2 * rank + 2)
  sizes = [n * s for n, s in zip(x.shape[1:], strides)]
  return y.reshape(x.shape[0], *sizes, groups * features)


def pixels_to_phases(x: jax.Array, strides: Sequence[int]) -> jax.Array:
  """Rearranges pixels into channels, the inverse of `phases_to_pixels`.

  Args:
    x: `[N, *spatial, C]` array, sizes divisible by `strides`.
    strides: reduction per spatial axis.

  Returns:
    `[N, *(spatial / strides), prod(strides) * C]` array.
  """
  rank = len(strides)
  split = [p for n, s in zip(x.shape[1:], strides) for p in (n // s, s)]
  y = x.reshape(x.shape[0], *split, x.shape[-1])
  y = y.transpose(
    0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1
  )
  return y.reshape(*y.shape[: rank + 1], math.prod(strides) * x.shape[-1])


@functools.partial(jax.custom_jvp, nondiff_argnums=(2, 3, 4, 5))
def strided_convolution(
  x: jax.Array,
  kernel: jax.Array,
  padding: Sequence[tuple[int, int]],
  strides: Sequence[int],
  precision,
  preferred_element_type,
) -> jax.Array:
  """Returns the undilated, ungrouped strided convolution.

  Args:
    x: `[N, *spatial, C]` array.
    kernel: `[*kernel_size, C, F]` array.
    padding: `(low, high)` zeros per spatial axis; negative ones crop.
    strides: input elements between neighbouring outputs.
    precision: see `jax.lax.Precision`.
    preferred_element_type: dtype of the result, or `None`.

  Returns:
    `[N, *spatial, F]` array.
  """
  return lax.conv_general_dilated(
    x,
    kernel,
    strides,
    padding,
    dimension_numbers=unit_stride.dimension_numbers(x.ndim),
    precision=precision,
    preferred_element_type=preferred_element_type,
  )


@strided_convolution.defjvp
def _strided_convolution_jvp(
  padding, strides, precision, preferred_element_type, primals, tangents
):
  # XLA runs the strided convolution well; its transposes are what is slow.
  # 16x64x64 32->64 3x3 / 2, forward: 4 ms, with phases 8 ms.
  y = strided_convolution(
    *primals, padding, strides, precision, preferred_element_type
  )
  _, y_dot = jax.jvp(
    lambda x, kernel: _strided_by_phases(
      x, kernel, padding, strides, precision, preferred_element_type
    ),
    primals,
    tangents,
  )
  return y, y_dot


def _strided_by_phases(
  x, kernel, padding, strides, precision, preferred_element_type
):
  """Returns the strided convolution: pixels to phases, stride 1 over them."""
  rank = len(strides)
  taps = [-(-k // s) for k, s in zip(kernel.shape, strides)]
  edges = []
  for n, k, q, s, (low, high) in zip(
    x.shape[1:], kernel.shape, taps, strides, padding
  ):
    outputs = (n + low + high - k) // s + 1
    edges.append((low, (outputs - 1 + q) * s - n - low, 0))
  x = pixels_to_phases(_pad(x, edges), strides)
  kernel = _pad_kernel(kernel, taps, strides, at_end=True)
  channels, features = kernel.shape[-2:]
  split = [size for pair in zip(taps, strides) for size in pair]
  kernel = kernel.reshape(*split, channels, features).transpose(
    *range(0, 2 * rank, 2), *range(1, 2 * rank, 2), 2 * rank, 2 * rank + 1
  )
  return unit_stride.unit_convolution(
    x,
    kernel.reshape(*taps, math.prod(strides) * channels, features),
    ((0, 0),) * rank,
    (1,) * rank,
    1,
    precision,
    preferred_element_type,
  )
