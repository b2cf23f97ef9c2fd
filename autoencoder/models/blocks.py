"""Residual blocks, and the choice of upsampling layer."""

from flax import nnx
import jax
import jax.numpy as jnp

from autoencoder import layers


class ResidualBlock(nnx.Module):
  """`x + conv(relu(conv(x)))` with 3 x 3 kernels, starting as identity.

  NOTE: There is no normalisation. Statistics over pixels would make a tile
  differ from the whole image, and a device's batch from the global one; the
  zero-initialised last convolution keeps deep stacks trainable instead (Zhang
  et al., Fixup initialization, arXiv:1901.09321).

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


def _transposed(in_features, out_features, kernel, **kwargs):
  return layers.ConvTranspose(
    in_features, out_features, (kernel, kernel), strides=(2, 2), **kwargs
  )


def _resize(in_features, out_features, kernel, **kwargs):
  del kernel  # Of the strided layers; this one convolves after enlarging.
  return layers.ResizeConv(
    in_features, out_features, (3, 3), strides=(2, 2), **kwargs
  )


def _subpixel(in_features, out_features, kernel, **kwargs):
  del kernel  # Of the strided layers; this one convolves before enlarging.
  return layers.SubpixelConv(
    in_features, out_features, (3, 3), strides=(2, 2), **kwargs
  )


# Layers that double H and W, by their name in `config.model.upsampling`.
UPSAMPLING = {
  'transposed': _transposed,
  'resize': _resize,
  'subpixel': _subpixel,
}
