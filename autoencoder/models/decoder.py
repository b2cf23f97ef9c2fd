"""The half that brings the image back, by any way to double H and W."""

from collections.abc import Sequence

from flax import nnx
import jax
import jax.numpy as jnp

from autoencoder import layers
from autoencoder.models import blocks as blocks_lib


class Decoder(nnx.Module):
  """Doubles H and W once per entry of `widths`, coarsest first.

  Args:
    out_channels: channels of the output.
    widths: channels per scale, finest first, as the encoder's.
    blocks: residual blocks per scale.
    latent_channels: channels of the bottleneck.
    upsampling: a name in `autoencoder.config.UPSAMPLINGS`.
    kernel: side of the transposed kernels.
    zero_output: starts with an output of zeros, for a residual model that
      should begin as the identity.
    dtype: compute type.
    rngs: parameter key.

  Example:

    >>> decoder = Decoder(3, (8, 16), 1, 4, rngs=nnx.Rngs(0))
    >>> decoder(jnp.ones((1, 2, 3, 4))).shape
    (1, 8, 12, 3)
  """

  def __init__(
    self,
    out_channels: int,
    widths: Sequence[int],
    blocks: int,
    latent_channels: int,
    *,
    upsampling: str = 'transposed',
    kernel: int = 2,
    zero_output: bool = False,
    dtype: jnp.dtype = jnp.float32,
    rngs: nnx.Rngs,
  ):
    self.scales = len(widths)
    self.blocks = blocks
    self.from_latent = layers.Conv(
      latent_channels, widths[-1], (1, 1), dtype=dtype, rngs=rngs
    )
    for scale in reversed(range(len(widths))):
      for block in range(blocks):
        setattr(
          self,
          f'block{scale}_{block}',
          blocks_lib.ResidualBlock(widths[scale], dtype=dtype, rngs=rngs),
        )
      last = scale == 0
      features = out_channels if last else widths[scale - 1]
      init = (
        {'kernel_init': nnx.initializers.zeros} if last and zero_output else {}
      )
      setattr(
        self,
        f'up{scale}',
        blocks_lib.make_up(
          upsampling,
          kernel,
          widths[scale],
          features,
          dtype=dtype,
          rngs=rngs,
          **init,
        ),
      )

  def __call__(
    self,
    latent: jax.Array,
    skips: Sequence[jax.Array] = (),
    switches: Sequence[jax.Array] = (),
  ) -> jax.Array:
    """Returns `[N, H, W, out_channels]`, `2**len(widths)` times the latent.

    Args:
      latent: `[N, h, w, latent_channels]`.
      skips: the encoder's features, finest first, added scale by scale; empty
        where everything has to pass through the latent.
      switches: the encoder's, finest first, for 'unpool'.
    """
    x = self.from_latent(latent)
    for scale in reversed(range(self.scales)):
      if skips:
        x = x + skips[scale]
      for block in range(self.blocks):
        x = getattr(self, f'block{scale}_{block}')(x)
      places = (switches[scale],) if switches else ()
      x = getattr(self, f'up{scale}')(x, *places)
    return x
