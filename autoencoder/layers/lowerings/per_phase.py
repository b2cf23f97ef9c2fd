"""A transposed convolution, one stride-1 convolution per phase.

`polyphase` has one convolution for all phases, and multiplies by zeros if the
kernel size is no multiple of the stride. Here each of the `prod(strides)`
phases has a smaller convolution with every stride-th kernel element, without
such zeros: 9 multiply-adds instead of 16 for 3x3 / 2, for more operations with
fewer features in each.
"""

from collections.abc import Callable
from collections.abc import Sequence
from typing import NamedTuple

import jax
from jax import lax
import jax.numpy as jnp


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
  """Returns the transposed convolution over two spatial axes."""
  sizes, axes = [], []
  for n, k, s, (low, high) in zip(x.shape[1:], kernel.shape, strides, padding):
    size = (n - 1) * s + 1 + low + high - k + 1
    # Output `p = s m + a` sees the elements `i = low - a` of input `m` and on.
    axes.append([_phase(-a, low, k, s, n, -(-size // s)) for a in range(s)])
    sizes.append(size)
  (s0, s1), (m0, m1) = strides, (-(-n // s) for n, s in zip(sizes, strides))
  lines = []
  for row in axes[0]:
    outputs = [
      convolve(
        x,
        kernel[row.first :: s0, column.first :: s1],
        (row.padding, column.padding),
      )
      for column in axes[1]
    ]
    y = lax.concatenate(outputs, 3).reshape(-1, m0, m1 * s1, kernel.shape[-1])
    lines.append(y[:, :, : sizes[1]])
  y = jnp.stack(lines, 2)
  return y.reshape(-1, m0 * s0, *y.shape[3:])[:, : sizes[0]]
