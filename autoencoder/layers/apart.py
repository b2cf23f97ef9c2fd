"""Strided and transposed convolutions, one stride-1 convolution per phase.

Where `phases` has one convolution for all of them, and multiplies by zeros
where the kernel is no multiple of the stride, these have a smaller one for
each and multiply nothing in vain: `prod(strides)` convolutions with every
stride-th kernel element. For 3x3 / 2 that is 9 products in place of 16, at the
price of more operations and fewer features in each.
"""

from collections.abc import Callable
from collections.abc import Sequence
from typing import NamedTuple

import jax
from jax import lax
import jax.numpy as jnp

from autoencoder.layers import phases


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
) -> jax.Array:
  """Returns the ungrouped transposed convolution; see `lowering`.

  Args:
    convolve: stride-1 convolution of an image with a kernel, given padding.
    x: `[N, H, W, C]` array.
    kernel: `[kh, kw, C, F]` array, no smaller than the strides.
    padding: `(low, high)` zeros around the stride-dilated `x`, per axis.
    strides: canvas elements between neighbouring inputs.

  Returns:
    `[N, H', W', F]` array.
  """
  sizes, rows, columns = _canvas(x, kernel, padding, strides)
  (s0, s1), (m0, m1) = strides, (-(-n // s) for n, s in zip(sizes, strides))
  lines = []
  for row in rows:
    outputs = [
      convolve(
        x,
        kernel[row.first :: s0, column.first :: s1],
        (row.padding, column.padding),
      )
      for column in columns
    ]
    lines.append(lax.concatenate(outputs, 3))
  y = jnp.stack(lines, 2).reshape(-1, m0 * s0, m1 * s1, kernel.shape[-1])
  return y[:, : sizes[0], : sizes[1]]


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
) -> jax.Array:
  """Returns the ungrouped convolution, the mirror image of the other.

  Args:
    convolve: stride-1 convolution of an image with a kernel, given padding.
    x: `[N, H, W, C]` array.
    kernel: `[kh, kw, C, F]` array, no smaller than the strides.
    padding: `(low, high)` zeros per spatial axis; negative ones crop.
    strides: input elements between neighbouring outputs.

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
  x = phases.pad_spatial(x, edges).reshape(-1, m0, s0, m1, s1 * channels)
  y = 0
  # The transpose of a split is a concatenation: it writes each pixel once.
  for row, line in zip(axes[0], lax.split(x, (1,) * s0, axis=2)):
    line = line.reshape(-1, m0, m1, s1 * channels)
    for column, pixels in zip(
      axes[1], lax.split(line, (channels,) * s1, axis=3)
    ):
      part = convolve(
        pixels,
        kernel[row.first :: s0, column.first :: s1],
        (row.padding, column.padding),
      )
      y += phases.widened(part)
  return y.astype(part.dtype)
