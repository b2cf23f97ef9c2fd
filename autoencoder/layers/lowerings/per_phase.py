"""Strided and transposed convolutions, one stride-1 convolution per phase.

Where `phases` has one convolution for all of them, and multiplies by zeros
where the kernel is no multiple of the stride, these have a smaller one for
each and multiply nothing in vain: `prod(strides)` convolutions with every
stride-th kernel element. For 3x3 / 2 that is 9 products in place of 16, at the
price of more operations and fewer features in each. Half way are rows apart and
columns in phases: 12 products, two convolutions of twice the features.
"""

from collections.abc import Callable
from collections.abc import Sequence
from typing import NamedTuple

import jax
from jax import lax
import jax.numpy as jnp

from autoencoder.layers import shapes
from autoencoder.layers.lowerings import polyphase


class _Phase(NamedTuple):
  """Kernel elements of one phase of an axis: `first`, and every stride-th.

  Attributes:
    first: element.
    padding: `(low, high)` for the stride-1 convolution.
  """

  first: int
  padding: tuple[int, int]


def _phase(phase, low, kernel_size, stride, inputs, outputs) -> _Phase:
  """Returns the phase in which element `i` meets input `m + (i - low) / s`."""
  first = (low + phase) % stride
  shift = (first - low - phase) // stride
  taps = len(range(first, kernel_size, stride))
  return _Phase(first, (-shift, outputs + shift + taps - 1 - inputs))


def transposed_convolution(
  convolve: Callable[..., jax.Array],
  x: jax.Array,
  kernel: jax.Array,
  padding: Sequence[tuple[int, int]],
  strides: Sequence[int],
  *,
  columns_in_phases: bool = False,
) -> jax.Array:
  """Returns the ungrouped transposed convolution; see `lowering`.

  Args:
    convolve: stride-1 convolution of an image with a kernel, given padding.
    x: `[N, H, W, C]` array.
    kernel: `[kh, kw, C, F]` array, no smaller than the strides.
    padding: `(low, high)` zeros around the stride-dilated `x`, per axis.
    strides: canvas elements between neighbouring inputs.
    columns_in_phases: whether only rows are apart.

  Returns:
    `[N, H', W', F]` array.
  """
  sizes, rows, columns = _canvas(x, kernel, padding, strides)
  (s0, s1), (m0, m1) = strides, (-(-n // s) for n, s in zip(sizes, strides))

  def paint_rows(row):
    """Returns every `s0`-th row of the result, `[N, m0, W', F]`."""
    part = kernel[row.first :: s0]
    if columns_in_phases:
      windows = (
        shapes.Window(part.shape[0] - 1 - row.padding[0], m0),
        shapes.Window(kernel.shape[1] - 1 - padding[1][0], sizes[1]),
      )
      return polyphase.transposed_convolution(
        convolve, x, part, windows, (1, s1), 1
      )
    outputs = [
      convolve(x, part[:, column.first :: s1], (row.padding, column.padding))
      for column in columns
    ]
    y = lax.concatenate(outputs, 3).reshape(-1, m0, m1 * s1, kernel.shape[-1])
    return y[:, :, : sizes[1]]

  y = jnp.stack([paint_rows(row) for row in rows], 2)
  return y.reshape(-1, m0 * s0, *y.shape[3:])[:, : sizes[0]]


def _canvas(x, kernel, padding, strides):
  """Returns the sizes of the result, and the phases of both axes."""
  sizes, axes = [], []
  for n, k, s, (low, high) in zip(x.shape[1:], kernel.shape, strides, padding):
    size = (n - 1) * s + 1 + low + high - k + 1
    # Output `p = s m + a` is the element `i = low - a` of input `m` and on.
    axes.append([_phase(-a, low, k, s, n, -(-size // s)) for a in range(s)])
    sizes.append(size)
  return sizes, *axes


def strided_convolution(
  convolve: Callable[..., jax.Array],
  x: jax.Array,
  kernel: jax.Array,
  padding: Sequence[tuple[int, int]],
  strides: Sequence[int],
  *,
  columns_in_phases: bool = False,
) -> jax.Array:
  """Returns the ungrouped convolution, the mirror image of the other.

  Args:
    convolve: stride-1 convolution of an image with a kernel, given padding.
    x: `[N, H, W, C]` array.
    kernel: `[kh, kw, C, F]` array, no smaller than the strides.
    padding: `(low, high)` zeros per spatial axis; negative ones crop.
    strides: input elements between neighbouring outputs.
    columns_in_phases: whether only rows are apart.

  Returns:
    `[N, H', W', F]` array.
  """
  axes, edges, counts = [], [(0, 0)], []
  for n, k, s, (low, high) in zip(x.shape[1:], kernel.shape, strides, padding):
    outputs = (n + low + high - k) // s + 1
    inputs = -(-n // s)
    axes.append([_phase(a, low, k, s, inputs, outputs) for a in range(s)])
    edges.append((0, inputs * s - n))
    counts.append(inputs)
  (s0, s1), (m0, m1), channels = strides, counts, x.shape[-1]

  def gather_rows(row, line):
    """Returns what every `s0`-th row of `x` adds to the result, in parts."""
    part = kernel[row.first :: s0]
    if columns_in_phases:
      line = line.reshape(-1, m0, x.shape[2], channels)
      edges = row.padding, padding[1]
      return [
        polyphase.strided_convolution(convolve, line, part, edges, (1, s1))
      ]
    line = line.reshape(-1, m0, m1, s1 * channels)
    return [
      convolve(
        pixels, part[:, column.first :: s1], (row.padding, column.padding)
      )
      for column, pixels in zip(
        axes[1], lax.split(line, (channels,) * s1, axis=3)
      )
    ]

  if columns_in_phases:
    edges[2] = 0, 0
  x = polyphase.pad_spatial(x, edges)
  # The transpose of a split is a concatenation: it writes each pixel once.
  lines = lax.split(x.reshape(-1, m0, s0, *x.shape[2:]), (1,) * s0, axis=2)
  parts = [y for pair in zip(axes[0], lines) for y in gather_rows(*pair)]
  return sum(map(polyphase.widened, parts)).astype(parts[0].dtype)
