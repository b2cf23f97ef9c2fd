"""The transposed convolution as a function; its layer is in `transpose_layer`.

All arrays are channels-last, `[*batch, *spatial, channels]`, with 1 to 3
spatial axes and any number of batch axes, also none.
"""

from collections.abc import Sequence
import math
from typing import Any

import jax
import jax.numpy as jnp

from autoencoder.layers import shapes
from autoencoder.layers.lowerings import backend
from autoencoder.layers.lowerings import planned


def conv_transpose_shape(
  spatial: Sequence[int],
  kernel_size: Sequence[int],
  strides: shapes.Ints | None = 1,
  padding: shapes.Padding = 'SAME',
  *,
  kernel_dilation: shapes.Ints | None = 1,
  output_padding: shapes.Ints | None = None,
  output_shape: shapes.Ints | None = None,
  padding_convention: str = 'flax',
) -> tuple[int, ...]:
  """Returns the spatial shape of a transposed convolution's output.

  Per axis, `n` inputs cover `(n - 1) * stride + extent` elements, where
  `extent = dilation * (kernel_size - 1) + 1`, and padding keeps a part:

  - `'SAME'`: `n * stride`; a forward `'SAME'` convolution maps it back to `n`;
  - `'VALID'`: all of it, and at least `n * stride`;
  - `'CIRCULAR'`, `'CAUSAL'`: `n * stride`;
  - `(low, high)` of Flax: zeros around the stride-dilated input, so
    `(n - 1) * stride + low + high + 2 - extent`;
  - `(low, high)` of PyTorch: padding of the forward convolution, cropped here.

  A forward convolution of stride `s` maps `s` sizes to the same `n`.
  `output_padding` counts up from the smallest, `output_shape` names one.

  NOTE: `'SAME'` with `output_padding=0` is therefore `(n - 1) * stride + 1`,
  not the default; Keras does the same (and counts from one less if `extent` is
  even).

  Args:
    spatial: spatial shape of the input.
    kernel_size: kernel elements per spatial axis.
    strides: stride, or one per spatial axis.
    padding: a name, an integer, or integers or pairs per spatial axis.
    kernel_dilation: spacing of kernel elements, or one per spatial axis.
    output_padding: elements beyond the smallest size, or one per spatial axis.
    output_shape: wanted spatial shape; an integer applies to every axis.
    padding_convention: `'flax'`, `'keras'` or `'torch'`.

  Returns:
    The spatial shape, a tuple of integers.

  Raises:
    ValueError: if no forward convolution maps that output to `spatial`.

  Reference:
    Dumoulin and Visin, A guide to convolution arithmetic for deep learning,
    arXiv:1603.07285, relationships 8 to 14.

  Example::

    >>> conv_transpose_shape((2, 2), (3, 3), 2, 'VALID')
    (5, 5)
    >>> conv_transpose_shape((8,), (4,), 2, 1, padding_convention='torch')
    (16,)
    >>> conv_transpose_shape((8,), (4,), 2, output_shape=(15,))
    (15,)
  """
  rank = len(kernel_size)
  if len(spatial) != rank:
    raise ValueError(
      'kernel_size and spatial need one entry per spatial axis each, '
      f'got kernel_size={tuple(kernel_size)} and spatial={tuple(spatial)}.'
    )
  windows = shapes.windows(
    spatial,
    kernel_size,
    shapes.per_axis(strides, rank, 'strides'),
    shapes.per_axis(kernel_dilation, rank, 'kernel_dilation'),
    padding,
    output_padding=output_padding,
    output_shape=output_shape,
    convention=padding_convention,
  )
  return tuple(window.length for window in windows)


def conv_transpose(
  x: jax.Array,
  kernel: jax.Array,
  strides: shapes.Ints | None = 1,
  padding: shapes.Padding = 'SAME',
  *,
  kernel_dilation: shapes.Ints | None = 1,
  output_padding: shapes.Ints | None = None,
  output_shape: shapes.Ints | None = None,
  feature_group_count: int = 1,
  padding_convention: str = 'flax',
  transpose_kernel: bool = False,
  precision: Any = None,
  preferred_element_type: Any = None,
) -> jax.Array:
  """Adds one copy of the kernel, scaled by the element, per input element.

  This is the transpose of the forward convolution, the strided convolution with
  the same arguments, which maps the output's shape back to the input's:
  `<forward(a), b> = <a, conv_transpose(b)>` with `transpose_kernel=True`.

  NOTE: As in Flax, the kernel is flipped unless `transpose_kernel`. Kernels of
  Keras, and of PyTorch after `(2, 3, 1, 0)` or its like, need
  `transpose_kernel=True`; `padding_convention` changes the alignment only. On
  CPU forward mode (`jax.jvp`) may be slower than that of `lax.conv_transpose`.

  Args:
    x: `[*batch, *spatial, C]` array.
    kernel: `[*kernel_size, C // groups, F]` array, or with `transpose_kernel`
      that of the forward convolution, `[*kernel_size, F // groups, C]`.
    strides: enlargement, or one per spatial axis.
    padding: `'SAME'`, `'VALID'`, `'CIRCULAR'`, `'CAUSAL'`, an integer, or
      integers or `(low, high)` pairs per spatial axis; see
      `conv_transpose_shape`.
    kernel_dilation: spacing of kernel elements, or one per spatial axis.
    output_padding: elements beyond the smallest size, or one per spatial axis.
    output_shape: wanted spatial shape, instead of `output_padding`; an integer
      applies to every axis.
    feature_group_count: number of groups channels and features are split into.
    padding_convention: framework that defines `padding` and `output_padding`:
      `'flax'`, `'keras'` or `'torch'`.
    transpose_kernel: whether `kernel` is that of the forward convolution.
    precision: see `jax.lax.Precision`.
    preferred_element_type: dtype of the result, `None` for that of `x`.

  Returns:
    `[*batch, *output, F]` array, `output` as in `conv_transpose_shape`.

  Raises:
    ValueError: if ranks, channels, groups or sizes do not fit.

  Reference:
    Dumoulin and Visin, arXiv:1603.07285, section 4; Shi et al.,
    arXiv:1609.07009, for the equivalence with a sub-pixel convolution.

  Example::

    >>> import jax.numpy as jnp
    >>> x = jnp.array([[0., 1.], [2., 3.]]).reshape(2, 2, 1)
    >>> kernel = jnp.array([[0., 1.], [2., 3.]]).reshape(2, 2, 1, 1)
    >>> y = conv_transpose(x, kernel, padding='VALID', transpose_kernel=True)
    >>> y[..., 0].astype(int).tolist()
    [[0, 0, 1], [0, 4, 6], [4, 12, 9]]
  """
  # As in `jax.lax`, NumPy's 64-bit types become JAX's default types.
  x, kernel = jnp.asarray(x), jnp.asarray(kernel)
  rank = kernel.ndim - 2
  if not 1 <= rank <= 3 or x.ndim < rank + 1:
    raise ValueError(
      'kernel needs 1 to 3 spatial axes and two of channels, x as many spatial '
      f'axes and one of channels; got kernel {kernel.shape}, x {x.shape}.'
    )
  groups = feature_group_count
  channels = x.shape[-1]
  split = kernel.shape[-2]  # The axis of the kernel that groups divide.
  features = split * groups if transpose_kernel else kernel.shape[-1]
  inputs = kernel.shape[-1] if transpose_kernel else split * groups
  if groups < 1 or channels != inputs or channels % groups or features % groups:
    raise ValueError(
      f'x {x.shape} with {channels} channels does not fit kernel '
      f'{kernel.shape} with feature_group_count={groups} and '
      f'transpose_kernel={transpose_kernel}.'
    )
  strides = shapes.per_axis(strides, rank, 'strides')
  dilation = shapes.per_axis(kernel_dilation, rank, 'kernel_dilation')
  batch, spatial = x.shape[: -rank - 1], x.shape[-rank - 1 : -1]
  windows = shapes.windows(
    spatial,
    kernel.shape[:rank],
    strides,
    dilation,
    padding,
    output_padding=output_padding,
    output_shape=output_shape,
    convention=padding_convention,
    transpose_kernel=transpose_kernel,
  )
  if 0 in (*spatial, channels):  # A sum of nothing.
    dtype = preferred_element_type or jnp.result_type(x, kernel)
    lengths = [window.length for window in windows]
    zero = backend.varying_zero(x, kernel).astype(dtype)
    return jnp.broadcast_to(zero, (*batch, *lengths, features))
  x = x.reshape(math.prod(batch), *spatial, channels)
  if transpose_kernel:
    kernel = _untransposed(kernel, groups)
  if padding == 'CIRCULAR':
    x, windows = _unrolled(x, kernel.shape, strides, dilation, windows)
  y = planned.transposed_convolution(
    x,
    kernel,
    windows,
    strides,
    dilation,
    groups,
    precision,
    preferred_element_type,
  )
  return y.reshape(*batch, *y.shape[1:])


def _untransposed(kernel: jax.Array, groups: int) -> jax.Array:
  """Returns a forward kernel as the flipped `[*size, C // groups, F]`."""
  rank = kernel.ndim - 2
  kernel = jnp.flip(kernel, range(rank))
  size, (features, channels) = kernel.shape[:rank], kernel.shape[rank:]
  kernel = kernel.reshape(*size, features, groups, channels // groups)
  kernel = kernel.transpose(*range(rank), rank + 2, rank + 1, rank)
  return kernel.reshape(*size, channels // groups, groups * features)


def _unrolled(x, kernel_shape, strides, dilation, windows):
  """Continues `x` periodically as far as it reaches each window."""
  edges, moved = [(0, 0)], []
  for n, k, s, d, window in zip(
    x.shape[1:], kernel_shape, strides, dilation, windows
  ):
    before = (d * (k - 1) - window.start) // s
    after = (window.start + window.length - 1) // s - (n - 1)
    edges.append((max(before, 0), max(after, 0)))
    moved.append(window._replace(start=window.start + edges[-1][0] * s))
  return jnp.pad(x, [*edges, (0, 0)], mode='wrap'), moved
