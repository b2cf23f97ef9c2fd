"""The transforms of a learned codec and of its side information.

The first layer is a strided convolution to a quarter of the resolution, and the
last layer is its adjoint, because layers at full resolution would take most of
the time.
"""

from collections.abc import Callable
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

# Added to magnitudes of the latent before their logarithm. It is well below a
# quantisation step.
_LEAST = 2.0**-5


def make_activation(
  name: str, channels: int, *, inverse: bool = False
) -> Callable[[jax.Array], jax.Array]:
  """Returns the activation `name`.

  Args:
    name: 'gdn' or 'relu'.
    channels: channels of its input.
    inverse: whether it is for the synthesis, which has the inverse GDN.

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

  The synthesis has the adjoints of these convolutions in reverse order.
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
  """Strided convolutions from an image to the latent.

  The arguments are those of `CompressionModel`.
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
    options: dict[str, Any] = {'dtype': dtype, 'rngs': rngs}
    self.dtype = dtype
    stages: list[Callable[[jax.Array], jax.Array]] = []
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
    """Returns `[N, H / stride, W / stride, latent_channels]` float32.

    Args:
      x: `[N, H, W, channels]` in [0, 1], H and W multiples of the stride.
    """
    x = ((x - inputs.CENTER) / inputs.SCALE).astype(self.dtype)
    stage: Any  # nnx.List does not keep the type of its elements.
    for stage in self.stages:
      x = stage(x)
    return x.astype(jnp.float32)


class Synthesis(nnx.Module):
  """Transposed convolutions from a latent to an image, about [0, 1].

  NOTE: A kernel has the layout of the convolution whose adjoint the layer
  computes. Muon orthogonalises the kernel as a matrix of inputs by outputs. In
  the usual layout, the last layer's matrix would have only three columns, and
  updates of rank 3.

  The arguments are those of `CompressionModel`.
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
    options: dict[str, Any] = {'dtype': dtype, 'rngs': rngs}
    self.dtype = dtype
    first, *inner = reversed(_stages(channels, widths, latent_channels, kernel))
    stages: list[Callable[[jax.Array], jax.Array]] = [
      _adjoint(first, **options)
    ]
    for stage in inner:
      width = stage['out_features']
      stages.append(make_activation(activation, width, inverse=True))
      stages += [
        blocks_lib.ResidualBlock(width, **options) for _ in range(blocks)
      ]
      stages.append(_adjoint(stage, **options))
    self.stages = nnx.List(stages)

  def __call__(self, x: jax.Array) -> jax.Array:
    """Returns `[N, stride * h, stride * w, channels]` float32.

    Args:
      x: `[N, h, w, latent_channels]`.
    """
    x = x.astype(self.dtype)
    for stage in self.stages:
      x = stage(x)
    return x.astype(jnp.float32) * inputs.SCALE + inputs.CENTER


def _adjoint(stage: dict[str, Any], **options: Any) -> layers.ConvTranspose:
  """Returns the transposed convolution that is the adjoint of a stage.

  Args:
    stage: arguments of the convolution.
    **options: further arguments of the layer.
  """
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

  NOTE: The input is the latent and the logarithm of its magnitudes. The side
  information mostly describes the log scale around each place, which is about
  the mean of these logarithms. From the signed latent alone, this would have to
  be learned while the rounded side information is still all zeros.

  Args:
    latent_channels: channels of the latent.
    channels: channels of the side information.
    rngs: parameter key.
  """

  def __init__(self, latent_channels: int, channels: int, *, rngs: nnx.Rngs):
    self.conv1 = layers.Conv(
      2 * latent_channels, channels, (4, 4), (2, 2), rngs=rngs
    )
    self.conv2 = layers.Conv(channels, channels, (4, 4), (2, 2), rngs=rngs)

  def __call__(self, latent: jax.Array) -> jax.Array:
    """Returns `[N, ceil(ceil(h / 2) / 2), ceil(ceil(w / 2) / 2), channels]`.

    Args:
      latent: `[N, h, w, latent_channels]`.
    """
    magnitude = jnp.log(jnp.abs(latent) + _LEAST)
    x = jnp.concatenate([latent, magnitude], axis=-1)
    return self.conv2(nnx.relu(self.conv1(x)))


class HyperSynthesis(nnx.Module):
  """Predicts mean and log scale of the latent from the side information.

  NOTE: `autoencoder.codec` evaluates it in integers, so that encoder and
  decoder compute identical values on all machines. Therefore it has only
  convolutions and ReLU.

  Args:
    channels: channels of the side information.
    latent_channels: channels of the latent.
    rngs: parameter key.
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
    """Returns `[N, 4 * h, 4 * w, 2 * latent_channels]`, means first.

    Args:
      hyper: `[N, h, w, channels]`, rounded side information.
    """
    x = nnx.relu(self.up1(hyper))
    return self.statistics(nnx.relu(self.up2(x)))

  def integer_layers(self) -> list[protocol.PlainLayer]:
    """Returns the layers as arrays, for `codec.IntegerNetwork`."""
    parts: tuple[tuple[Any, ...], ...] = (
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
  """Returns upper bounds of the receptive radii of analysis and synthesis.

  Args:
    levels: number of stages after the stem, each of stride 2.
    kernel: side of their kernels.
    blocks: residual blocks after the stem and after each level but the last.

  Returns:
    The radius of the analysis in pixels, and that of the synthesis in places of
    the latent.
  """
  analysis = 2 * STEM_STRIDE - 1
  # The radius of the synthesis in pixels, rounded up. An output pixel of a
  # transposed convolution depends on places up to (k - 1) // stride away.
  synthesis = STEM_STRIDE
  for level in range(levels):
    pixels = STEM_STRIDE * 2**level
    analysis += (kernel - 1) * pixels + 4 * blocks * pixels
    synthesis += ((kernel - 1) // 2) * 2 * pixels + 2 * blocks * pixels
  return analysis, -(-synthesis // (STEM_STRIDE * 2**levels))
