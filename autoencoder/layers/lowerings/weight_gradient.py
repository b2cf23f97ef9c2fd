"""The ways to compute a weight gradient.

With the large grid, padded by `low`, and the small grid, kernel element `t` is
`sum_i large[i * stride + t * dilation - low] * small[i]`: a convolution whose
filter is a whole image. All sums are made in float32 or wider.
"""

from collections.abc import Sequence
import functools
import operator

import jax
from jax import lax
import jax.numpy as jnp

from autoencoder.layers.lowerings import choose
from autoencoder.layers.lowerings import im2col
from autoencoder.layers.lowerings import polyphase
from autoencoder.layers.lowerings import xla_convolution


def compute(
  plan: choose.Plan,
  large: jax.Array,
  small: jax.Array,
  kernel_size: Sequence[int],
  low: Sequence[int],
  strides: Sequence[int],
  dilation: Sequence[int],
  precision,
) -> jax.Array:
  """Returns the weight gradient, computed as planned.

  `low` holds the number of zeros before the large grid per spatial axis.
  """
  wide = jnp.promote_types(jnp.result_type(large, small), jnp.float32)
  large, small = large.astype(wide), small.astype(wide)
  edges = []
  for n, m, k, z, s, d in zip(
    large.shape[1:], small.shape[1:], kernel_size, low, strides, dilation
  ):
    edges.append((z, (m - 1) * s + (k - 1) * d + 1 - n - z))
  way = plan.weight_gradient
  if way in ('im2col', 'im2col_polyphase'):
    return im2col.weight_gradient(
      large, small, kernel_size, edges, strides, dilation, precision,
      phases=way == 'im2col_polyphase', devices=plan.devices,
    )  # fmt: skip
  if way == 'operand_swap':
    return _operand_swap(large, small, edges, precision)
  if way == 'padded_input' or plan.row_blocks > 1:
    large = polyphase.pad_spatial(large, [(0, 0), *edges])
    edges = [(0, 0)] * len(edges)
  if way == 'padded_input':  # Without it XLA would move the padding back.
    large = lax.optimization_barrier(large)
  ndim = large.ndim
  convolve = functools.partial(
    xla_convolution.convolution, padding=edges, strides=dilation,
    rhs_dilation=strides, precision=precision,
    dimension_numbers=_numbers(ndim, (ndim - 2, ndim - 1)),
  )  # fmt: skip
  if way == 'padded_input' or plan.row_blocks == 1:
    return convolve(large, small)
  # Blocks are cut from the padded grid: if the convolution padded them, XLA
  # would make a wrong result of them over a mesh that splits rows.
  rows, stride = small.shape[1], strides[0]
  extent = (kernel_size[0] - 1) * dilation[0] + 1
  cuts = [i * rows // plan.row_blocks for i in range(plan.row_blocks + 1)]
  parts = []
  for first, end in zip(cuts, cuts[1:]):
    last = (end - 1) * stride + extent
    block = lax.slice_in_dim(large, first * stride, last, axis=1)
    part = lax.slice_in_dim(small, first, end, axis=1)
    parts.append(convolve(block, part))
  return functools.reduce(operator.add, parts)


def _numbers(ndim: int, out: Sequence[int]) -> lax.ConvDimensionNumbers:
  """Returns dimension numbers that sum over images."""
  spatial = tuple(range(1, ndim - 1))
  result = (*out, *range(ndim - 2))
  return lax.ConvDimensionNumbers(
    (ndim - 1, 0, *spatial), (ndim - 1, 0, *spatial), result
  )


def _operand_swap(large, small, edges, precision):
  """Uses the large grid as the filter, at stride 1."""
  ndim, padding = large.ndim, []
  for n, m, (low, high) in zip(large.shape[1:], small.shape[1:], edges):
    k = n + low + high - m + 1
    padding.append((k - 1 - low, n - m + low))
  y = xla_convolution.convolution(
    small, large, padding, precision=precision,
    dimension_numbers=_numbers(ndim, (ndim - 1, ndim - 2)),
  )  # fmt: skip
  return jnp.flip(y, range(ndim - 2))
