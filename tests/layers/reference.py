"""Convolutions by their definition.

`conv_transpose` is in NumPy: it loops over input elements and adds the kernel,
scaled by each. It shares no code with the layers except `shapes.windows`, which
tests compare with Flax, Keras and PyTorch.
"""

from collections.abc import Sequence
import functools
import itertools
import operator

import jax
import jax.numpy as jnp
import numpy as np

from autoencoder.layers import shapes


def conv_transpose(
  x: np.ndarray,
  kernel: np.ndarray,
  strides: shapes.Ints = 1,
  padding: shapes.Padding = 'SAME',
  *,
  kernel_dilation: shapes.Ints = 1,
  output_padding: shapes.Ints | None = None,
  output_shape: Sequence[int] | None = None,
  feature_group_count: int = 1,
  padding_convention: str = 'flax',
  transpose_kernel: bool = False,
) -> np.ndarray:
  """Returns the transposed convolution of `x`, in float64.

  Args:
    x: `[N, *spatial, C]` array.
    kernel: `[*kernel_size, C // groups, F]` array, or with `transpose_kernel`
      `[*kernel_size, F // groups, C]`.
    strides: as in `layers.conv_transpose`.
    padding: as in `layers.conv_transpose`.
    kernel_dilation: as in `layers.conv_transpose`.
    output_padding: as in `layers.conv_transpose`.
    output_shape: as in `layers.conv_transpose`.
    feature_group_count: as in `layers.conv_transpose`.
    padding_convention: as in `layers.conv_transpose`.
    transpose_kernel: as in `layers.conv_transpose`.

  Returns:
    `[N, *output, F]` float64 array.

  Reference:
    Dumoulin and Visin, arXiv:1603.07285, section 4.1.

  Example::

    >>> x = np.array([0., 1., 2.]).reshape(1, 3, 1)
    >>> kernel = np.array([1., 10.]).reshape(2, 1, 1)
    >>> y = conv_transpose(x, kernel, 2, 'VALID', transpose_kernel=True)
    >>> y.ravel().astype(int).tolist()
    [0, 0, 1, 10, 2, 20]
  """
  rank = kernel.ndim - 2
  size, spatial = kernel.shape[:rank], x.shape[1:-1]
  strides = shapes.per_axis(strides, rank, 'strides')
  dilation = shapes.per_axis(kernel_dilation, rank, 'kernel_dilation')
  windows = shapes.windows(
    spatial,
    size,
    strides,
    dilation,
    padding,
    output_padding=output_padding,
    output_shape=output_shape,
    convention=padding_convention,
    transpose_kernel=transpose_kernel,
  )
  x, kernel = np.float64(x), np.float64(kernel)
  groups = feature_group_count
  channels = x.shape[-1] // groups
  if transpose_kernel:
    features = kernel.shape[-2]
  else:
    kernel = np.flip(kernel, range(rank))
    features = kernel.shape[-1] // groups
  lengths = tuple(window.length for window in windows)
  y = np.zeros((x.shape[0], *lengths, groups * features))
  for place in itertools.product(*map(range, spatial)):
    for tap in itertools.product(*map(range, size)):
      target = tuple(
        i * s + t * d - window.start
        for i, s, t, d, window in zip(place, strides, tap, dilation, windows)
      )
      if padding == 'CIRCULAR':
        target = tuple(o % n for o, n in zip(target, lengths))
      elif any(not 0 <= o < n for o, n in zip(target, lengths)):
        continue  # Outside the window.
      for group in range(groups):
        inputs = slice(group * channels, (group + 1) * channels)
        outputs = slice(group * features, (group + 1) * features)
        if transpose_kernel:
          matrix = kernel[tap][:, inputs].T
        else:
          matrix = kernel[tap][:, outputs]
        element = x[(slice(None), *place, inputs)]
        y[(slice(None), *target, outputs)] += element @ matrix
  return y


def convolution_by_taps(
  x: jax.Array,
  kernel: jax.Array,
  strides: Sequence[int],
  padding: Sequence[tuple[int, int]],
  lhs_dilation: Sequence[int] = (1, 1),
) -> jax.Array:
  """Returns a convolution as a sum over kernel elements, two spatial axes.

  XLA's convolution is wrong for some paddings, see `xla_convolution`.
  """
  zeros = [(0, 0, 0), *((0, 0, d - 1) for d in lhs_dilation), (0, 0, 0)]
  x = jax.lax.pad(x, 0.0, zeros)
  edges = [(0, 0, 0), *((*pair, 0) for pair in padding), (0, 0, 0)]
  x = jax.lax.pad(x, 0.0, edges)
  rows, columns = (
    (n - k) // s + 1 for n, k, s in zip(x.shape[1:], kernel.shape, strides)
  )
  products = []
  for i in range(kernel.shape[0]):
    for j in range(kernel.shape[1]):
      part = x[:, i :: strides[0], j :: strides[1]][:, :rows, :columns]
      products.append(jnp.tensordot(part, kernel[i, j], 1, precision='highest'))
  return functools.reduce(operator.add, products)
