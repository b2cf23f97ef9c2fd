"""The stride-1 convolution every lowering ends in, with a fast derivative.

XLA on CPU runs the forward convolution and its input gradient well, but its
weight gradient, a convolution whose window is a whole image, poorly. Here the
*tangent* with respect to the kernel is written as patches times kernel, one
matrix product per few images. It is linear in the kernel, so reverse mode
transposes it into `patches^T @ cotangent`: the weight gradient as a matrix
product. Nothing but ordinary JAX operations are involved, so forward mode,
second derivatives, `vmap` and `jax.checkpoint` need no rules of their own.
"""

from collections.abc import Sequence
import functools
import itertools
import math

import jax
from jax import lax
import jax.numpy as jnp


def dimension_numbers(ndim: int) -> lax.ConvDimensionNumbers:
  """Returns channels-last numbers: `N...C`, `...IO`, `N...C`."""
  spatial = tuple(range(1, ndim - 1))
  data = (0, ndim - 1) + spatial
  kernel = (ndim - 1, ndim - 2) + tuple(range(ndim - 2))
  return lax.ConvDimensionNumbers(data, kernel, data)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2, 3, 4, 5, 6))
def unit_convolution(
  x: jax.Array,
  kernel: jax.Array,
  padding: Sequence[tuple[int, int]],
  dilation: Sequence[int],
  groups: int,
  precision,
  preferred_element_type,
) -> jax.Array:
  """Returns the stride-1 convolution of `x` with `kernel`.

  Args:
    x: `[N, *spatial, C]` array.
    kernel: `[*kernel_size, C // groups, F]` array.
    padding: `(low, high)` zeros per spatial axis; negative ones crop.
    dilation: spacing of the kernel elements per spatial axis.
    groups: number of feature groups.
    precision: see `jax.lax.Precision`.
    preferred_element_type: dtype of the result, or `None`.

  Returns:
    `[N, *spatial, F]` array.
  """
  settings = dilation, groups, precision, preferred_element_type
  extra = _rows_against_slow_route(padding)
  if not extra:
    return _convolution(x, kernel, padding, *settings)
  (low, high), *others = padding
  y = _convolution(x, kernel, ((low, high + extra), *others), *settings)
  return lax.slice_in_dim(y, 0, y.shape[1] - extra, axis=1)


@unit_convolution.defjvp
def _unit_convolution_jvp(
  padding, dilation, groups, precision, preferred_element_type, primals,
  tangents,
):
  x, kernel = primals
  x_dot, kernel_dot = tangents
  settings = dilation, groups, precision, preferred_element_type
  y = unit_convolution(x, kernel, padding, *settings)
  if groups == 1 and y.size and jax.default_backend() == 'cpu':
    by_kernel = sum_over_taps(
      x, kernel_dot, y.shape, padding, (1,) * len(padding), dilation, precision
    ).astype(y.dtype)
  else:
    by_kernel = unit_convolution(x, kernel_dot, padding, *settings)
  # What the transpose of this convolution, the gradient, will pad with.
  mirrored = [
    ((k - 1) * d - low, (k - 1) * d - high)
    for k, d, (low, high) in zip(kernel.shape, dilation, padding)
  ]
  extra = _rows_against_slow_route(mirrored)
  if extra:
    edges = [(0, 0, 0)] * x.ndim
    edges[1] = (0, extra, 0)
    x_dot = lax.pad(x_dot, jnp.zeros((), x_dot.dtype), edges)
    (low, high), *others = padding
    padding = ((low, high - extra), *others)
  return y, _convolution(x_dot, kernel, padding, *settings) + by_kernel


def _convolution(
  x, kernel, padding, dilation, groups, precision, preferred_element_type
):
  return lax.conv_general_dilated(
    x,
    kernel,
    (1,) * (x.ndim - 2),
    padding,
    rhs_dilation=dilation,
    dimension_numbers=dimension_numbers(x.ndim),
    feature_group_count=groups,
    precision=precision,
    preferred_element_type=preferred_element_type,
  )


def _rows_against_slow_route(padding: Sequence[tuple[int, int]]) -> int:
  """Returns how many more rows at the end make one of them padding.

  XLA on CPU before 0.11 runs a convolution without padding on another route:
  16x65x65 32->64 2x2 takes 18 ms, with one row of zeros more 8 ms.
  """
  slow = jax.default_backend() == 'cpu' and jax.__version_info__ < (0, 11)
  if not slow or any(max(pair) > 0 for pair in padding):
    return 0
  return 1 - padding[0][1]


def sum_over_taps(
  x: jax.Array,
  kernel: jax.Array,
  out_shape: Sequence[int],
  padding: Sequence[tuple[int, int]],
  strides: Sequence[int],
  dilation: Sequence[int],
  precision,
) -> jax.Array:
  """Returns the convolution as a sum of matrix products, group by group.

  It is for the sake of its transpose with respect to `kernel`, which is one
  matrix product per tap; as a forward convolution it is slow.

  Args:
    x: `[N, *spatial, C]` array.
    kernel: `[*kernel_size, C, F]` array.
    out_shape: shape of the result.
    padding: `(low, high)` zeros per spatial axis; negative ones crop.
    strides: input elements between neighbouring outputs.
    dilation: spacing of the kernel elements per spatial axis.
    precision: see `jax.lax.Precision`.

  Returns:
    `[N, *spatial, F]` array, float32 or wider.
  """
  *size, channels, features = kernel.shape
  # The transpose of this sums over all images: keep that in float32 at least.
  wide = jnp.promote_types(kernel.dtype, jnp.float32)
  taps = lax.split(
    kernel.astype(wide).reshape(-1, features), (channels,) * math.prod(size)
  )
  starts = list(
    itertools.product(*(range(0, k * d, d) for k, d in zip(size, dilation)))
  )

  def product(images, taps):
    images = lax.pad(
      images.astype(wide),
      jnp.zeros((), wide),
      [(0, 0, 0), *((low, high, 0) for low, high in padding), (0, 0, 0)],
    )
    total = 0
    for start, tap in zip(starts, taps):
      view = lax.slice(
        images,
        (0, *start, 0),
        (
          images.shape[0],
          *(
            first + (length - 1) * stride + 1
            for first, length, stride in zip(start, out_shape[1:-1], strides)
          ),
          channels,
        ),
        (1, *strides, 1),
      )
      total += lax.dot_general(
        view, tap, (((view.ndim - 1,), (0,)), ((), ())), precision=precision
      )
    return total

  group = next(g for g in (4, 3, 2, 1) if x.shape[0] % g == 0)
  # Recomputing the views keeps the derivative's memory at one group's.
  remade = jax.checkpoint(product, prevent_cse=False)
  groups = x.reshape(x.shape[0] // group, group, *x.shape[1:])
  _, out = lax.scan(
    lambda _, images: (None, remade(images, taps)), None, groups
  )
  return out.reshape(out_shape)
