"""Strided convolutions, each derivative by the fastest method.

As in `lowering`, but for the stride, which is of the result here.
"""

from collections.abc import Sequence
import functools
import math

import jax
from jax import lax
import jax.numpy as jnp

from autoencoder.layers.lowerings import choose
from autoencoder.layers.lowerings import conv3d
from autoencoder.layers.lowerings import grouping
from autoencoder.layers.lowerings import im2col
from autoencoder.layers.lowerings import operand_swap
from autoencoder.layers.lowerings import per_phase
from autoencoder.layers.lowerings import polyphase
from autoencoder.layers.lowerings import unit_stride
from autoencoder.layers.lowerings import winograd
from autoencoder.layers.lowerings import xla_convolution

# Windows of at most so many elements that do not overlap: forward and
# gradients are products of matrices. 4x384x480 3->48 4x4 / 4: 10 ms, 15
# otherwise; 8x64x64 12->32 2x2 / 2, 1.0 and 1.5; with 16 channels 2.1 and 1.8.
_FEW_TAPS = 48


def strided_convolution(
  x: jax.Array,
  kernel: jax.Array,
  padding: Sequence[tuple[int, int]],
  strides: Sequence[int],
  precision=None,
  preferred_element_type=None,
) -> jax.Array:
  """Returns the undilated, ungrouped convolution.

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
  one_axis = x.ndim == 3
  padding, strides = tuple(padding), tuple(strides)
  if one_axis:
    x, kernel = x[:, None], kernel[None]
    padding, strides = ((0, 0), *padding), (1, *strides)
  few = x.ndim == 5 and kernel.shape[0] <= conv3d.MOST_TAPS
  if few and x.size and jax.default_backend() == 'cpu':
    return conv3d.strided_convolution(
      lambda x, kernel: strided_convolution(
        x, kernel, padding[1:], strides[1:], precision, preferred_element_type
      ),
      x,
      kernel,
      padding[0],
      strides[0],
    )
  settings = precision, preferred_element_type
  if (
    jax.default_backend() == 'cpu'
    and x.ndim == 4
    and kernel.shape[:-2] == strides != (1, 1)
    and math.prod(kernel.shape[:-1]) <= _FEW_TAPS
  ):
    y = _gather('phases', False, x, kernel, padding, strides, *settings)
  else:
    y = strided(x, kernel, padding, strides, *settings)
  return y[:, 0] if one_axis else y


@functools.partial(jax.custom_jvp, nondiff_argnums=(2, 3, 4, 5))
def strided(x, kernel, padding, strides, *dtypes):
  """Returns the convolution over two spatial axes."""
  # XLA runs the strided convolution well; its transposes are what is slow.
  # 16x64x64 32->64 3x3 / 2, forward: 4 ms, with phases 8 ms.
  method = 'direct'
  if max(strides) == 1:
    method = _choose(x, kernel, padding, strides, *dtypes).gather
  return _gather(method, False, x, kernel, padding, strides, *dtypes)


def _choose(x, kernel, padding, strides, precision, preferred):
  """Returns the methods for a convolution."""
  if choose.is_sharded(x, kernel):
    return choose.Methods('direct', 'direct', 'whole')  # Of any stride.
  sizes = [
    (n + sum(pair) - k) // s + 1
    for n, k, s, pair in zip(x.shape[1:], kernel.shape, strides, padding)
  ]
  kinds = {x.dtype, kernel.dtype, jnp.dtype(preferred or x.dtype)}
  exact = (
    kinds != {jnp.dtype('float32')}
    or precision is not None
    or jax.config.jax_default_matmul_precision is not None
  )
  return choose.choose(
    x.shape[0],
    sizes,
    kernel.shape[-1],
    kernel.shape[-2],
    kernel.shape[:-2],
    strides,
    (1,) * len(strides),
    transposed=False,
    exact=exact,
  )


@strided.defjvp
def _jvp(padding, strides, precision, preferred, primals, tangents):
  x, kernel = primals
  x_dot, kernel_dot = tangents
  settings = padding, strides, precision, preferred
  y = strided(x, kernel, *settings)
  chosen = _choose(x, kernel, *settings)
  # The transpose of gathering is painting.
  by_x = _gather(chosen.paint, True, x_dot, kernel, *settings)
  if chosen.kernel == 'whole' or not y.size:
    by_kernel = xla_convolution.convolution(
      x,
      kernel_dot,
      strides,
      padding,
      dimension_numbers=unit_stride.dimension_numbers(x.ndim),
      precision=precision,
      preferred_element_type=preferred,
    )
  elif chosen.kernel in ('strips', 'bordered'):
    edges = padding
    if chosen.kernel == 'bordered':
      # Without the barrier XLA would move the padding back.
      x = lax.optimization_barrier(polyphase.pad_spatial(x, [(0, 0), *padding]))
      edges = ((0, 0),) * 2
    by_kernel = _in_strips(
      x, kernel_dot, strides, edges, chosen.strips, precision
    ).astype(y.dtype)
  elif chosen.kernel == 'swapped':  # Stride 1, where it makes no difference.
    by_kernel = operand_swap.transposed_convolution(
      x, kernel_dot, padding, strides, precision
    ).astype(y.dtype)
  else:
    edges = []
    for n, m, k, s, (low, _) in zip(
      x.shape[1:], y.shape[1:], kernel.shape, strides, padding
    ):
      edges.append((low, (m - 1) * s + k - n - low))
    grid = im2col.Grid(
      tuple(edges), y.shape[1:-1], strides, (1,) * len(strides)
    )
    by_kernel = im2col.convolution(x, kernel_dot, grid, precision).astype(
      y.dtype
    )
  return y, by_x + by_kernel


def _in_strips(x, kernel, strides, padding, count, precision):
  """Returns the convolution, whose gradient for `kernel` stays in the cache."""
  # The transpose of this sums over all images: keep that in float32 at least.
  wide = jnp.promote_types(kernel.dtype, jnp.float32)
  x, kernel = x.astype(wide), kernel.astype(wide)
  taps, stride, (low, high) = kernel.shape[0], strides[0], padding[0]
  rows = (x.shape[1] + low + high - taps) // stride + 1

  def convolve(x, padding):
    return xla_convolution.convolution(
      x, kernel, strides, padding, precision=precision,
      dimension_numbers=unit_stride.dimension_numbers(x.ndim),
    )  # fmt: skip

  # A strip, even one of all rows, might see padding alone.
  if max(low, high) >= taps:
    return convolve(x, padding)
  results = []
  for first, end in grouping.strips(rows, count):
    top, bottom = first * stride - low, (end - 1) * stride + taps - low
    inside = lax.slice_in_dim(x, max(top, 0), min(bottom, x.shape[1]), axis=1)
    edges = (max(-top, 0), max(bottom - x.shape[1], 0)), padding[1]
    results.append(convolve(inside, edges))
  return lax.concatenate(results, 1)


def _gather(method, for_transpose, x, kernel, padding, strides, *dtypes):
  """Returns the convolution by one method."""
  ones = (1,) * len(strides)
  if method == 'direct':
    return direct(for_transpose, x, kernel, strides, padding, None, *dtypes)

  def convolve(x, kernel, padding):
    return unit_stride.convolution(
      x, kernel, padding, ones, 1, *dtypes, for_transpose=for_transpose
    )

  if method == 'stuffed':  # Stride 1.
    return convolve(x, kernel, padding)
  if method == 'winograd':
    return winograd.convolution(convolve, x, kernel, padding)
  if method in ('apart', 'rows'):
    return per_phase.strided_convolution(
      convolve, x, kernel, padding, strides, columns_in_phases=method == 'rows'
    )
  return polyphase.strided_convolution(convolve, x, kernel, padding, strides)


def direct(
  for_transpose, x, kernel, strides, padding, lhs_dilation, precision, preferred
):
  """Returns XLA's own convolution over two spatial axes.

  Args:
    for_transpose: whether it is the gradient for `x` that should be fast.
    x: `[N, H, W, C]` array.
    kernel: `[kh, kw, C, F]` array.
    strides: of the result.
    padding: `(low, high)` per spatial axis.
    lhs_dilation: of `x`, or `None`.
    precision: see `jax.lax.Precision`.
    preferred: dtype of the result, or `None`.
  """
  features = kernel.shape[-1]
  x, kernel = unit_stride.even_channels(x, kernel, -1 if for_transpose else -2)
  y = xla_convolution.convolution(
    x,
    kernel,
    strides,
    padding,
    lhs_dilation=lhs_dilation,
    dimension_numbers=unit_stride.dimension_numbers(x.ndim),
    precision=precision,
    preferred_element_type=preferred,
  )
  return lax.slice_in_dim(y, 0, features, axis=-1)
