"""The transforms of a learned codec: image to latent and back, and beyond.

Time goes where there are most places, so the first layer is a strided
convolution to a quarter of the resolution, and the last its mirror image.
"""

from collections.abc import Sequence
from typing import Any

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np

from autoencoder import layers
from autoencoder.models import blocks as blocks_lib
from autoencoder.models import inputs
from autoencoder.models import protocol
from autoencoder.models import transform_init

ACTIVATIONS = ('gdn', 'relu')
STEM_STRIDE = 4

# Magnitudes of the latent below this are alike: well below a quantisation step.
_LEAST = 2.0**-5


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


def _stages(
  channels: int, widths: Sequence[int], latent_channels: int, kernel: int
) -> list[dict[str, Any]]:
  """Returns the arguments of each convolution of the analysis.

  Those of the synthesis are the same the other way round.
  """
  strides = (STEM_STRIDE,) + len(widths) * (2,)
  sizes = (2 * STEM_STRIDE,) + len(widths) * (kernel,)
  features = (channels, *widths, latent_channels)
  starts = transform_init.block_transforms(strides, features[1:], channels)
  return [
    {
      'in_features': features[i],
      'out_features': features[i + 1],
      'kernel_size': (sizes[i],) * 2,
      'strides': (strides[i],) * 2,
      'kernel_init': transform_init.centered(start),
    }
    for i, start in enumerate(starts)
  ]


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
    stages = []
    *inner, last = _stages(channels, widths, latent_channels, kernel)
    for stage in inner:
      width = stage['out_features']
      stages += [
        layers.Conv(**stage, **options),
        make_activation(activation, width),
      ]
      stages += [
        blocks_lib.ResidualBlock(width, **options) for _ in range(blocks)
      ]
    self.stages = nnx.List([*stages, layers.Conv(**last, **options)])

  def __call__(self, x: jax.Array) -> jax.Array:
    """Returns `[N, H / stride, W / stride, latent_channels]` float32."""
    x = ((x - inputs.CENTER) / inputs.SCALE).astype(self.dtype)
    for stage in self.stages:
      x = stage(x)
    return x.astype(jnp.float32)


class Synthesis(nnx.Module):
  """Transposed convolutions from a latent to an image, about [0, 1].

  NOTE: Kernels are in the layout of the convolution that each undoes: as a
  matrix, one has the rank of its inputs, where a last layer of three outputs
  would have rank 3, which Muon's orthogonal updates would keep to.

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
    first, *inner = reversed(_stages(channels, widths, latent_channels, kernel))
    stages = [_adjoint(first, **options)]
    for stage in inner:
      width = stage['out_features']
      stages.append(make_activation(activation, width, inverse=True))
      stages += [
        blocks_lib.ResidualBlock(width, **options) for _ in range(blocks)
      ]
      stages.append(_adjoint(stage, **options))
    self.stages = nnx.List(stages)

  def __call__(self, x: jax.Array) -> jax.Array:
    """Returns `[N, stride * h, stride * w, channels]` float32."""
    x = x.astype(self.dtype)
    for stage in self.stages:
      x = stage(x)
    return x.astype(jnp.float32) * inputs.SCALE + inputs.CENTER


def _adjoint(stage: dict[str, Any], **options: Any) -> layers.ConvTranspose:
  """Returns the transposed convolution that mirrors a convolution."""
  return layers.ConvTranspose(
    **stage
    | {
      'in_features': stage['out_features'],
      'out_features': stage['in_features'],
    },
    transpose_kernel=True,
    **options,
  )


class HyperAnalysis(nnx.Module):
  """Two strided convolutions from the latent to the side information.

  NOTE: They see logarithms of magnitudes besides the latent itself. What is to
  be told is mostly the log scale around each place: a mean of these, where of
  signed values it would have to be learned, from side information that is all
  zeros once rounded.
  """

  def __init__(self, latent_channels: int, channels: int, *, rngs: nnx.Rngs):
    self.conv1 = layers.Conv(
      2 * latent_channels, channels, (4, 4), (2, 2), rngs=rngs
    )
    self.conv2 = layers.Conv(channels, channels, (4, 4), (2, 2), rngs=rngs)

  def __call__(self, latent: jax.Array) -> jax.Array:
    """Returns `[N, ceil(ceil(h / 2) / 2), ..., channels]`."""
    magnitude = jnp.log(jnp.abs(latent) + _LEAST)
    x = jnp.concatenate([latent, magnitude], axis=-1)
    return self.conv2(nnx.relu(self.conv1(x)))


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
      channels, 2 * channels, (4, 4), (2, 2), rngs=rngs
    )
    self.statistics = layers.Conv(
      2 * channels, 2 * latent_channels, (1, 1), rngs=rngs
    )

  def __call__(self, hyper: jax.Array) -> jax.Array:
    """Returns `[N, 4 h, 4 w, 2 * latent_channels]`, means first."""
    x = nnx.relu(self.up1(hyper))
    return self.statistics(nnx.relu(self.up2(x)))

  def integer_layers(self) -> list[protocol.PlainLayer]:
    """Returns the layers as `codec.IntegerNetwork` takes them."""
    parts = (
      (self.up1, 'transposed', 'relu'),
      (self.up2, 'transposed', 'relu'),
      (self.statistics, 'conv', None),
    )
    return [
      protocol.PlainLayer(
        np.asarray(layer.kernel[...]), np.asarray(layer.bias[...]), *how
      )
      for layer, *how in parts
    ]


def radii(levels: int, kernel: int, blocks: int) -> tuple[int, int]:
  """Returns how far the analysis and the synthesis reach, at the most.

  Args:
    levels: stages after the stem, each of stride 2.
    kernel: side of their kernels.
    blocks: residual blocks behind the stem and each level but the last.

  Returns:
    For the analysis in pixels, for the synthesis in places of the latent.
  """
  analysis = 2 * STEM_STRIDE - 1
  # A pixel of a transposed convolution depends on (k - 1) // stride places
  # around it; in pixels, rounded up.
  synthesis = STEM_STRIDE
  for level in range(levels):
    pixels = STEM_STRIDE * 2**level
    analysis += (kernel - 1) * pixels + 4 * blocks * pixels
    synthesis += ((kernel - 1) // 2) * 2 * pixels + 2 * blocks * pixels
  return analysis, -(-synthesis // (STEM_STRIDE * 2**levels))
