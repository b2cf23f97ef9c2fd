"""The ways to compute a strided or a transposed convolution.

At stride 1 both grids are alike, and the ways of one direction serve the other.
"""

from collections.abc import Sequence
import functools
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp

from autoencoder.layers import shapes
from autoencoder.layers.lowerings import choose
from autoencoder.layers.lowerings import per_phase
from autoencoder.layers.lowerings import polyphase
from autoencoder.layers.lowerings import unit_stride
from autoencoder.layers.lowerings import winograd
from autoencoder.layers.lowerings import xla_convolution


def strided(
  plan: choose.Plan,
  way: str,
  x: jax.Array,
  kernel: jax.Array,
  padding: Sequence[tuple[int, int]],
  strides: Sequence[int],
  dilation: Sequence[int],
  numerics: dict[str, Any],
) -> jax.Array:
  """Returns the convolution, computed in one way of the plan."""
  if way == 'xla':
    x, kernel = unit_stride.even_channels(x, kernel, plan.backend)
    return xla_convolution.convolution(
      x, kernel, padding, strides=strides, rhs_dilation=dilation, **numerics
    )
  convolve = functools.partial(
    unit_stride.convolution, backend=plan.backend, numerics=numerics
  )
  if way == 'unit_stride':
    return convolve(x, kernel, padding, dilation=dilation)
  if way == 'winograd':
    return winograd.convolution(convolve, x, kernel, padding)
  return polyphase.strided_convolution(convolve, x, kernel, padding, strides)


def transposed_padding(
  sizes: Sequence[int],
  kernel_size: Sequence[int],
  windows: Sequence[shapes.Window],
  strides: Sequence[int],
  dilation: Sequence[int],
) -> tuple[tuple[int, int], ...]:
  """Returns the zeros around the input after zero-insertion."""
  result = []
  for n, k, s, d, window in zip(sizes, kernel_size, strides, dilation, windows):
    low = (k - 1) * d - window.start
    high = window.length - 1 + (k - 1) * d - low - (n - 1) * s
    result.append((low, high))
  return tuple(result)


def transposed(
  plan: choose.Plan,
  way: str,
  x: jax.Array,
  kernel: jax.Array,
  windows: Sequence[shapes.Window],
  strides: Sequence[int],
  dilation: Sequence[int],
  groups: int,
  numerics: dict[str, Any],
) -> jax.Array:
  """Returns the transposed convolution, computed in one way of the plan."""
  convolve = functools.partial(
    unit_stride.convolution,
    backend=plan.backend,
    numerics=numerics,
    groups=groups,
  )
  if way == 'polyphase':
    return polyphase.transposed_convolution(
      convolve, x, kernel, windows, strides, groups
    )
  edges = transposed_padding(
    x.shape[1:-1], kernel.shape, windows, strides, dilation
  )
  if way == 'per_phase':
    return per_phase.transposed_convolution(convolve, x, kernel, edges, strides)
  if way == 'zero_insertion':
    # `lax.pad` rather than `lhs_dilation`, whose gradient is slow.
    zeros = [(0, 0, 0), *((0, 0, s - 1) for s in strides), (0, 0, 0)]
    x = lax.pad(x, jnp.zeros((), x.dtype), zeros)
    return convolve(x, kernel, edges, dilation=dilation)
  return strided(plan, way, x, kernel, edges, strides, dilation, numerics)
