"""Max unpooling with the positions of the encoder's maxima (SegNet)."""

from typing import Any

from flax import nnx
import jax
import jax.numpy as jnp

from autoencoder import errors
from autoencoder import layers
from autoencoder.models.upsamplings import registry


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


def _make_up(
  side: int, factor: int, in_features: int, out_features: int, **kwargs: Any
) -> nnx.Module:
  del side, factor
  return UnpooledConv(in_features, out_features, **kwargs)


def _make_down(
  kernel: int, factor: int, in_features: int, out_features: int, **kwargs: Any
) -> nnx.Module:
  del kernel, factor
  return PooledConv(in_features, out_features, **kwargs)


def _check(kernel: int, stem_stride: int, scale: int) -> None:
  """Raises `UserError` for options that unpooling does not support."""
  if kernel != 2:
    raise errors.UserError(
      f"upsampling='unpool' has no strided kernels, so kernel={kernel} would "
      'have no effect: leave it at 2.'
    )
  if stem_stride > 2:
    raise errors.UserError(
      "upsampling='unpool' pools 2 x 2 pixels at a time: model.stem_stride "
      f'must be 1 or 2; got {stem_stride}.'
    )
  if scale > 1:
    raise errors.UserError(
      f"upsampling='unpool' cannot enlarge the input; got scale={scale}. Use "
      'another upsampling, or scale=1.'
    )


registry.register(
  'unpool',
  registry.Upsampling(
    _make_up,
    up_radius=lambda kernel: 1,
    make_down=_make_down,
    # The 3 x 3 convolution reaches one pixel beyond the window of 2.
    down_radius=lambda kernel, factor: 2,
    has_switches=True,
    check=_check,
  ),
)
