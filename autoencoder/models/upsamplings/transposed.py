"""Upsampling by a transposed convolution."""

from typing import Any

from flax import nnx

from autoencoder import layers
from autoencoder.models.upsamplings import registry


def _plain(
  side: int, factor: int, in_features: int, out_features: int, **kwargs: Any
) -> nnx.Module:
  """Returns the layer with Flax's initialisation."""
  return layers.ConvTranspose(
    in_features, out_features, (side, side), strides=(factor, factor), **kwargs
  )


def _equal_phases(
  side: int, factor: int, in_features: int, out_features: int, **kwargs: Any
) -> nnx.Module:
  """Returns the layer initialised without a checkerboard, if it can be."""
  if side % factor == 0:
    init = layers.equal_phases(
      nnx.initializers.lecun_normal(), (factor, factor)
    )
    kwargs = {'kernel_init': init} | kwargs
  return _plain(side, factor, in_features, out_features, **kwargs)


def _radius(kernel: int) -> int:
  return (kernel - 1) // 2


registry.register('transposed', registry.Upsampling(_equal_phases, _radius))
registry.register('transposed_plain', registry.Upsampling(_plain, _radius))
