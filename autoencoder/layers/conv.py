"""The convolution: `nnx.Conv` with faster gradients."""

from collections.abc import Sequence
import math
from typing import Any

from flax import nnx
import jax
from jax import lax
import jax.numpy as jnp

from autoencoder.layers import shapes
from autoencoder.layers.lowerings import backend
from autoencoder.layers.lowerings import planned
from autoencoder.layers.lowerings import xla_convolution


def conv_general_dilated(
  lhs: jax.Array,
  rhs: jax.Array,
  window_strides: Sequence[int],
  padding: str | Sequence[tuple[int, int]],
  lhs_dilation: Sequence[int] | None = None,
  rhs_dilation: Sequence[int] | None = None,
  dimension_numbers: Any = None,
  feature_group_count: int = 1,
  precision: Any = None,
  **kwargs: Any,
) -> jax.Array:
  """Returns `lax.conv_general_dilated`, with faster gradients on CPU.

  NOTE: Only channels-last convolutions without groups or dilation differ from
  `lax`, and only on CPU. Arrays whose type is sharded (JAX's explicit mode) use
  `lax`, too; within `jax.shard_map` they do not. In float32, kernels of three
  rows and many channels are computed by Winograd's algorithm, with twice the
  rounding error; `precision='highest'` avoids that. Forward mode (`jax.jvp`)
  may be slower than in `lax`.

  Args:
    lhs: `[N, *spatial, C]` array.
    rhs: `[*kernel_size, C // groups, F]` array.
    window_strides: stride, or one per spatial axis.
    padding: as in `lax.conv_general_dilated`, or as in a layer.
    lhs_dilation: spacing of input elements per spatial axis.
    rhs_dilation: spacing of kernel elements per spatial axis.
    dimension_numbers: as in `lax.conv_general_dilated`.
    feature_group_count: number of feature groups.
    precision: see `jax.lax.Precision`.
    **kwargs: further arguments of `lax.conv_general_dilated`.

  Returns:
    `[N, *spatial, F]` array.

  Raises:
    ValueError: if channels, strides or padding do not fit.

  Example::

    >>> import jax.numpy as jnp
    >>> x, kernel = jnp.ones((1, 8, 8, 3)), jnp.ones((3, 3, 3, 5))
    >>> numbers = ('NHWC', 'HWIO', 'NHWC')
    >>> conv_general_dilated(
    ...     x, kernel, (2, 2), 'SAME', dimension_numbers=numbers).shape
    (1, 4, 4, 5)
  """
  # As in `jax.lax`, NumPy's 64-bit types become JAX's default types.
  lhs, rhs = jnp.asarray(lhs), jnp.asarray(rhs)
  rank = lhs.ndim - 2
  ones = (1,) * rank
  if rank < 1 or rhs.ndim != lhs.ndim:
    raise ValueError(
      'lhs and rhs must have the same number of axes, at least three, got '
      f'lhs {lhs.shape} and rhs {rhs.shape}.'
    )
  numbers = lax.conv_dimension_numbers(lhs.shape, rhs.shape, dimension_numbers)
  _check(lhs, rhs, numbers, feature_group_count)
  window_strides = shapes.per_axis(window_strides, rank, 'window_strides')
  padding = shapes.canonical_padding(padding, rank)
  supported = (
    1 <= rank <= 3
    and all(isinstance(n, int) and n > 0 for n in (*lhs.shape[1:], *rhs.shape))
    and lhs.shape[0] != 0
    and numbers == xla_convolution.channels_last(lhs.ndim)
    and feature_group_count == 1
    and (lhs_dilation is None or tuple(lhs_dilation) == ones)
    and (rhs_dilation is None or tuple(rhs_dilation) == ones)
    and kwargs.get('batch_group_count', 1) == 1
    and kwargs.get('out_sharding') is None
    and not backend.is_sharded(lhs, rhs)
  )
  pairs = padding
  if supported and isinstance(pairs, str):
    pairs = tuple(
      lax.padtype_to_pads(
        lhs.shape[1:-1], rhs.shape[:-2], window_strides, pairs
      )
    )
  # A kernel larger than the padded image leaves nothing to rearrange.
  if (
    supported
    and not isinstance(pairs, str)
    and all(
      n + sum(pair) >= k for n, k, pair in zip(lhs.shape[1:], rhs.shape, pairs)
    )
  ):
    return planned.convolution(
      lhs, rhs, pairs, window_strides, precision,
      kwargs.get('preferred_element_type'),
    )  # fmt: skip
  options = kwargs | {
    'lhs_dilation': lhs_dilation,
    'rhs_dilation': rhs_dilation,
    'dimension_numbers': dimension_numbers,
    'feature_group_count': feature_group_count,
    'precision': precision,
  }
  if isinstance(padding, str):
    return lax.conv_general_dilated(
      lhs, rhs, window_strides, padding, **options
    )
  return xla_convolution.convolution(
    lhs, rhs, padding, strides=window_strides, **options
  )


def _check(lhs, rhs, numbers, groups):
  """Raises `ValueError` if channels, features and groups do not fit."""
  channels = lhs.shape[numbers.lhs_spec[1]]
  expected = rhs.shape[numbers.rhs_spec[1]] * groups
  if channels != expected:
    raise ValueError(
      f'lhs {lhs.shape} has {channels} channels; rhs {rhs.shape} with '
      f'feature_group_count={groups} is for {expected}.'
    )
  features = rhs.shape[numbers.rhs_spec[0]]
  if groups < 1 or features % groups:
    raise ValueError(
      f'rhs {rhs.shape} has {features} features, which '
      f'feature_group_count={groups} does not divide.'
    )


# The names of `lax`, and those that Flax adds.
_PADDINGS = 'SAME', 'SAME_LOWER', 'VALID', 'CIRCULAR', 'REFLECT', 'CAUSAL'


class Conv(nnx.Conv):
  """Convolution: `nnx.Conv` with faster gradients and checked sizes.

  Constructor, parameters, initialisation and results are those of `nnx.Conv`.

  Raises:
    ValueError: if the features cannot be split into the groups; kernel size,
      strides or dilation are not one positive integer per axis; or the padding
      is unknown.

  Example::

    >>> from flax import nnx
    >>> import jax.numpy as jnp
    >>> layer = Conv(3, 8, (3, 3), strides=(2, 2), rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((1, 16, 16, 3))).shape
    (1, 8, 8, 8)
  """

  def __init__(
    self,
    in_features: int,
    out_features: int,
    kernel_size: int | Sequence[int],
    strides: int | Sequence[int] | None = 1,
    *,
    feature_group_count: int = 1,
    conv_general_dilated: Any = conv_general_dilated,
    rngs: nnx.Rngs,
    **kwargs: Any,
  ):
    groups = feature_group_count
    shapes.check_groups(in_features, out_features, groups)
    rank = 1 if isinstance(kernel_size, int) else len(kernel_size)
    shapes.per_axis(kernel_size, rank, 'kernel_size')
    shapes.per_axis(strides, rank, 'strides')
    for name in ('kernel_dilation', 'input_dilation'):
      shapes.per_axis(kwargs.get(name), rank, name)
    padding = shapes.canonical_padding(kwargs.get('padding', 'SAME'), rank)
    if isinstance(padding, str) and padding.upper() not in _PADDINGS:
      raise ValueError(
        f'padding must be one of {_PADDINGS}, an integer, or {rank} integers '
        f'or (low, high) pairs, got {padding!r}.'
      )
    super().__init__(
      in_features,
      out_features,
      kernel_size,
      strides,
      feature_group_count=groups,
      conv_general_dilated=conv_general_dilated,
      rngs=rngs,
      **kwargs,
    )

  def __call__(self, inputs: jax.Array, out_sharding: Any = None) -> jax.Array:
    """Applies the layer.

    Args:
      inputs: `[*batch, *spatial, in_features]` array.
      out_sharding: sharding of the result, in JAX's explicit mode.

    Returns:
      `[*batch, *output, out_features]` array.

    Raises:
      ValueError: if `inputs` does not fit.
    """
    self._check(inputs)
    batch = inputs.shape[: -len(self.kernel_size) - 1]
    if len(batch) == 1 or 0 not in inputs.shape:
      return super().__call__(inputs, out_sharding)
    # Flax divides by zero to find the number of empty images.
    flat = inputs.reshape(math.prod(batch), *inputs.shape[len(batch) :])
    y = super().__call__(flat, out_sharding)
    return y.reshape(*batch, *y.shape[1:])

  def _check(self, inputs: jax.Array) -> None:
    """Raises `ValueError` if `inputs` does not fit."""
    rank = len(self.kernel_size)
    if inputs.ndim < rank + 1 or inputs.shape[-1] != self.in_features:
      raise ValueError(
        f'inputs must be [*batch, {rank} spatial axes, {self.in_features}] for '
        f'kernel {self.kernel_shape}, got {inputs.shape}.'
      )
