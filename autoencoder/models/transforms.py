"""The transforms of a learned codec: image to latent and back, and beyond.

Time goes where there are most places, so the first layer is a strided
convolution to a quarter of the resolution, and the last its mirror image.
"""

from collections.abc import Sequence

from flax import nnx
import jax
import jax.numpy as jnp

from autoencoder import layers
from autoencoder.models import blocks as blocks_lib

ACTIVATIONS = ('gdn', 'relu')
STEM_STRIDE = 4

# About the mean and the standard deviation of photos in [0, 1]. Layers start
# out for inputs of mean 0 and deviation 1, and learn faster from such.
_CENTER, _SCALE = 0.5, 0.25


def make_activation(
  name: str, channels: int, *, inverse: bool = False
) -> nnx.Module:
  """Returns the activation called `name`, for an analysis or its inverse.

  Raises:
    ValueError: an unknown name.
  """
  if name == 'gdn':
    return layers.GDN(channels, inverse=inverse)
  if name == 'relu':
    return nnx.relu
  raise ValueError(
    f'activation takes {", ".join(map(repr, ACTIVATIONS))}; got {name!r}.'
  )


class Analysis(nnx.Module):
  """Strided convolutions from `[N, H, W, channels]` in [0, 1] to a latent.

  Args are those of `CompressionModel`.
  """

  def __init__(
    self,
    channels: int,
    *,
    widths: Sequence[int],
    latent_channels: int,
    blocks: int,
    kernel: int,
    activation: str,
    dtype: jnp.dtype,
    rngs: nnx.Rngs,
  ):
    options = {'dtype': dtype, 'rngs': rngs}
    self.dtype = dtype
    stem = 2 * STEM_STRIDE
    stages, features = [], channels
    for index, width in enumerate(widths):
      size, stride = (kernel, 2) if index else (stem, STEM_STRIDE)
      stages += [
        layers.Conv(features, width, (size, size), (stride, stride), **options),
        make_activation(activation, width),
      ]
      stages += [
        blocks_lib.ResidualBlock(width, **options) for _ in range(blocks)
      ]
      features = width
    stages.append(
      layers.Conv(features, latent_channels, (kernel, kernel), (2, 2), **options)
    )
    self.stages = nnx.List(stages)

  def __call__(self, x: jax.Array) -> jax.Array:
    """Returns `[N, H / stride, W / stride, latent_channels]` float32."""
    x = ((x - _CENTER) / _SCALE).astype(self.dtype)
    for stage in self.stages:
      x = stage(x)
    return x.astype(jnp.float32)


class Synthesis(nnx.Module):
  """Transposed convolutions from a latent to an image, about [0, 1].

  Args are those of `CompressionModel`.
  """

  def __init__(
    self,
    channels: int,
    *,
    widths: Sequence[int],
    latent_channels: int,
    blocks: int,
    kernel: int,
    activation: str,
    dtype: jnp.dtype,
    rngs: nnx.Rngs,
  ):
    options = {'dtype': dtype, 'rngs': rngs}
    self.dtype = dtype
    stem = 2 * STEM_STRIDE
    stages, features = [], latent_channels
    for width in reversed(widths):
      stages += [
        layers.ConvTranspose(
          features, width, (kernel, kernel), (2, 2), **options
        ),
        make_activation(activation, width, inverse=True),
      ]
      stages += [
        blocks_lib.ResidualBlock(width, **options) for _ in range(blocks)
      ]
      features = width
    stages.append(
      layers.ConvTranspose(
        features, channels, (stem, stem), (STEM_STRIDE,) * 2, **options
      )
    )
    self.stages = nnx.List(stages)

  def __call__(self, x: jax.Array) -> jax.Array:
    """Returns `[N, stride * h, stride * w, channels]` float32."""
    x = x.astype(self.dtype)
    for stage in self.stages:
      x = stage(x)
    return x.astype(jnp.float32) * _SCALE + _CENTER


class HyperAnalysis(nnx.Module):
  """Two strided convolutions from the latent to the side information."""

  def __init__(self, latent_channels: int, channels: int, *, rngs: nnx.Rngs):
    self.conv1 = layers.Conv(
      latent_channels, channels, (4, 4), (2, 2), rngs=rngs
    )
    self.conv2 = layers.Conv(channels, channels, (4, 4), (2, 2), rngs=rngs)

  def __call__(self, latent: jax.Array) -> jax.Array:
    """Returns `[N, ceil(ceil(h / 2) / 2), ..., channels]`."""
    return self.conv2(nnx.relu(self.conv1(latent)))


class HyperSynthesis(nnx.Module):
  """From the side information to mean and log scale of the latent.

  NOTE: `autoencoder.codec` evaluates it in integers, so that a decoder finds
  what the encoder found: only convolutions and ReLU can be in it.
  """

  def __init__(self, channels: int, latent_channels: int, *, rngs: nnx.Rngs):
    self.up1 = layers.ConvTranspose(
      channels, channels, (4, 4), (2, 2), rngs=rngs
    )
    self.up2 = layers.ConvTranspose(
      channels, latent_channels, (4, 4), (2, 2), rngs=rngs
    )
    self.statistics = layers.Conv(
      latent_channels, 2 * latent_channels, (1, 1), rngs=rngs
    )

  def __call__(self, hyper: jax.Array) -> jax.Array:
    """Returns `[N, 4 h, 4 w, 2 * latent_channels]`, means first."""
    x = nnx.relu(self.up1(hyper))
    return self.statistics(nnx.relu(self.up2(x)))
