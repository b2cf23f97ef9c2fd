"""The stride-1 convolution, in the form that XLA runs fast."""

from collections.abc import Sequence
import math
from typing import Any

import jax
from jax import lax

from autoencoder.layers.lowerings import backend as backend_lib
from autoencoder.layers.lowerings import choose
from autoencoder.layers.lowerings import few_channels
from autoencoder.layers.lowerings import polyphase
from autoencoder.layers.lowerings import xla_convolution


def convolution(
  x: jax.Array,
  kernel: jax.Array,
  padding: Sequence[tuple[int, int]],
  *,
  backend: choose.Backend,
  numerics: dict[str, Any],
  dilation: Sequence[int] | None = None,
  groups: int = 1,
) -> jax.Array:
  """Returns the stride-1 convolution of `x` with `kernel`."""
  dilation = dilation or (1,) * len(padding)
  is_pointwise = groups == 1 and math.prod(kernel.shape[:-2]) == 1
  if is_pointwise and not backend_lib.is_sharded(x, kernel):
    x = polyphase.pad_spatial(x, [(0, 0), *padding])
    # As matrices: XLA on CPU would copy more for the gradient otherwise.
    channels, features = kernel.shape[-2:]
    y = lax.dot_general(
      x.reshape(math.prod(x.shape[:-1]), channels),
      kernel.reshape(channels, features),
      (((1,), (0,)), ((), ())),
      **numerics,
    )
    return y.reshape(*x.shape[:-1], features)
  if groups == 1 and choose.has_few_channels(kernel.shape, backend):
    return few_channels.convolution(x, kernel, padding, dilation, numerics)
  extra = 0
  if groups == 1:
    x, kernel = even_channels(x, kernel, backend)
  if backend.needs_padding:
    x, padding, extra = _add_padding(x, kernel.shape, padding, dilation)
  y = xla_convolution.convolution(
    x, kernel, padding, rhs_dilation=dilation, feature_group_count=groups,
    **numerics,
  )  # fmt: skip
  return lax.slice_in_dim(y, 0, y.shape[1] - extra, axis=1)


def even_channels(
  x: jax.Array, kernel: jax.Array, backend: choose.Backend
) -> tuple[jax.Array, jax.Array]:
  """Adds a channel of zeros to both if the backend reads pairs of channels."""
  channels = x.shape[-1]
  # XLA computes a single input channel fast, so it is not padded.
  if not backend.reads_pairs or channels == 1 or channels % 2 == 0:
    return x, kernel
  edges = [(0, 0)] * (x.ndim - 2)
  x = polyphase.pad_spatial(x, [*edges, (0, 0), (0, 1)])
  return x, polyphase.pad_spatial(kernel, [*edges, (0, 1)])


def _add_padding(x, kernel_size, padding, dilation):
  """Rewrites a convolution so that YNNPACK runs it fast.

  Two things make it slow: an output larger than the input, unless the first
  rows of zeros are part of the input; and no padding at all, unless one more
  row of the output is computed, and dropped.

  Returns:
    Input, padding, and how many rows of the output to drop at the end.
  """
  edges, kept = [(0, 0)], []
  for k, d, (low, high) in zip(kernel_size, dilation, padding):
    grows = min(max(low + high - (k - 1) * d, 0), max(low, 0))
    edges.append((grows, 0))
    kept.append((low - grows, high))
  if any(low for low, _ in edges):
    # Without the barrier XLA would move the padding back.
    x = lax.optimization_barrier(polyphase.pad_spatial(x, edges))
  extra = 0
  if not any(max(pair) > 0 for pair in kept):
    extra = 1 - kept[0][1]
    kept[0] = (kept[0][0], 1)
  return x, tuple(kept), extra
