"""XLA's convolution, for paddings that crop as well.

Where an axis is cropped before and padded behind, as by `(-1, 1)`, and the
other is not padded or likewise, XLA on CPU returns memory that nobody has
written to (jaxlib 0.10.2, Eigen and YNNPACK). The gradient for the image has
such a padding where the convolution pads with more than its kernel reaches.
Neither reaches XLA from here.
"""

from collections.abc import Sequence
import numbers

import jax
from jax import lax
import jax.numpy as jnp


def convolution(
  x: jax.Array,
  kernel: jax.Array,
  strides: Sequence[int],
  padding: Sequence[tuple[int, int]],
  *,
  lhs_dilation: Sequence[int] | None = None,
  rhs_dilation: Sequence[int] | None = None,
  dimension_numbers,
  **options,
) -> jax.Array:
  """Returns `lax.conv_general_dilated` of the same arguments.

  Args:
    x: array of images, `[N, *spatial, C]` in the order `dimension_numbers` say.
    kernel: `[*kernel_size, C, F]` array, likewise; the dtype of `x`.
    strides: of the result, per spatial axis.
    padding: `(low, high)` zeros per spatial axis; negative ones crop.
    lhs_dilation: spacing of the elements of `x`, or `None`.
    rhs_dilation: spacing of the elements of `kernel`, or `None`.
    dimension_numbers: as in `lax.conv_general_dilated`.
    **options: further arguments of `lax.conv_general_dilated`.

  Returns:
    `[N, *output, F]` array, in that order as well.

  Example::

    >>> import jax.numpy as jnp
    >>> x, kernel = jnp.ones((1, 3, 3, 1)), jnp.ones((1, 1, 1, 1))
    >>> numbers = ('NHWC', 'HWIO', 'NHWC')
    >>> y = convolution(
    ...     x, kernel, (1, 1), ((-1, 1),) * 2, dimension_numbers=numbers)
    >>> y[0, 0, :, 0].astype(int).tolist()
    [1, 1, 0]
  """
  axes = lax.conv_dimension_numbers(x.shape, kernel.shape, dimension_numbers)
  ones = (1,) * len(strides)
  spread = ones if lhs_dilation is None else lhs_dilation
  apart = ones if rhs_dilation is None else rhs_dilation

  def convolve(x, padding):
    return lax.conv_general_dilated(
      x, kernel, strides, padding, lhs_dilation=lhs_dilation,
      rhs_dilation=rhs_dilation, dimension_numbers=axes, **options,
    )  # fmt: skip

  kept, cropped, blind = list(padding), [0] * x.ndim, [0] * x.ndim
  for i, (low, high) in enumerate(padding):
    if not isinstance(low, numbers.Integral):  # Of sizes left open.
      continue
    reach = (kernel.shape[axes.rhs_spec[2 + i]] - 1) * apart[i]
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
  if any(count and count >= size for count, size in counts):
    return jnp.zeros(whole.shape, whole.dtype)
  y = convolve(lax.slice(x, cropped, x.shape), kept)
  edges = [(count, 0, 0) for count in blind]
  return lax.pad(y, jnp.zeros((), y.dtype), edges)
