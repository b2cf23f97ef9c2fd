"""Upsampling by resize-convolution and by sub-pixel convolution.

Both enlarge without the uneven overlaps of a transposed convolution whose
kernel size is no multiple of its stride (Odena et al., Deconvolution and
checkerboard artifacts, Distill, 2016). Arrays are `[*batch, *spatial, C]`.
"""

from collections.abc import Sequence
import math
from typing import Any

from flax import nnx
import jax
from jax import lax
import jax.numpy as jnp

from autoencoder.layers import conv
from autoencoder.layers import initializers
from autoencoder.layers import shapes
from autoencoder.layers.lowerings import polyphase

_METHODS = ('nearest', 'bilinear')


def upsample(
  x: jax.Array, factors: Sequence[int], method: str = 'nearest'
) -> jax.Array:
  """Enlarges the spatial axes by integer factors.

  NOTE: `'bilinear'` samples at pixel centres and repeats the border, like
  Keras' `UpSampling2D` and PyTorch's `align_corners=False`.

  Args:
    x: `[*batch, *spatial, C]` array with `len(factors)` spatial axes.
    factors: enlargement per spatial axis.
    method: `'nearest'` or `'bilinear'`.

  Returns:
    `[*batch, *(spatial * factors), C]` array.

  Raises:
    ValueError: if the method is unknown, a factor is not positive or `x` has
      too few axes.

  Example::

    >>> import jax.numpy as jnp
    >>> upsample(jnp.array([[1.], [3.]]), (2,))[:, 0].tolist()
    [1.0, 1.0, 3.0, 3.0]
    >>> upsample(jnp.array([[1.], [3.]]), (2,), 'bilinear')[:, 0].tolist()
    [1.0, 1.5, 2.5, 3.0]
  """
  if method not in _METHODS:
    raise ValueError(f'method must be one of {_METHODS}, got {method!r}.')
  if x.ndim <= len(factors):
    raise ValueError(
      f'x needs {len(factors)} spatial axes, one per factor, and one of '
      f'channels, got {x.shape}.'
    )
  shapes.per_axis(factors, len(factors), 'factors')
  enlarge = _repeat if method == 'nearest' else _interpolate
  for axis, factor in enumerate(factors, x.ndim - 1 - len(factors)):
    if factor > 1 and x.shape[axis] != 0:
      x = enlarge(x, axis, factor)
  return x


def _repeat(x: jax.Array, axis: int, factor: int) -> jax.Array:
  """Repeats every element, by a broadcast, whose transpose is a sum."""
  shape = x.shape
  x = jnp.broadcast_to(
    jnp.expand_dims(x, axis + 1),
    (*shape[: axis + 1], factor, *shape[axis + 1 :]),
  )
  return x.reshape(*shape[:axis], shape[axis] * factor, *shape[axis + 1 :])


def _interpolate(x: jax.Array, axis: int, factor: int) -> jax.Array:
  """Blends each element with the neighbour on the side of the output pixel."""
  n = x.shape[axis]
  # `jnp.pad` in edge mode does not accept explicitly sharded arrays.
  first = lax.slice_in_dim(x, 0, 1, axis=axis)
  last = lax.slice_in_dim(x, n - 1, n, axis=axis)
  padded = lax.concatenate([first, x, last], axis)
  before = lax.slice_in_dim(padded, 0, n, axis=axis)
  after = lax.slice_in_dim(padded, 2, n + 2, axis=axis)
  phases = []
  for phase in range(factor):
    offset = (phase + 0.5) / factor - 0.5
    neighbour = after if offset > 0 else before
    phases.append(x * (1 - abs(offset)) + neighbour * abs(offset))
  y = jnp.stack(phases, axis + 1)
  return y.reshape(*x.shape[:axis], n * factor, *x.shape[axis + 1 :])


def _factors(
  kernel_size: shapes.Ints, strides: shapes.Ints | None
) -> tuple[int, ...]:
  """Returns the enlargement per spatial axis of the kernel."""
  rank = 1 if isinstance(kernel_size, int) else len(kernel_size)
  return shapes.per_axis(strides, rank, 'strides')


class ResizeConv(conv.Conv):
  """Upsampling, then a stride-1 convolution, like UpSampling2D and Conv2D.

  NOTE: `strides` enlarge, as in `ConvTranspose`. All other arguments and the
  parameters are those of `Conv`.

  Args:
    in_features: number of input channels.
    out_features: number of output channels.
    kernel_size: kernel elements per spatial axis; an integer for one axis.
    strides: enlargement, or one per spatial axis.
    method: `'nearest'` or `'bilinear'`.
    rngs: random streams; `params` is used.
    **kwargs: further keyword arguments of `Conv`.

  Raises:
    ValueError: if the method is unknown.

  Reference:
    Odena et al., Deconvolution and checkerboard artifacts, Distill, 2016.

  Example::

    >>> from flax import nnx
    >>> import jax.numpy as jnp
    >>> layer = ResizeConv(8, 3, (3, 3), strides=(2, 2), rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((1, 16, 16, 8))).shape
    (1, 32, 32, 3)
  """

  def __init__(
    self,
    in_features: int,
    out_features: int,
    kernel_size: shapes.Ints,
    strides: shapes.Ints | None = 1,
    *,
    method: str = 'nearest',
    rngs: nnx.Rngs,
    **kwargs: Any,
  ):
    if method not in _METHODS:
      raise ValueError(f'method must be one of {_METHODS}, got {method!r}.')
    super().__init__(
      in_features, out_features, kernel_size, rngs=rngs, **kwargs
    )
    self.factors = _factors(kernel_size, strides)
    self.method = method

  def __call__(self, inputs: jax.Array, out_sharding: Any = None) -> jax.Array:
    """Returns `[*batch, *(spatial * strides), out_features]`; see `Conv`."""
    self._check(inputs)  # So that an error shows the shape that was given.
    enlarged = upsample(inputs, self.factors, self.method)
    return super().__call__(enlarged, out_sharding)


class SubpixelConv(conv.Conv):
  """Stride-1 convolution to `prod(strides)` phases, rearranged into pixels.

  NOTE: `strides` enlarge, as in `ConvTranspose`. The phase is the slower part
  of the kernel's last axis, `[*kernel_size, in, prod(strides) * out]`; in
  weights for PyTorch's `PixelShuffle` it is the faster part. With feature
  groups the last axis is `groups * prod(strides) * (out / groups)`.

  Args:
    in_features: number of input channels.
    out_features: number of output channels.
    kernel_size: kernel elements per spatial axis; an integer for one axis.
    strides: enlargement, or one per spatial axis.
    feature_group_count: number of groups of input and of output features.
    use_icnr: whether the phases start equal, so that training starts from
      nearest-neighbour upsampling, without checkerboard.
    kernel_init: initialiser of the kernel (with `use_icnr`, of one phase),
      `None` for LeCun-normal.
    rngs: random streams; `params` is used.
    **kwargs: further keyword arguments of `Conv`.

  Raises:
    ValueError: if the features cannot be split into the groups.

  Reference:
    Shi et al., arXiv:1609.05158, equation 4; ICNR: Aitken et al.,
    arXiv:1707.02937, section 3.2.

  Example::

    >>> from flax import nnx
    >>> import jax.numpy as jnp
    >>> layer = SubpixelConv(8, 3, (3, 3), strides=(2, 2), rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((1, 16, 16, 8))).shape
    (1, 32, 32, 3)
  """

  def __init__(
    self,
    in_features: int,
    out_features: int,
    kernel_size: shapes.Ints,
    strides: shapes.Ints | None = 1,
    *,
    feature_group_count: int = 1,
    use_icnr: bool = True,
    kernel_init: initializers.Initializer | None = None,
    rngs: nnx.Rngs,
    **kwargs: Any,
  ):
    groups = feature_group_count
    shapes.check_groups(in_features, out_features, groups)
    factors = _factors(kernel_size, strides)
    kernel_init = kernel_init or nnx.initializers.lecun_normal()
    if use_icnr:
      kernel_init = initializers.icnr(
        kernel_init, factors, feature_group_count=groups
      )
    super().__init__(
      in_features,
      out_features * math.prod(factors),
      kernel_size,
      feature_group_count=groups,
      kernel_init=kernel_init,
      rngs=rngs,
      **kwargs,
    )
    self.factors = factors

  def __call__(self, inputs: jax.Array, out_sharding: Any = None) -> jax.Array:
    """Returns `[*batch, *(spatial * strides), out_features]`; see `Conv`."""
    y = super().__call__(inputs, out_sharding)
    rank = len(self.factors)
    pixels = polyphase.phases_to_pixels(
      y.reshape(math.prod(y.shape[: -rank - 1]), *y.shape[-rank - 1 :]),
      self.factors,
      self.feature_group_count,
    )
    return pixels.reshape(*y.shape[: -rank - 1], *pixels.shape[1:])
