"""The half that compresses: strided or pooled convolutions to a bottleneck."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from flax import nnx
import jax
import jax.numpy as jnp

from autoencoder import layers
from autoencoder.models import blocks as blocks_lib


class Encoded(NamedTuple):
  """What the encoder knows of an image: `decode(*encode(x))`.

  Attributes:
    latent: `[N, h, w, latent_channels]`, the bottleneck.
    skips: features per scale, finest first; empty without skip connections.
    switches: where each maximum was, per scale, finest first, int32; empty
      without pooling.
  """

  latent: jax.Array
  skips: tuple[jax.Array, ...] = ()
  switches: tuple[jax.Array, ...] = ()


class Encoder(nnx.Module):
  """Halves H and W from scale to scale, then projects to the latent.

  Args:
    in_channels: channels of the image.
    widths: channels per scale, finest first.
    blocks: residual blocks per scale.
    latent_channels: channels of the bottleneck.
    upsampling: what the decoder does; 'unpool' makes this half pool.
    kernel: side of the strided kernels.
    stem_stride: pixels of the image, along each axis, for one of the first
      scale: 1, 2, or where it does not pool 4. Its kernel is as many times
      larger than the others as its stride.
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
    self.blocks = blocks
    # Children get string names: lists would turn into integer keys in Linen.
    for scale, width in enumerate(widths):
      if scale == 0 and stem_stride == 1:
        down = layers.Conv(in_channels, width, (3, 3), dtype=dtype, rngs=rngs)
      else:
        down = blocks_lib.make_down(
          upsampling,
          kernel,
          in_channels,
          width,
          factor=2 if scale else stem_stride,
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
    """Returns the latent, and the features of every scale, finest first.

    Args:
      x: `[N, H, W, in_channels]`, H and W multiples of the total stride.

    Returns:
      `[N, h, w, latent_channels]` at the coarsest scale, and per scale
      `[N, H / s, W / s, widths[i]]` features with s = `stem_stride * 2**i`, and
      switches where it pools.
    """
    skips, switches = [], []
    for scale in range(self.scales):
      x = getattr(self, f'down{scale}')(x)
      if isinstance(x, tuple):  # Pooled.
        x, places = x
        switches.append(places)
      for block in range(self.blocks):
        x = getattr(self, f'block{scale}_{block}')(x)
      skips.append(x)
    return Encoded(self.to_latent(x), tuple(skips), tuple(switches))
