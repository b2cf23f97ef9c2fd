"""The stride-1 convolution every lowering ends in, with a fast derivative.

XLA on CPU runs a two-dimensional convolution near the matrix-multiply rate,
under conditions (`_for_fast_route`). Its weight gradient is a convolution whose
kernel is the whole cotangent, and slow as soon as that leaves the cache. Here
the *tangent* with respect to the kernel is written a few images at a time.
It is linear in the kernel, so reverse mode transposes it into the sum of as
many small weight gradients. Nothing but ordinary JAX operations are involved,
so forward mode, second derivatives, `vmap` and `jax.checkpoint` need no rules
of their own.
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
  settings = groups, precision, preferred_element_type
  if groups == 1 and math.prod(kernel.shape[:-2]) == 1:
    edges = [(0, 0, 0), *((low, high, 0) for low, high in padding), (0, 0, 0)]
    return lax.dot_general(
      lax.pad(x, jnp.zeros((), x.dtype), edges),
      kernel.reshape(kernel.shape[-2:]),
      (((x.ndim - 1,), (0,)), ((), ())),
      precision=precision,
      preferred_element_type=preferred_element_type,
    )
  if x.ndim == 3:  # XLA's fast route is for two spatial axes.
    y = _unit_convolution(
      x[:, None], kernel[None], ((0, 0), *padding), (1, *dilation), *settings
    )
    return y[:, 0]
  return _unit_convolution(x, kernel, padding, dilation, *settings)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2, 3, 4, 5, 6))
def _unit_convolution(
  x, kernel, padding, dilation, groups, precision, preferred_element_type
):
  settings = dilation, groups, precision, preferred_element_type
  if jax.default_backend() != 'cpu':
    return _convolution(x, kernel, padding, *settings)
  x, padding, extra = _for_fast_route(x, kernel.shape, padding, dilation)
  y = _convolution(x, kernel, padding, *settings)
  return lax.slice_in_dim(y, 0, y.shape[1] - extra, axis=1)


@_unit_convolution.defjvp
def _unit_convolution_jvp(
  padding, dilation, groups, precision, preferred_element_type, primals,
  tangents,
):
  x, kernel = primals
  x_dot, kernel_dot = tangents
  settings = dilation, groups, precision, preferred_element_type
  y = _unit_convolution(x, kernel, padding, *settings)
  by_kernel = _by_kernel(x, kernel_dot, y.shape, padding, *settings)
  return y, _by_images(x_dot, kernel, padding, *settings) + by_kernel


def _by_images(x, kernel, padding, dilation, *settings):
  """Returns the convolution, so that its transpose runs on the fast route."""
  if jax.default_backend() != 'cpu':
    return _convolution(x, kernel, padding, dilation, *settings)
  x, padding, extra = _for_fast_route(x, kernel.shape, padding, dilation)
  # What the transpose of this convolution, the gradient, will pad with.
  mirrored = [
    ((k - 1) * d - low, (k - 1) * d - high)
    for k, d, (low, high) in zip(kernel.shape, dilation, padding)
  ]
  if any(max(pair) > 0 for pair in mirrored):
    more = 0
  else:
    more = 1 - mirrored[0][1]
    x = _pad_rows(x, 0, more)
    padding = (padding[0][0], padding[0][1] - more), *padding[1:]
  y = _convolution(x, kernel, padding, dilation, *settings)
  return lax.slice_in_dim(y, 0, y.shape[1] - extra, axis=1)


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


def _pad_rows(x, low, high):
  edges = [(0, 0, 0)] * x.ndim
  edges[1] = (low, high, 0)
  return lax.pad(x, jnp.zeros((), x.dtype), edges)


def _for_fast_route(x, kernel_size, padding, dilation):
  """Rewrites a convolution so that XLA on CPU runs it fast.

  Two things make it slow: an output larger than the input (16x16x16 64->128
  2x2 padded by 1: 8 ms, 2 ms where the first row of zeros is part of the
  input), and no padding at all (16x66x66 32->32 3x3: 40 ms, 7 ms with one row
  more).

  Returns:
    Input, padding, and how many rows of the output to drop at the end.
  """
  edges, kept = [], []
  for k, d, (low, high) in zip(kernel_size, dilation, padding):
    grows = min(max(low + high - (k - 1) * d, 0), max(low, 0))
    edges.append((grows, 0, 0))
    kept.append((low - grows, high))
  if any(edge[0] for edge in edges):
    x = lax.pad(
      x, jnp.zeros((), x.dtype), [(0, 0, 0), *edges, (0, 0, 0)]
    )
    x = lax.optimization_barrier(x)  # Or XLA would move the padding back.
  extra = 0
  if not any(max(pair) > 0 for pair in kept):
    extra = 1 - kept[0][1]
    kept[0] = (kept[0][0], 1)
  return x, tuple(kept), extra


# The part of a cotangent that stays in the cache while it is a kernel.
# 64x32x32 32->64 2x2, weight gradient: 50 ms whole (17 MB), 71 ms in parts of
# 4 MB, 38 of 2 MB, 17 of 1 MB.
_CACHED_BYTES = 5 << 18


def _parts(out_shape: Sequence[int]) -> int:
  """Returns in how many parts of the batch to take the weight gradient.

  0 stands for a loop of matrix products instead.
  """
  images, features = out_shape[0], out_shape[-1]
  # Below a vector's width XLA's own is best: 16x64x64 32->12 2x2, 6 ms whole,
  # 12 ms in parts.
  if len(out_shape) != 4:
    return 0
  if features < 16:
    return 1
  wanted = -(-4 * math.prod(out_shape) // _CACHED_BYTES)
  for parts in range(wanted, min(images, 16) + 1):
    # A batch that a mesh splits over its devices stays where it is.
    if images % (parts * jax.device_count()) == 0:
      return parts
  return 0 if wanted > 1 and images % jax.device_count() == 0 else 1


def _by_kernel(
  x, kernel, out_shape, padding, dilation, groups, precision, preferred
):
  """Returns the convolution, so that its gradient for `kernel` is fast."""
  settings = dilation, groups, precision
  fast = groups == 1 and math.prod(out_shape) and x.size
  if not fast or jax.default_backend() != 'cpu':
    return _by_images(x, kernel, padding, *settings, preferred)
  dtype = jnp.result_type(x.dtype) if preferred is None else preferred
  parts = _parts(out_shape)
  if parts == 0:
    ones = (1,) * (x.ndim - 2)
    return sum_over_taps(
      x, kernel, out_shape, padding, ones, dilation, precision
    ).astype(dtype)
  # The transpose of this sums over all images: keep that in float32 at least.
  wide = jnp.promote_types(kernel.dtype, jnp.float32)
  x, padding, extra = _for_fast_route(x, kernel.shape, padding, dilation)
  x, kernel = x.astype(wide), kernel.astype(wide)
  x = x.reshape(-1, parts, *x.shape[1:])
  outputs = [
    _convolution(x[:, part], kernel, padding, *settings, None)
    for part in range(parts)
  ]
  y = outputs[0] if parts == 1 else jnp.stack(outputs, 1)
  y = y.reshape(out_shape[0], *y.shape[-3:])
  return lax.slice_in_dim(y, 0, out_shape[1], axis=1).astype(dtype)


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

  step = jax.device_count()
  group = next(
    (g for g in (4 * step, 3 * step, 2 * step, step) if x.shape[0] % g == 0), 1
  )
  # Recomputing the views keeps the derivative's memory at one group's.
  remade = jax.checkpoint(product, prevent_cse=False)
  groups = x.reshape(group, -1, *x.shape[1:]).swapaxes(0, 1)
  _, out = lax.scan(
    lambda _, images: (None, remade(images, taps)), None, groups
  )
  return out.swapaxes(0, 1).reshape(out_shape)
