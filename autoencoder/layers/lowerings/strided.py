"""The ways to compute a strided convolution, from the large grid to the small.

At stride 1 both grids are alike, and these are the ways of either direction.
"""

from collections.abc import Sequence
import functools
from typing import Any

import jax

from autoencoder.layers.lowerings import choose
from autoencoder.layers.lowerings import polyphase
from autoencoder.layers.lowerings import unit_stride
from autoencoder.layers.lowerings import winograd
from autoencoder.layers.lowerings import xla_convolution


def convolution(
  plan: choose.Plan,
  way: str,
  x: jax.Array,
  kernel: jax.Array,
  padding: Sequence[tuple[int, int]],
  strides: Sequence[int],
  dilation: Sequence[int],
  numerics: dict[str, Any],
) -> jax.Array:
  """Returns the convolution, computed in one way of the plan."""
  if way == 'xla':
    x, kernel = unit_stride.even_channels(x, kernel, plan.backend)
    return xla_convolution.convolution(
      x, kernel, padding, strides=strides, rhs_dilation=dilation, **numerics
    )
  convolve = functools.partial(
    unit_stride.convolution, backend=plan.backend, numerics=numerics
  )
  if way == 'unit_stride':
    return convolve(x, kernel, padding, dilation=dilation)
  if way == 'winograd':
    return winograd.convolution(convolve, x, kernel, padding)
  return polyphase.strided_convolution(convolve, x, kernel, padding, strides)
