"""Initialisers for upsampling layers that preserve variance or symmetry."""

from collections.abc import Callable
from collections.abc import Sequence
import math

import jax
import jax.numpy as jnp

Initializer = Callable[..., jax.Array]

# Standard deviation of a normal distribution truncated at two deviations.
_TRUNCATED_STD = 0.87962566103423978


def transposed_kernel_init(
  strides: Sequence[int],
  *,
  kernel_dilation: Sequence[int] | None = None,
  transpose_kernel: bool = False,
  feature_group_count: int = 1,
) -> Initializer:
  """Returns LeCun-normal initialisation for a transposed convolution.

  NOTE: Flax counts every kernel element as fan-in, but only about one in
  `prod(strides)` reaches a given output, so that its outputs shrink by the
  square root of that: to standard deviation 1/2 at stride 2 in two dimensions.
  Here each element is scaled by the number of elements that share its output
  phase. Every phase starts with unit gain, even if the kernel size is no
  multiple of the stride, for which Flax's initial kernel makes a checkerboard.

  Args:
    strides: strides of the layer, one per spatial axis.
    kernel_dilation: dilation of the layer, one per spatial axis.
    transpose_kernel: whether the last two axes of the kernel are `[out, in]`.
    feature_group_count: number of feature groups of the layer.

  Returns:
    `init(key, shape, dtype)`, as in `jax.nn.initializers`.

  Reference:
    LeCun et al., Efficient BackProp, 1998, equation 16; Aitken et al.,
    arXiv:1707.02937, on the checkerboard at initialisation.

  Example::

    >>> import jax
    >>> init = transposed_kernel_init((2, 2))
    >>> kernel = init(jax.random.key(0), (4, 4, 64, 64), 'float32')
    >>> round(float(kernel.var()) * 64 * 2 * 2, 1)
    1.0
  """
  dilation = kernel_dilation or (1,) * len(strides)

  def init(key, shape, dtype=jnp.float32):
    inputs = shape[-2]
    if transpose_kernel:
      inputs = shape[-1] // feature_group_count
    fan_in = jnp.full((1,) * len(shape), inputs, jnp.float32)
    for axis, (stride, spacing) in enumerate(zip(strides, dilation)):
      # Elements `period` apart reach the same phase.
      period = stride // math.gcd(stride, spacing)
      size = shape[axis]
      shared = [len(range(t % period, size, period)) for t in range(size)]
      column = [1] * len(shape)
      column[axis] = size
      fan_in = fan_in * jnp.asarray(shared, jnp.float32).reshape(column)
    if jnp.issubdtype(dtype, jnp.complexfloating):
      # A complex draw of `jax.nn.initializers`, of unit variance in total.
      draw = jax.nn.initializers.variance_scaling(
        math.prod(shape[:-1]), 'fan_in', 'truncated_normal'
      )
      return (fan_in**-0.5).astype(dtype) * draw(key, shape, dtype)
    scale = (fan_in**-0.5 / _TRUNCATED_STD).astype(dtype)
    return scale * jax.random.truncated_normal(key, -2, 2, shape, dtype)

  return init


def icnr(
  init: Initializer,
  factors: Sequence[int],
  *,
  feature_group_count: int = 1,
) -> Initializer:
  """Returns an initialiser for a sub-pixel convolution without checkerboard.

  All `prod(factors)` phases of an output channel start equal, so that the
  layer starts as a convolution followed by nearest-neighbour upsampling.

  Args:
    init: initialiser of the kernel of one phase.
    factors: enlargement per spatial axis.
    feature_group_count: number of feature groups of the layer.

  Returns:
    `init(key, shape, dtype)` for a kernel `[*size, C, prod(factors) * F]`. The
    phase is the slower part of the last axis, within a group if there are
    groups, as in `SubpixelConv`.

  Reference:
    Aitken et al., Checkerboard artifact free sub-pixel convolution,
    arXiv:1707.02937, section 3.2.

  Example::

    >>> import jax
    >>> init = icnr(jax.nn.initializers.lecun_normal(), (2, 2))
    >>> kernel = init(jax.random.key(0), (3, 3, 8, 4 * 5), 'float32')
    >>> bool((kernel[..., :5] == kernel[..., 5:10]).all())
    True
  """
  phases = math.prod(factors)

  def repeated(key, shape, dtype=jnp.float32):
    kernel = init(key, (*shape[:-1], shape[-1] // phases), dtype)
    features = kernel.shape[-1] // feature_group_count
    kernel = kernel.reshape(*shape[:-1], feature_group_count, features)
    return jnp.tile(kernel, (1,) * len(shape) + (phases,)).reshape(shape)

  return repeated


def equal_phases(init: Initializer, strides: Sequence[int]) -> Initializer:
  """Returns an initialiser for a transposed kernel without checkerboard.

  The counterpart of `icnr`: all `prod(strides)` phases start equal, so that the
  layer starts as a convolution followed by nearest-neighbour upsampling.

  Args:
    init: initialiser of the kernel of one phase, with `size / stride` elements
      along each spatial axis.
    strides: strides of the layer, one per spatial axis. It has no dilation.

  Returns:
    `init(key, shape, dtype)` for a kernel `[*size, C_in, C_out]`. It raises
    `ValueError` if a size is no multiple of the stride: phases with different
    numbers of elements cannot be equal.

  Reference:
    Aitken et al., Checkerboard artifact free sub-pixel convolution,
    arXiv:1707.02937, section 3.2, for a transposed kernel.

  Example::

    >>> import jax
    >>> init = equal_phases(jax.nn.initializers.lecun_normal(), (2, 2))
    >>> kernel = init(jax.random.key(0), (4, 4, 8, 5), 'float32')
    >>> bool((kernel[::2, ::2] == kernel[1::2, 1::2]).all())
    True
  """

  def repeated(key, shape, dtype=jnp.float32):
    size = shape[: len(strides)]
    if any(side % stride for side, stride in zip(size, strides)):
      raise ValueError(
        'equal_phases needs a kernel size that is a multiple of the stride, '
        f'got {tuple(size)} for strides {tuple(strides)}.'
      )
    shared = [side // stride for side, stride in zip(size, strides)]
    kernel = init(key, (*shared, *shape[len(strides) :]), dtype)
    for axis, stride in enumerate(strides):
      kernel = jnp.repeat(kernel, stride, axis)
    return kernel

  return repeated
