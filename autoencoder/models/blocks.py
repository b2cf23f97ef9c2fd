"""The residual block."""

from flax import nnx
import jax
import jax.numpy as jnp

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
