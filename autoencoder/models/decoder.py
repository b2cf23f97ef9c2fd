"""The decoder: from the latent back to an image, by any kind of upsampling."""

from collections.abc import Sequence
from typing import Any

from flax import nnx
import jax
import jax.numpy as jnp

from autoencoder import layers
from autoencoder.models import blocks as blocks_lib
from autoencoder.models import upsamplings


class Decoder(nnx.Module):
  """Computes an image from a latent; each scale doubles H and W.

  The coarsest scale comes first. A scale adds the skip connection, applies its
  residual blocks and then upsamples.

  Args:
    out_channels: channels of the output.
    widths: channels per scale, finest first, the same as in the encoder.
    blocks: residual blocks per scale.
    latent_channels: channels of the bottleneck.
    upsampling: a name in `upsamplings.names()`.
    kernel: side of the transposed kernels.
    stem_stride: the same as in the encoder.
    scale: output pixels per pixel of the encoder's input, along each axis.
    zero_output: initialises the last kernel to zero. A residual model is then
      the identity at first.
    dtype: compute type.
    rngs: parameter key.

  Example:

    >>> decoder = Decoder(3, (8, 16), 1, 4, rngs=nnx.Rngs(0))
    >>> decoder(jnp.ones((1, 2, 3, 4))).shape
    (1, 4, 6, 3)
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
    stem_stride: int = 1,
    scale: int = 1,
    zero_output: bool = False,
    dtype: jnp.dtype = jnp.float32,
    rngs: nnx.Rngs,
  ):
    self.scales = len(widths)
    self.blocks = blocks
    kind = upsamplings.find(upsampling)
    enlargement = stem_stride * scale  # The factor of the last layer.
    self.from_latent = layers.Conv(
      latent_channels, widths[-1], (1, 1), dtype=dtype, rngs=rngs
    )
    for level in reversed(range(len(widths))):
      for block in range(blocks):
        setattr(
          self,
          f'block{level}_{block}',
          blocks_lib.ResidualBlock(widths[level], dtype=dtype, rngs=rngs),
        )
      options: dict[str, Any] = {'dtype': dtype, 'rngs': rngs}
      if level == 0 and zero_output:
        options['kernel_init'] = nnx.initializers.zeros
      sizes = (widths[level], widths[level - 1] if level else out_channels)
      up: nnx.Module
      if level == 0 and enlargement == 1:
        up = layers.Conv(*sizes, (3, 3), **options)
      elif level == 0 and scale > 1:
        # Every output pixel sees 3 x 3 input pixels, as it does without a
        # scale.
        side = 3 * enlargement
        up = kind.make_up(side, enlargement, *sizes, **options)
      else:
        factor = 2 if level else stem_stride
        side = kernel * factor // 2
        up = kind.make_up(side, factor, *sizes, **options)
      setattr(self, f'up{level}', up)

  def __call__(
    self,
    latent: jax.Array,
    skips: Sequence[jax.Array] = (),
    switches: Sequence[jax.Array] = (),
  ) -> jax.Array:
    """Returns the decoder's output.

    Args:
      latent: `[N, h, w, latent_channels]`.
      skips: the encoder's features, finest first, one for each scale; empty
        for a model without skip connections.
      switches: the encoder's switches, finest first, for 'unpool'.

    Returns:
      `[N, s * h, s * w, out_channels]` with s the encoder's stride times
      `scale`.
    """
    x = self.from_latent(latent)
    for scale in reversed(range(self.scales)):
      if skips:
        x = x + skips[scale]
      for block in range(self.blocks):
        x = getattr(self, f'block{scale}_{block}')(x)
      # With a stem_stride of 1 the finest scale does not pool, so the switches
      # begin with the second scale.
      pooled = scale - (self.scales - len(switches))
      places = (switches[pooled],) if switches and pooled >= 0 else ()
      x = getattr(self, f'up{scale}')(x, *places)
    return x
