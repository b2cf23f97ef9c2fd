"""A transposed convolution with the kernel for an image and images for kernel.

The same sums, written so that reverse mode makes another convolution of the
kernel's gradient: over the canvas, with the small images as its kernel. As
forward convolutions they are slow.
"""

from collections.abc import Sequence

import jax
from jax import lax
import jax.numpy as jnp

from autoencoder.layers.lowerings import grouping
from autoencoder.layers.lowerings import xla_convolution

# The kernel's features are a batch, the images are features.
_NUMBERS = lax.ConvDimensionNumbers((3, 2, 0, 1), (0, 3, 1, 2), (3, 0, 1, 2))


def transposed_convolution(
  x: jax.Array,
  kernel: jax.Array,
  padding: Sequence[tuple[int, int]],
  strides: Sequence[int],
  precision,
  strips: int = 1,
) -> jax.Array:
  """Returns the transposed convolution, whose gradient for `kernel` is fast.

  Args:
    x: `[N, H, W, C]` array.
    kernel: `[kh, kw, C, F]` array, its last element painted first.
    padding: `(low, high)` zeros around the stride-dilated `x`, per axis.
    strides: canvas elements between neighbouring inputs.
    precision: see `jax.lax.Precision`.
    strips: of rows of `x`, one after the other, so that the gradient for
      `kernel` finds them in the cache.

  Returns:
    `[N, H', W', F]` array, float32 or wider.
  """
  (low, high), columns = padding
  stride, rows = strides[0], x.shape[1]
  reach = [k - 1 for k in kernel.shape[:2]]
  usual = all(
    0 <= p <= most for pair, most in zip(padding, reach) for p in pair
  )
  if strips == 1 or not usual or sum(columns) == 2 * reach[1]:
    return _whole(
      xla_convolution.convolution, x, kernel, padding, strides, precision
    )
  # A strip's gradient crops the canvas, wrongly by XLA (see `any_padding`) but
  # where columns are padded, as they are here; what `any_padding` does about it
  # is wrong with a mesh that splits images unevenly.
  total = 0
  for first, end in grouping.strips(rows, strips):
    # Around it zeros up to the whole result: of parts added to it, with a mesh
    # that splits rows, XLA makes a wrong gradient.
    edges = low + first * stride, high + (rows - end) * stride
    strip = lax.slice_in_dim(x, first, end, axis=1)
    total += _whole(
      lax.conv_general_dilated, strip, kernel, (edges, columns), strides,
      precision,
    )  # fmt: skip
  return total


def _whole(convolve, x, kernel, padding, strides, precision):
  """Returns it as one convolution."""
  # The transpose of this sums over all images: keep that in float32 at least.
  wide = jnp.promote_types(kernel.dtype, jnp.float32)
  if isinstance(precision, tuple):
    precision = precision[::-1]
  edges = []
  for n, k, s, (low, high) in zip(x.shape[1:], kernel.shape, strides, padding):
    span = (n - 1) * s  # From the first to the last element of `x`.
    edges.append((span + 1 - k + low, span + 1 - k + high))
  kernel = jnp.flip(kernel.astype(wide), (0, 1))
  return convolve(
    kernel,
    jnp.flip(x.astype(wide), (1, 2)),
    (1, 1),
    edges,
    rhs_dilation=strides,
    dimension_numbers=_NUMBERS,
    precision=precision,
  )
