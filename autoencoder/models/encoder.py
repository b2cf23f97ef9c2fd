"""The encoder: strided convolutions, or max pooling, down to the latent."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from flax import nnx
import jax
import jax.numpy as jnp

from autoencoder import layers
from autoencoder.models import blocks as blocks_lib
from autoencoder.models import upsamplings


class Encoded(NamedTuple):
  """The encoder's output, which the decoder takes: `decode(*encode(x))`.

  Attributes:
    latent: `[N, h, w, latent_channels]`, the bottleneck.
    skips: features of each scale, finest first; empty without skip connections.
    switches: int32 positions of the maxima of each scale, finest first; empty
      without max pooling.
  """

  latent: jax.Array
  skips: tuple[jax.Array, ...] = ()
  switches: tuple[jax.Array, ...] = ()


class Encoder(nnx.Module):
  """Computes the latent of an image; each scale halves H and W.

  Args:
    in_channels: channels of the image.
    widths: channels per scale, finest first.
    blocks: residual blocks per scale.
    latent_channels: channels of the bottleneck.
    upsampling: a name in `upsamplings.names()`. It decides how the encoder
      shrinks, too: with 'unpool' it pools.
    kernel: side of the kernels of stride 2.
    stem_stride: stride of the first layer: 1, 2, or (not with 'unpool') 4. With
      1 the first kernel is 3 x 3, with 4 its side is twice `kernel`.
    dtype: compute type.
    rngs: parameter key.

  Example:

    >>> encoder = Encoder(3, (8, 16), 1, 4, rngs=nnx.Rngs(0))
    >>> encoded = encoder(jnp.ones((1, 8, 12, 3)))
    >>> encoded.latent.shape, [skip.shape for skip in encoded.skips]
    ((1, 4, 6, 4), [(1, 8, 12, 8), (1, 4, 6, 16)])
  """

  def __init__(
    self,
    in_channels: int,
    widths: Sequence[int],
    blocks: int,
    latent_channels: int,
    *,
    upsampling: str = 'transposed',
    kernel: int = 2,
    stem_stride: int = 1,
    dtype: jnp.dtype = jnp.float32,
    rngs: nnx.Rngs,
  ):
    self.scales = len(widths)
    self.stem_stride = stem_stride
    self.blocks = blocks
    kind = upsamplings.find(upsampling)
    self.has_switches = kind.has_switches
    # Linen cannot hold the integer keys that a list of layers would have.
    for scale, width in enumerate(widths):
      if scale == 0 and stem_stride == 1:
        down: nnx.Module = layers.Conv(
          in_channels, width, (3, 3), dtype=dtype, rngs=rngs
        )
      else:
        down = kind.make_down(
          kernel,
          2 if scale else stem_stride,
          in_channels,
          width,
          dtype=dtype,
          rngs=rngs,
        )
      setattr(self, f'down{scale}', down)
      for block in range(blocks):
        setattr(
          self,
          f'block{scale}_{block}',
          blocks_lib.ResidualBlock(width, dtype=dtype, rngs=rngs),
        )
      in_channels = width
    self.to_latent = layers.Conv(
      in_channels, latent_channels, (1, 1), dtype=dtype, rngs=rngs
    )

  def layers(self) -> dict[str, Callable[..., Any]]:
    """Returns the layers by name, in order; the last one is `latent`."""
    names = []
    for scale in range(self.scales):
      names.append(f'down{scale}')
      names += [f'block{scale}_{block}' for block in range(self.blocks)]
    layers = {name: getattr(self, name) for name in names}
    return layers | {'latent': self.to_latent}

  def __call__(self, x: jax.Array) -> Encoded:
    """Returns the latent, the features of every scale, and switches.

    Args:
      x: `[N, H, W, in_channels]`, H and W multiples of the total stride.

    Returns:
      An `Encoded`. The features of scale i are `[N, H / s, W / s, widths[i]]`
      with s = `stem_stride * 2**i`.
    """
    skips: list[jax.Array] = []
    switches: list[jax.Array] = []
    for scale in range(self.scales):
      x = getattr(self, f'down{scale}')(x)
      if self.has_switches and (scale or self.stem_stride > 1):
        x, places = x
        switches.append(places)
      for block in range(self.blocks):
        x = getattr(self, f'block{scale}_{block}')(x)
      skips.append(x)
    return Encoded(self.to_latent(x), tuple(skips), tuple(switches))
