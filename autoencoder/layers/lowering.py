"""Strided and transposed convolutions, each derivative by the fastest method.

`methods.choose` says which. The tangent is the convolution of each operand's
tangent with the other operand; both are linear, and written so that what
reverse mode makes of them, their transposes, are the fast gradients. Nothing
but ordinary JAX operations are involved, so forward mode, second derivatives,
`vmap` and `jax.checkpoint` need no rules of their own.
"""

from collections.abc import Sequence
import functools

import jax
from jax import lax
import jax.numpy as jnp

from autoencoder.layers import apart
from autoencoder.layers import columns
from autoencoder.layers import depth
from autoencoder.layers import grouping
from autoencoder.layers import methods
from autoencoder.layers import phases
from autoencoder.layers import shapes
from autoencoder.layers import swapped
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
  one_axis = x.ndim == 3
  windows, strides, dilation = tuple(windows), tuple(strides), tuple(dilation)
  if one_axis:  # XLA's fast route is for two spatial axes.
    x, kernel = x[:, None], kernel[None]
    windows = (shapes.Window(0, 1), *windows)
    strides, dilation = (1, *strides), (1, *dilation)
  settings = precision, preferred_element_type
  if x.ndim == 5 and groups == 1 and x.size and _on_cpu():
    return depth.transposed_convolution(
      lambda x, kernel: transposed_convolution(
        x, kernel, windows[1:], strides[1:], dilation[1:], 1, *settings
      ),
      x, kernel, windows[0], strides[0], dilation[0],
    )
  if groups == max(strides) == max(dilation) == 1:
    padding = _padding(x.shape[1:], kernel.shape, windows, strides, dilation)
    y = _strided(x, kernel, padding, strides, *settings)
  else:
    y = _transposed(x, kernel, windows, strides, dilation, groups, *settings)
  return y[:, 0] if one_axis else y


def _on_cpu():
  return jax.default_backend() == 'cpu'


def _padding(sizes, kernel_size, windows, strides, dilation):
  """Returns the padding of the stride-dilated input that leaves the windows."""
  result = []
  for n, k, s, d, window in zip(sizes, kernel_size, strides, dilation, windows):
    low = (k - 1) * d - window.start
    high = window.length - 1 + (k - 1) * d - low - (n - 1) * s
    result.append((low, high))
  return tuple(result)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2, 3, 4, 5, 6, 7))
def _transposed(x, kernel, windows, strides, dilation, groups, *dtypes):
  chosen = methods.choose(
    x.shape[0], x.shape[1:-1], x.shape[-1], kernel.shape[-1],
    kernel.shape[:-2], strides, dilation, groups, transposed=True,
  )
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
  chosen = methods.choose(
    x.shape[0], x.shape[1:-1], x.shape[-1], kernel.shape[-1],
    kernel.shape[:-2], strides, dilation, groups, transposed=True,
  )
  # The transpose of painting is gathering.
  by_x = _paint(chosen.gather, True, x_dot, kernel, *settings)
  if chosen.kernel == 'whole' or not x.size:
    by_kernel = _paint(chosen.gather, True, x, kernel_dot, *settings)
  elif chosen.kernel == 'swapped':
    padding = _padding(x.shape[1:], kernel.shape, windows, strides, dilation)
    by_kernel = swapped.transposed_convolution(
      x, kernel_dot, padding, strides, chosen.parts, precision
    ).astype(y.dtype)
  else:
    edges = []
    for n, k, s, d, window in zip(
      x.shape[1:], kernel.shape, strides, dilation, windows
    ):
      canvas = (n - 1) * s + (k - 1) * d + 1
      edges.append((window.start, canvas - window.start - window.length))
    grid = columns.Grid(tuple(edges), x.shape[1:-1], strides, dilation)
    by_kernel = columns.transposed_convolution(
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
      lax.pad(x, jnp.zeros((), x.dtype), edges), kernel, padding, dilation,
      groups, *dtypes, for_transpose=for_transpose,
    )
  if method == 'direct':  # As the transpose of which XLA's own is fast.
    return _convolution(
      for_transpose, x, kernel, (1,) * len(strides), padding, strides, *dtypes
    )

  def convolve(x, kernel, padding):
    return unit_stride.convolution(
      x, kernel, padding, (1,) * len(strides), groups, *dtypes,
      for_transpose=for_transpose,
    )

  if method == 'apart':
    return apart.transposed_convolution(convolve, x, kernel, padding, strides)
  return phases.transposed_convolution(
    convolve, x, kernel, windows, strides, groups
  )


def _convolution(
  for_transpose, x, kernel, strides, padding, lhs_dilation, precision, preferred
):
  features = kernel.shape[-1]
  x, kernel = unit_stride.even_channels(x, kernel, -1 if for_transpose else -2)
  y = lax.conv_general_dilated(
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
  if x.ndim == 5 and x.size and _on_cpu():
    return depth.strided_convolution(
      lambda x, kernel: strided_convolution(
        x, kernel, padding[1:], strides[1:], precision, preferred_element_type
      ),
      x, kernel, padding[0], strides[0],
    )
  y = _strided(x, kernel, padding, strides, precision, preferred_element_type)
  return y[:, 0] if one_axis else y


@functools.partial(jax.custom_jvp, nondiff_argnums=(2, 3, 4, 5))
def _strided(x, kernel, padding, strides, *dtypes):
  # XLA runs the strided convolution well; its transposes are what is slow.
  # 16x64x64 32->64 3x3 / 2, forward: 4 ms, with phases 8 ms.
  method = 'direct' if max(strides) > 1 else 'stuffed'
  width, stride = x.shape[2], strides[1]
  if kernel.shape[1] == stride > 1 and width % stride == padding[1][1] == 0:
    # Windows side by side: the pixels of each already are, in memory.
    # 4x360x480 3->48 4x4 / 4: 3.6 ms, 5.3 with windows of pixels.
    if padding[1][0] == 0:
      x = x.reshape(*x.shape[:2], width // stride, -1)
      kernel = kernel.reshape(kernel.shape[0], 1, -1, kernel.shape[-1])
      strides = strides[0], 1
  return _gather(method, False, x, kernel, padding, strides, *dtypes)


@_strided.defjvp
def _strided_jvp(padding, strides, precision, preferred, primals, tangents):
  x, kernel = primals
  x_dot, kernel_dot = tangents
  settings = padding, strides, precision, preferred
  y = _strided(x, kernel, *settings)
  ones = (1,) * len(strides)
  chosen = methods.choose(
    x.shape[0], y.shape[1:-1], kernel.shape[-1], kernel.shape[-2],
    kernel.shape[:-2], strides, ones, transposed=False,
  )
  # The transpose of gathering is painting.
  by_x = _gather(chosen.paint, True, x_dot, kernel, *settings)
  if chosen.kernel == 'whole' or not y.size:
    by_kernel = lax.conv_general_dilated(
      x, kernel_dot, strides, padding,
      dimension_numbers=unit_stride.dimension_numbers(x.ndim),
      precision=precision, preferred_element_type=preferred,
    )
  elif chosen.kernel == 'parts':
    by_kernel = _in_parts(
      x, kernel_dot, strides, padding, chosen.parts, precision
    ).astype(y.dtype)
  elif chosen.kernel == 'swapped':  # Stride 1, where it makes no difference.
    by_kernel = swapped.transposed_convolution(
      x, kernel_dot, padding, strides, chosen.parts, precision
    ).astype(y.dtype)
  else:
    edges = []
    for n, m, k, s, (low, _) in zip(
      x.shape[1:], y.shape[1:], kernel.shape, strides, padding
    ):
      edges.append((low, (m - 1) * s + k - n - low))
    grid = columns.Grid(tuple(edges), y.shape[1:-1], strides, ones)
    by_kernel = columns.convolution(
      x, kernel_dot, grid, precision
    ).astype(y.dtype)
  return y, by_x + by_kernel


def _in_parts(x, kernel, strides, padding, parts, precision):
  """Returns the convolution, whose gradient for `kernel` stays in the cache."""
  # The transpose of this sums over all images: keep that in float32 at least.
  wide = jnp.promote_types(kernel.dtype, jnp.float32)
  kernel = kernel.astype(wide)
  return grouping.map_parts(
    lambda x: lax.conv_general_dilated(
      x, kernel, strides, padding, precision=precision,
      dimension_numbers=unit_stride.dimension_numbers(x.ndim),
    ),
    x.astype(wide),
    parts,
  )


def _gather(method, for_transpose, x, kernel, padding, strides, *dtypes):
  """Returns the convolution by one method."""
  ones = (1,) * len(strides)
  if method == 'direct':
    return _convolution(
      for_transpose, x, kernel, strides, padding, None, *dtypes
    )

  def convolve(x, kernel, padding):
    return unit_stride.convolution(
      x, kernel, padding, ones, 1, *dtypes, for_transpose=for_transpose
    )

  if method == 'stuffed':  # Stride 1.
    return convolve(x, kernel, padding)
  if method == 'apart':
    return apart.strided_convolution(convolve, x, kernel, padding, strides)
  return phases.strided_convolution(convolve, x, kernel, padding, strides)
