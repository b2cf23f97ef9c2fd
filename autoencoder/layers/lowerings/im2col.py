"""The gradient for a kernel as one matrix product per group of images.

What XLA makes of this gradient, a convolution whose kernel is a whole image, is
slow for few pixels and, by Eigen with a stride, for few images, and copies more
than it need where windows do not overlap. Here each group of images is laid out
as a matrix with the elements under the kernel side by side (im2col; Chellapilla
et al., High performance convolutional neural networks for document processing,
2006) and multiplied by the other operand, so that no more than a group's matrix
is held at a time.

Both functions compute a *convolution*, written so that its transpose with
respect to the kernel, which is what reverse mode derives, is that product. As
forward convolutions they are slow. They are ordinary JAX operations, so forward
mode, second derivatives, `vmap` and `jax.checkpoint` need no rules.
"""

from collections.abc import Callable
from collections.abc import Sequence
import math
from typing import NamedTuple

import jax
from jax import lax
import jax.numpy as jnp

from autoencoder.layers.lowerings import choose
from autoencoder.layers.lowerings import grouping
from autoencoder.layers.lowerings import polyphase

# What a group's matrix may take: it should stay in the cache. 16x32x32 64->32
# 3x3 / 2: 15 ms in groups of 1 MB, 12 of 5 MB; 5x5 / 2: 27 ms of 3 MB, 74 of
# 13 MB.
_GROUP_BYTES = 5 << 20

# More kernel elements along an axis take long to compile: 8x256 128->64 16 / 8
# compiles in 1.1 s, 0.3 by phases.
_MANY_TAPS = 8


class Grid(NamedTuple):
  """How the kernel lies on the large grid.

  Attributes:
    edges: `(low, high)` zeros around the large grid, negative to crop, so that
      all of it is under the kernel of some element of the small grid.
    sizes: spatial shape of the small grid.
    strides: large-grid elements between neighbouring small-grid elements.
    dilation: large-grid elements between neighbouring kernel elements.
  """

  edges: tuple[tuple[int, int], ...]
  sizes: tuple[int, ...]
  strides: tuple[int, ...]
  dilation: tuple[int, ...]


def transposed_convolution(
  x: jax.Array,
  kernel: jax.Array,
  out_shape: Sequence[int],
  grid: Grid,
  precision,
) -> jax.Array:
  """Returns the transposed convolution, whose gradient for `kernel` is fast.

  Args:
    x: `[N, *sizes, C]` array.
    kernel: `[*kernel_size, C, F]` array, its last element painted first.
    out_shape: shape of the result, the large grid.
    grid: how the kernel lies on it.
    precision: see `jax.lax.Precision`.

  Returns:
    `[N, *spatial, F]` array, float32 or wider.
  """
  wide = jnp.promote_types(kernel.dtype, jnp.float32)
  kernel = jnp.flip(kernel, range(kernel.ndim - 2)).swapaxes(-1, -2)
  layout = _layout(kernel.astype(wide), grid)
  channels = x.shape[-1]

  def paint(x):
    x = x.astype(wide).reshape(-1, channels)
    total = 0
    for rows, matrix in layout.parts:
      y = lax.dot_general(
        x, matrix, (((1,), (0,)), ((), ())), precision=precision
      )
      y = y.reshape(-1, *grid.sizes, matrix.shape[1])
      spread = jax.linear_transpose(
        lambda image, rows=rows: layout.columns(image, rows),
        jax.ShapeDtypeStruct((y.shape[0], *out_shape[1:]), wide),
      )
      total += spread(y)[0]
    return total

  return grouping.map_groups(paint, x, layout.bytes_per_image, _GROUP_BYTES)


def convolution(
  x: jax.Array, kernel: jax.Array, grid: Grid, precision
) -> jax.Array:
  """Returns the strided convolution, whose gradient for `kernel` is fast.

  Args:
    x: `[N, *spatial, C]` array, the large grid.
    kernel: `[*kernel_size, C, F]` array.
    grid: how the kernel lies on it.
    precision: see `jax.lax.Precision`.

  Returns:
    `[N, *sizes, F]` array, float32 or wider.
  """
  wide = jnp.promote_types(kernel.dtype, jnp.float32)
  layout = _layout(kernel.astype(wide), grid)

  def gather(x):
    total = 0
    for rows, matrix in layout.parts:
      columns = layout.columns(x.astype(wide), rows)
      total += lax.dot_general(
        columns,
        matrix,
        (((columns.ndim - 1,), (1,)), ((), ())),
        precision=precision,
      )
    return total

  # Made again in the derivative, columns need not be kept until then.
  gather = jax.checkpoint(gather, prevent_cse=False)
  return grouping.map_groups(gather, x, layout.bytes_per_image, _GROUP_BYTES)


class _Layout(NamedTuple):
  """Columns of an image, and the kernel's matrix in the same order.

  Attributes:
    columns: `columns(image, rows)`, `[N, *sizes, columns]`.
    parts: rows of the kernel, which are elements along its first axis of more
      than one, and the part of its matrix for them, `[small, columns]`.
    bytes_per_image: what the columns of one part take.
  """

  columns: Callable[[jax.Array, Sequence[int]], jax.Array]
  parts: list[tuple[Sequence[int], jax.Array]]
  bytes_per_image: int


def _layout(kernel: jax.Array, grid: Grid) -> _Layout:
  """Chooses how to lay out an image for `[*kernel_size, large, small]`."""
  edges, sizes, strides, dilation = grid
  size, channels = kernel.shape[:-2], kernel.shape[-2]
  # What phases multiply for each product needed.
  excess = math.prod(-(-k // s) * s / k for k, s in zip(size, strides))
  by_phases = (
    max(strides) > 1
    and max(dilation) == 1
    and (
      channels < choose.NARROW
      or max(size) > choose.MOST_TAPS
      or (max(size) > _MANY_TAPS and excess < 1.25)
    )
  )
  steps = strides
  if by_phases:
    # Reads the pixels of a stride at once: 16x32x32 32->3 4x4 / 2, 0.9 ms
    # instead of 1.4.
    edges = tuple(
      (low, high - k + -(-k // s) * s)
      for (low, high), k, s in zip(edges, size, strides)
    )
    kernel = polyphase.gathering_kernel(kernel, strides)
    size, steps = kernel.shape[:-2], (1,) * len(strides)
  outer = next((axis for axis, k in enumerate(size) if k > 1), 0)

  def columns(image, rows):
    image = polyphase.pad_spatial(image, [(0, 0), *edges])
    if by_phases:
      image = polyphase.pixels_to_phases(image, strides)
    # Axis by axis, the last first, for the order the kernel has its elements
    # in: as many operations as it has sides, where a view for every element
    # takes twice as long to compile.
    for axis in reversed(range(len(size))):
      taps = rows if axis == outer else range(size[axis])
      whole = (axis + 2, steps[axis], dilation[axis]) == (
        image.ndim - 1,
        len(taps),
        1,
      )
      if whole and image.shape[axis + 1] == sizes[axis] * steps[axis]:
        # Neighbours in memory, side by side already.
        image = image.reshape(*image.shape[: axis + 1], sizes[axis], -1)
        continue
      span = (sizes[axis] - 1) * steps[axis] + 1
      views = []
      for tap in taps:
        start = tap * dilation[axis]
        views.append(
          lax.slice_in_dim(
            image, start, start + span, steps[axis], axis=1 + axis
          )
        )
      image = lax.concatenate(views, image.ndim - 1)
    return image

  matrix = kernel.reshape(size[outer], -1, kernel.shape[-1])
  per_row = matrix.dtype.itemsize * math.prod(sizes) * matrix.shape[1]
  count = min(max(_GROUP_BYTES // per_row, 1), size[outer])
  if size == tuple(steps):
    count = 1  # Rows that do not overlap need not be copied twice.
  parts = []
  for first in range(0, size[outer], count):
    part = matrix[first : first + count]
    rows = range(first, first + part.shape[0])
    # Its gradient is a product that XLA on CPU runs faster with the wide side
    # last: 288 x 32768 by 32768 x 64 in 19.9 ms, the other way around 13.7. The
    # barrier keeps XLA from turning it back.
    part = part.reshape(-1, part.shape[-1]).T
    parts.append((rows, lax.optimization_barrier(part)))
  return _Layout(columns, parts, per_row * count)
