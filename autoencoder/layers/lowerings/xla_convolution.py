"""XLA's convolution, also for paddings that it gets wrong.

If an axis is cropped before and padded behind, as by `(-1, 1)`, and the other
axis is not padded or likewise, XLA on CPU returns uninitialised memory (jaxlib
0.10.2, Eigen and YNNPACK). The input gradient has such a padding if the
convolution pads with more than its kernel reaches. Neither reaches XLA here.
"""

from collections.abc import Sequence
import numbers
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp


def channels_last(ndim: int) -> lax.ConvDimensionNumbers:
  """Returns the dimension numbers `N...C`, `...IO`, `N...C`."""
  spatial = tuple(range(1, ndim - 1))
  data = (0, ndim - 1) + spatial
  kernel = (ndim - 1, ndim - 2) + tuple(range(ndim - 2))
  return lax.ConvDimensionNumbers(data, kernel, data)


def convolution(
  x: jax.Array,
  kernel: jax.Array,
  padding: Sequence[tuple[int, int]],
  *,
  strides: Sequence[int] | None = None,
  lhs_dilation: Sequence[int] | None = None,
  rhs_dilation: Sequence[int] | None = None,
  dimension_numbers: Any = None,
  **options: Any,
) -> jax.Array:
  """Returns `lax.conv_general_dilated` of the same arguments.

  Example::

    >>> import jax.numpy as jnp
    >>> x, kernel = jnp.ones((1, 3, 3, 1)), jnp.ones((1, 1, 1, 1))
    >>> convolution(x, kernel, ((-1, 1),) * 2)[0, 0, :, 0].astype(int).tolist()
    [1, 1, 0]
  """
  ones = (1,) * len(padding)
  strides, spread = strides or ones, lhs_dilation or ones
  spacing = rhs_dilation or ones
  axes = lax.conv_dimension_numbers(
    x.shape, kernel.shape, dimension_numbers or channels_last(x.ndim)
  )

  def convolve(x, padding):
    return lax.conv_general_dilated(
      x, kernel, strides, padding, lhs_dilation=lhs_dilation,
      rhs_dilation=rhs_dilation, dimension_numbers=axes, **options,
    )  # fmt: skip

  kept, cropped, blind = list(padding), [0] * x.ndim, [0] * x.ndim
  for i, (low, high) in enumerate(padding):
    if not isinstance(low, numbers.Integral):  # A size that is left open.
      continue
    reach = (kernel.shape[axes.rhs_spec[2 + i]] - 1) * spacing[i]
    if low > reach:  # The first results see padding alone.
      count = -((reach - low) // strides[i])
      blind[axes.out_spec[2 + i]] = count
      low -= count * strides[i]
    if low < 0 and not (isinstance(high, numbers.Integral) and high <= 0):
      count = -(low // spread[i])
      cropped[axes.lhs_spec[2 + i]] = count
      low += count * spread[i]
    kept[i] = low, high
  if not any(cropped) and not any(blind):
    return convolve(x, padding)
  whole = jax.eval_shape(lambda x: convolve(x, padding), x)
  counts = zip((*cropped, *blind), (*x.shape, *whole.shape))
  # A size may be left open (`jax.export`).
  if any(count and isinstance(n, int) and count >= n for count, n in counts):
    return jnp.zeros(whole.shape, whole.dtype)
  y = convolve(lax.slice(x, cropped, x.shape), kept)
  edges = [(count, 0, 0) for count in blind]
  return lax.pad(y, jnp.zeros((), y.dtype), edges)
