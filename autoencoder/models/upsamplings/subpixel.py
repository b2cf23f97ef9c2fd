"""Upsampling by a sub-pixel convolution: 3 x 3, then depth-to-space."""

import functools
from typing import Any

from flax import nnx

from autoencoder import layers
from autoencoder.models.upsamplings import registry


def _make_up(
  use_icnr: bool,
  side: int,
  factor: int,
  in_features: int,
  out_features: int,
  **kwargs: Any,
) -> nnx.Module:
  del side
  return layers.SubpixelConv(
    in_features,
    out_features,
    (3, 3),
    use_icnr=use_icnr,
    strides=(factor, factor),
    **kwargs,
  )


# With ICNR, the layer is initialised without a checkerboard.
for _name, _use_icnr in {'subpixel': True, 'subpixel_plain': False}.items():
  registry.register(
    _name,
    registry.Upsampling(
      functools.partial(_make_up, _use_icnr), up_radius=lambda kernel: 1
    ),
  )
