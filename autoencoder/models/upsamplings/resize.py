"""Upsampling by interpolation, followed by a 3 x 3 convolution."""

import functools
from typing import Any

from flax import nnx

from autoencoder import layers
from autoencoder.models.upsamplings import registry


def _make_up(
  method: str,
  side: int,
  factor: int,
  in_features: int,
  out_features: int,
  **kwargs: Any,
) -> nnx.Module:
  del side
  return layers.ResizeConv(
    in_features,
    out_features,
    (3, 3),
    method=method,
    strides=(factor, factor),
    **kwargs,
  )


for _method in ('nearest', 'bilinear'):
  registry.register(
    _method,
    registry.Upsampling(
      functools.partial(_make_up, _method),
      # A 3 x 3 convolution on the fine grid stays within one coarse pixel.
      up_radius=lambda kernel: 1,
    ),
  )
