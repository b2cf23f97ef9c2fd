"""Residual blocks, and the layers that halve and double H and W."""

from typing import Any

from flax import nnx
import jax
import jax.numpy as jnp

from autoencoder import config as config_lib
from autoencoder import layers


class ResidualBlock(nnx.Module):
  """`x + conv(relu(conv(x)))` with 3 x 3 kernels; the identity at first.

  NOTE: There is no normalisation layer. With statistics over pixels, the output
  of a tile would differ from that of the whole image, and the output of one
  device's batch from that of the global batch. Instead, the last convolution is
  initialised to zero, which keeps deep stacks trainable (Zhang et al., Fixup
  initialization, arXiv:1901.09321).

  Args:
    channels: channels of input and output.
    dtype: compute type.
    rngs: parameter key.

  Example:

    >>> block = ResidualBlock(8, rngs=nnx.Rngs(0))
    >>> block(jnp.ones((1, 5, 7, 8))).shape
    (1, 5, 7, 8)
  """

  def __init__(
    self, channels: int, *, dtype: jnp.dtype = jnp.float32, rngs: nnx.Rngs
  ):
    self.conv1 = layers.Conv(
      channels,
      channels,
      (3, 3),
      dtype=dtype,
      kernel_init=nnx.initializers.he_normal(),
      rngs=rngs,
    )
    self.conv2 = layers.Conv(
      channels,
      channels,
      (3, 3),
      dtype=dtype,
      kernel_init=nnx.initializers.zeros,
      rngs=rngs,
    )

  def __call__(self, x: jax.Array) -> jax.Array:
    """Returns `[N, H, W, channels]` for `x` of the same shape."""
    return x + self.conv2(nnx.relu(self.conv1(x)))


class PooledConv(nnx.Module):
  """A 3 x 3 convolution and 2 x 2 max pooling that returns its switches.

  Switches are the positions of the maxima; `UnpooledConv` takes them.

  Args:
    in_features: channels of the input.
    out_features: channels of the output.
    dtype: compute type.
    rngs: parameter key.

  Reference:
    Badrinarayanan et al., SegNet, arXiv:1511.00561, section 3.

  Example:

    >>> down = PooledConv(3, 8, rngs=nnx.Rngs(0))
    >>> [y.shape for y in down(jnp.ones((1, 4, 6, 3)))]
    [(1, 2, 3, 8), (1, 2, 3, 8)]
  """

  def __init__(
    self,
    in_features: int,
    out_features: int,
    *,
    dtype: jnp.dtype = jnp.float32,
    rngs: nnx.Rngs,
  ):
    self.conv = layers.Conv(
      in_features, out_features, (3, 3), dtype=dtype, rngs=rngs
    )
    self.pool = layers.MaxPool((2, 2))

  def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns maxima and switches, `[N, H / 2, W / 2, out_features]` each.

    Args:
      x: `[N, H, W, in_features]`, with even H and W.
    """
    return self.pool(self.conv(x))


class UnpooledConv(nnx.Module):
  """Max unpooling with the encoder's switches, then a 3 x 3 convolution.

  NOTE: Three in four values of the unpooled image are zero. By default the
  kernel starts twice as large as usual, so that the signal keeps its variance.

  Args:
    in_features: channels of the input and of the switches.
    out_features: channels of the output.
    dtype: compute type.
    kernel_init: initialiser of the convolution; None is the one of the NOTE.
    rngs: parameter key.

  Reference:
    Badrinarayanan et al., SegNet, arXiv:1511.00561, section 3.

  Example:

    >>> up = UnpooledConv(8, 3, rngs=nnx.Rngs(0))
    >>> up(jnp.ones((1, 2, 3, 8)), jnp.zeros((1, 2, 3, 8), int)).shape
    (1, 4, 6, 3)
  """

  def __init__(
    self,
    in_features: int,
    out_features: int,
    *,
    dtype: jnp.dtype = jnp.float32,
    kernel_init: jax.nn.initializers.Initializer | None = None,
    rngs: nnx.Rngs,
  ):
    if kernel_init is None:
      kernel_init = nnx.initializers.variance_scaling(
        4.0, 'fan_in', 'truncated_normal'
      )
    self.unpool = layers.MaxUnpool((2, 2))
    self.conv = layers.Conv(
      in_features,
      out_features,
      (3, 3),
      dtype=dtype,
      kernel_init=kernel_init,
      rngs=rngs,
    )

  def __call__(self, x: jax.Array, switches: jax.Array) -> jax.Array:
    """Returns `[N, 2 * H, 2 * W, out_features]`.

    Args:
      x: `[N, H, W, in_features]`.
      switches: int32 of the same shape, as `PooledConv` returned them.
    """
    return self.conv(self.unpool(x, switches))


def make_down(
  upsampling: str,
  kernel: int,
  in_features: int,
  out_features: int,
  *,
  factor: int = 2,
  **kwargs: Any,
) -> nnx.Module:
  """Returns the encoder's layer that divides H and W by `factor`.

  Args:
    upsampling: how the decoder enlarges, a name in `config.UPSAMPLINGS`. With
      'unpool' the layer pools, otherwise it is a strided convolution.
    kernel: side of a kernel of stride 2. A kernel of another stride has a
      proportional side.
    in_features: channels of the input.
    out_features: channels of the output.
    factor: input pixels per output pixel along each axis; 2 for 'unpool'.
    **kwargs: `rngs` and further arguments of the layer.
  """
  if upsampling == 'unpool':
    return PooledConv(in_features, out_features, **kwargs)
  side = kernel * factor // 2
  return layers.Conv(
    in_features, out_features, (side, side), strides=(factor, factor), **kwargs
  )


def make_up(
  upsampling: str,
  kernel: int,
  in_features: int,
  out_features: int,
  *,
  factor: int = 2,
  **kwargs: Any,
) -> nnx.Module:
  """Returns the decoder's layer that multiplies H and W by `factor`.

  Args:
    upsampling: a name in `config.UPSAMPLINGS`.
    kernel: side of a transposed kernel; all other kernels are 3 x 3.
    in_features: channels of the input.
    out_features: channels of the output.
    factor: output pixels per input pixel along each axis; 2 for 'unpool'.
    **kwargs: `rngs` and further arguments of the layer.

  Raises:
    ValueError: an unknown `upsampling`.
  """
  size = (in_features, out_features)
  enlarge = {'strides': (factor, factor)} | kwargs
  match upsampling:
    case 'transposed' | 'transposed_plain':
      if upsampling == 'transposed' and kernel % factor == 0:
        init = nnx.initializers.lecun_normal()
        enlarge = {
          'kernel_init': layers.equal_phases(init, (factor, factor))
        } | enlarge
      return layers.ConvTranspose(*size, (kernel, kernel), **enlarge)
    case 'nearest' | 'bilinear':
      return layers.ResizeConv(*size, (3, 3), method=upsampling, **enlarge)
    case 'subpixel' | 'subpixel_plain':
      icnr = upsampling == 'subpixel'
      return layers.SubpixelConv(*size, (3, 3), use_icnr=icnr, **enlarge)
    case 'unpool':
      return UnpooledConv(*size, **kwargs)
  raise ValueError(
    f'upsampling takes {", ".join(map(repr, config_lib.UPSAMPLINGS))}; got '
    f'{upsampling!r}.'
  )
