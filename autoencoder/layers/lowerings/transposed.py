"""Transposed convolutions, each derivative by the fastest method.

`choose.choose` says which. The tangent is the convolution of each operand's
tangent with the other operand; both are linear, and written so that what
reverse mode makes of them, their transposes, are the fast gradients. Nothing
but ordinary JAX operations are involved, so forward mode, second derivatives,
`vmap` and `jax.checkpoint` need no rules of their own. The price is that
forward mode computes a tangent of the kernel as written, which may be slow.
"""

from collections.abc import Sequence
import functools

import jax
from jax import lax
import jax.numpy as jnp

from autoencoder.layers import shapes
from autoencoder.layers.lowerings import choose
from autoencoder.layers.lowerings import conv3d
from autoencoder.layers.lowerings import im2col
from autoencoder.layers.lowerings import operand_swap
from autoencoder.layers.lowerings import per_phase
from autoencoder.layers.lowerings import polyphase
from autoencoder.layers.lowerings import strided
from autoencoder.layers.lowerings import unit_stride


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
  one_axis = x.ndim == 3
  windows, strides, dilation = tuple(windows), tuple(strides), tuple(dilation)
  if one_axis:  # XLA's fast route is for two spatial axes.
    x, kernel = x[:, None], kernel[None]
    windows = (shapes.Window(0, 1), *windows)
    strides, dilation = (1, *strides), (1, *dilation)
  settings = precision, preferred_element_type
  if (
    x.ndim == 5
    and kernel.shape[0] <= conv3d.MOST_TAPS
    and jax.default_backend() == 'cpu'
    and groups == 1
    and x.size
    and not choose.is_sharded(x, kernel)
  ):
    return conv3d.transposed_convolution(
      lambda x, kernel: transposed_convolution(
        x, kernel, windows[1:], strides[1:], dilation[1:], 1, *settings
      ),
      x,
      kernel,
      windows[0],
      strides[0],
      dilation[0],
    )
  if groups == max(strides) == max(dilation) == 1:
    padding = _padding(x.shape[1:], kernel.shape, windows, strides, dilation)
    y = strided.strided(x, kernel, padding, strides, *settings)
  else:
    y = _transposed(x, kernel, windows, strides, dilation, groups, *settings)
  return y[:, 0] if one_axis else y


def _padding(sizes, kernel_size, windows, strides, dilation):
  """Returns the padding of the stride-dilated input that leaves the windows."""
  result = []
  for n, k, s, d, window in zip(sizes, kernel_size, strides, dilation, windows):
    low = (k - 1) * d - window.start
    high = window.length - 1 + (k - 1) * d - low - (n - 1) * s
    result.append((low, high))
  return tuple(result)


def _choose(x, kernel, strides, dilation, groups):
  """Returns the methods for a transposed convolution."""
  if choose.is_sharded(x, kernel):
    return choose.Methods('stuffed', 'stuffed', 'whole')
  return choose.choose(
    x.shape[0],
    x.shape[1:-1],
    x.shape[-1],
    kernel.shape[-1],
    kernel.shape[:-2],
    strides,
    dilation,
    groups,
    transposed=True,
  )


@functools.partial(jax.custom_jvp, nondiff_argnums=(2, 3, 4, 5, 6, 7))
def _transposed(x, kernel, windows, strides, dilation, groups, *dtypes):
  chosen = _choose(x, kernel, strides, dilation, groups)
  return _paint(
    chosen.paint, False, x, kernel, windows, strides, dilation, groups, *dtypes
  )


@_transposed.defjvp
def _transposed_jvp(
  windows, strides, dilation, groups, precision, preferred, primals, tangents
):
  x, kernel = primals
  x_dot, kernel_dot = tangents
  settings = windows, strides, dilation, groups, precision, preferred
  y = _transposed(x, kernel, *settings)
  chosen = _choose(x, kernel, strides, dilation, groups)
  # The transpose of painting is gathering.
  by_x = _paint(chosen.gather, True, x_dot, kernel, *settings)
  if chosen.kernel in ('whole', 'phases') or not x.size:
    by_kernel = _paint(chosen.gather, True, x, kernel_dot, *settings)
  elif chosen.kernel == 'swapped':
    padding = _padding(x.shape[1:], kernel.shape, windows, strides, dilation)
    by_kernel = operand_swap.transposed_convolution(
      x, kernel_dot, padding, strides, precision, chosen.strips
    ).astype(y.dtype)
  else:
    edges = []
    for n, k, s, d, window in zip(
      x.shape[1:], kernel.shape, strides, dilation, windows
    ):
      canvas = (n - 1) * s + (k - 1) * d + 1
      edges.append((window.start, canvas - window.start - window.length))
    grid = im2col.Grid(tuple(edges), x.shape[1:-1], strides, dilation)
    by_kernel = im2col.transposed_convolution(
      x, kernel_dot, y.shape, grid, precision
    ).astype(y.dtype)
  return y, by_x + by_kernel


def _paint(
  method, for_transpose, x, kernel, windows, strides, dilation, groups, *dtypes
):
  """Returns the transposed convolution by one method."""
  padding = _padding(x.shape[1:], kernel.shape, windows, strides, dilation)
  if method == 'stuffed':
    # `lax.pad` rather than `lhs_dilation`, whose gradient is slow.
    edges = [(0, 0, 0), *((0, 0, s - 1) for s in strides), (0, 0, 0)]
    return unit_stride.convolution(
      lax.pad(x, jnp.zeros((), x.dtype), edges),
      kernel,
      padding,
      dilation,
      groups,
      *dtypes,
      for_transpose=for_transpose,
    )
  if method == 'direct':  # As the transpose of which XLA's own is fast.
    return strided.direct(
      for_transpose, x, kernel, (1,) * len(strides), padding, strides, *dtypes
    )

  def convolve(x, kernel, padding):
    return unit_stride.convolution(
      x,
      kernel,
      padding,
      (1,) * len(strides),
      groups,
      *dtypes,
      for_transpose=for_transpose,
    )

  if method in ('apart', 'rows'):
    return per_phase.transposed_convolution(
      convolve, x, kernel, padding, strides, columns_in_phases=method == 'rows'
    )
  return polyphase.transposed_convolution(
    convolve, x, kernel, windows, strides, groups
  )
