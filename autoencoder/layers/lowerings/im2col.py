"""The weight gradient as one matrix product per group of images.

The elements of the large grid under each position of the kernel are laid side
by side as a matrix (im2col; Chellapilla et al., High performance convolutional
neural networks for document processing, 2006) and multiplied by the small grid.
The images come in groups, so that the matrix of one group is held at a time.
"""

from collections.abc import Callable
from collections.abc import Sequence
import math
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp

from autoencoder.layers.lowerings import backend
from autoencoder.layers.lowerings import polyphase

# Memory for the matrix of a group, which should stay in the cache.
_GROUP_BYTES = 5 << 20


def weight_gradient(
  large: jax.Array,
  small: jax.Array,
  kernel_size: Sequence[int],
  edges: Sequence[tuple[int, int]],
  strides: Sequence[int],
  dilation: Sequence[int],
  precision: Any,
  *,
  phases: bool,
  devices: int,
) -> jax.Array:
  """Returns the weight gradient; see `weight_gradient.compute`.

  `edges` leave exactly the elements under the kernel. `phases` says whether to
  rearrange the pixels of a stride into channels first, to read them at once;
  there is no dilation then. The batch is split over `devices`.
  """
  rank, steps, size = len(strides), tuple(strides), tuple(kernel_size)
  channels, features = large.shape[-1], small.shape[-1]
  sizes = small.shape[1:-1]
  if phases:
    size = tuple(-(-k // s) for k, s in zip(kernel_size, strides))
    edges = [
      (low, high + q * s - k)
      for (low, high), q, s, k in zip(edges, size, strides, kernel_size)
    ]
    steps = (1,) * rank
  outer = next((axis for axis, k in enumerate(size) if k > 1), 0)

  def columns(image, outer_taps):
    # Axis by axis, the last first, for the order of the kernel's elements: a
    # view for every element at once would compile more slowly.
    for axis in reversed(range(rank)):
      taps = outer_taps if axis == outer else range(size[axis])
      span = (sizes[axis] - 1) * steps[axis] + 1
      starts = [tap * dilation[axis] for tap in taps]
      views = [
        lax.slice_in_dim(image, start, start + span, steps[axis], 1 + axis)
        for start in starts
      ]
      image = lax.concatenate(views, image.ndim - 1)
    return image

  # Some kernel elements along one axis at a time, if one image needs it.
  width = math.prod(size) // size[outer] * channels
  if phases:
    width *= math.prod(strides)
  tap_bytes = small.dtype.itemsize * math.prod(sizes) * width
  count = min(max(_GROUP_BYTES // tap_bytes, 1), size[outer])

  def product(large, small):
    large = polyphase.pad_spatial(large, [(0, 0), *edges])
    if phases:
      large = polyphase.pixels_to_phases(large, strides)
    small = small.reshape(-1, features)
    parts = []
    for first in range(0, size[outer], count):
      taps = range(first, min(first + count, size[outer]))
      # `columns` is reshaped to a matrix, or XLA would transpose it. The
      # product is faster with the wide side last; the barrier keeps XLA from
      # exchanging the operands.
      matrix = columns(large, taps)
      matrix = matrix.reshape(small.shape[0], matrix.shape[-1])
      part = lax.dot_general(
        small, matrix, (((0,), (0,)), ((), ())), precision=precision
      )
      parts.append(lax.optimization_barrier(part))
    return lax.concatenate(parts, 1)

  matrix = _sum_groups(product, large, small, tap_bytes * count, devices).T
  if not phases:
    return matrix.reshape(*size, channels, features)
  kernel = polyphase.phases_to_pixels(matrix.reshape(1, *size, -1), strides)[0]
  kernel = kernel.reshape(*kernel.shape[:-1], channels, features)
  return kernel[tuple(map(slice, kernel_size))]


def _sum_groups(
  function: Callable[[jax.Array, jax.Array], jax.Array],
  large: jax.Array,
  small: jax.Array,
  image_bytes: int,
  devices: int,
) -> jax.Array:
  """Returns the sum of `function` over equal groups of images.

  Each group takes as many images from each device that the batch is split over,
  so that no image moves to another device.
  """
  share = large.shape[0] // devices
  most = max(_GROUP_BYTES // image_bytes, 1)
  group = max(d for d in range(1, share + 1) if share % d == 0 and d <= most)
  if group == share:
    return function(large, small)

  def split(x):
    x = x.reshape(devices, -1, group, *x.shape[1:]).swapaxes(0, 1)
    return x.reshape(x.shape[0], -1, *x.shape[3:])

  pairs = split(large), split(small)
  result = jax.eval_shape(function, *(x[0] for x in pairs))
  zero = backend.varying_zero(large, small).astype(result.dtype)
  total, _ = lax.scan(
    lambda total, pair: (total + function(*pair), None),
    jnp.zeros(result.shape, result.dtype) + zero,
    pairs,
  )
  return total
