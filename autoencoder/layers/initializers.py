"""Initialisers that keep the size of a signal through an upsampling layer."""

from collections.abc import Callable
from collections.abc import Sequence
import math

import jax
import jax.numpy as jnp

Initializer = Callable[..., jax.Array]

# Standard deviation of a normal distribution cut at two deviations.
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
  `prod(strides)` lands on any output, so its outputs shrink by the square root
  of that: standard deviation 1/2 at stride 2 in two dimensions. Here each
  element is scaled by the number of elements that share its output phase.
  Every phase then starts with unit gain, even where the kernel size is not a
  multiple of the stride and Flax's start has a checkerboard.

  Args:
    strides: strides of the layer, one per spatial axis.
    kernel_dilation: dilation of the layer, one per spatial axis.
    transpose_kernel: whether the last two axes of the kernel are `[out, in]`.
    feature_group_count: number of feature groups of the layer.

  Returns:
    `init(key, shape, dtype)`, like those of `jax.nn.initializers`.

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
      # Elements `period` apart paint the same phase.
      period = stride // math.gcd(stride, spacing)
      size = shape[axis]
      shared = [len(range(t % period, size, period)) for t in range(size)]
      column = [1] * len(shape)
      column[axis] = size
      fan_in = fan_in * jnp.asarray(shared, jnp.float32).reshape(column)
    if jnp.issubdtype(dtype, jnp.complexfloating):
      # The draw of `jax.nn.initializers` whose parts have unit variance in all.
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
  layer starts as nearest-neighbour upsampling after a convolution.

  Args:
    init: initialiser of the one kernel that is repeated.
    factors: enlargement per spatial axis.
    feature_group_count: number of feature groups of the layer.

  Returns:
    `init(key, shape, dtype)` for a kernel `[*size, C, prod(factors) * F]` with
    the phase as the slower part of the last axis, or of the part of a group,
    as `SubpixelConv` has it.

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

  What `icnr` is to a sub-pixel convolution: all `prod(strides)` phases start
  equal, so that the layer starts as a convolution and then nearest-neighbour
  upsampling.

  Args:
    init: initialiser of the one kernel that all phases share, `size / stride`
      elements along each spatial axis.
    strides: strides of the layer, one per spatial axis; no dilation.

  Returns:
    `init(key, shape, dtype)` for a kernel `[*size, C_in, C_out]`. It raises
    `ValueError` for a size that is no multiple of the stride: phases of unlike
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
        f'Equal phases need a kernel that is a multiple of the stride; got '
        f'{tuple(size)} for strides {tuple(strides)}.'
      )
    shared = [side // stride for side, stride in zip(size, strides)]
    kernel = init(key, (*shared, *shape[len(strides) :]), dtype)
    for axis, stride in enumerate(strides):
      kernel = jnp.repeat(kernel, stride, axis)
    return kernel

  return repeated
