"""Which of several equal ways to compute a convolution, by its shape.

A transposed convolution *paints* a small grid onto a large one; a strided
convolution *gathers* the large grid into the small one. Each is the other's
gradient with respect to the image, and both have the same gradient with respect
to the kernel. So there are three operations to choose for, and `choose` is
where all three are chosen.

The milliseconds beside each condition are from one core of an AMD EPYC with
jax 0.10.2, float32; `benchmarks/results/transposed_convolution.json` has the
table that came of it.
"""

from collections.abc import Sequence
import math
from typing import NamedTuple

import jax


class Methods(NamedTuple):
  """How to compute each operation.

  Attributes:
    paint: `'phases'` (a stride-1 convolution to one channel per output phase,
      rearranged into pixels), `'apart'` (one such convolution for each phase)
      or `'stuffed'` (zeros between inputs, then stride 1).
    gather: `'direct'` (XLA's own strided convolution), `'phases'` or
      `'stuffed'`, their mirror images.
    kernel: gradient with respect to the kernel: `'whole'` (XLA's own),
      `'parts'` (XLA's own, some images at a time), `'swapped'` (the large grid
      for image and the small one for kernel, where that is not XLA's own; in
      parts too) or `'columns'` (one matrix product per group of images).
    parts: number of parts.
  """

  paint: str
  gather: str
  kernel: str
  parts: int = 1


# Fewer channels than a vector register holds: reading them pixel by pixel
# wastes it, phases read the pixels of a stride at once.
NARROW = 16

# XLA's gradient for the kernel is a convolution whose kernel is the whole small
# grid, and slower as soon as that leaves the cache. 64x32x32 32->64 3x3 / 2:
# 65 ms whole (16 MB), 51 in parts of 1 MB.
_CACHED_BYTES = 5 << 18

# Images of a part: fewer are slower. 4x90x120 48->48 3x3: 25 ms, one by one 31.
_FEWEST = 4

# For a small grid of fewer elements, over all images, one product is faster:
# 1x4x4 512->256 4x4 / 2: 1.7 ms, 7.8 as a convolution.
_FEW = 512

# Phases multiply by zeros, and along a border: from this share of all products
# on, a convolution for each phase is faster. 32x16x16 64->32 4x4 / 2, 1.13: 6.7
# ms apart, 8.8 in phases; 32x32x32 32->16, 1.06: 9.4 and 8.6.
_EXCESS = 1.1

# More of them take long to compile; of 9x9 / 4 these take three times as long
# as XLA's own, and half the time of phases to run.
_MOST_PHASES = 16


def choose(
  images: int,
  sizes: Sequence[int],
  small_channels: int,
  large_channels: int,
  kernel_size: Sequence[int],
  strides: Sequence[int],
  dilation: Sequence[int],
  groups: int = 1,
  *,
  transposed: bool,
) -> Methods:
  """Returns the methods for one shape.

  Args:
    images: batch size.
    sizes: spatial shape of the small grid.
    small_channels: channels on the small grid.
    large_channels: channels on the large grid.
    kernel_size: kernel elements per spatial axis.
    strides: large-grid elements between neighbouring small-grid elements.
    dilation: large-grid elements between neighbouring kernel elements.
    groups: number of feature groups.
    transposed: whether it is the transposed convolution.

  Example::

    >>> shape = (4, 4), (2, 2), (1, 1)  # Kernel, strides, dilation.
    >>> choose(64, (4, 4), 512, 256, *shape, transposed=True).paint
    'apart'
    >>> choose(64, (32, 32), 32, 16, *shape, transposed=True).paint
    'phases'
  """
  by_xla = groups > 1 or jax.default_backend() != 'cpu'
  small_bytes = 4 * images * small_channels * math.prod(sizes)
  if by_xla:
    kernel = 'whole'
  elif (
    max(dilation) > 1
    or len(sizes) == 3
    or images * math.prod(sizes) < _FEW
    or tuple(kernel_size) == tuple(strides)
  ):
    # Without overlaps 8x64x64 32->64 2x2 / 2: 1.8 ms, 3.4 as a convolution.
    kernel = 'columns'
  elif transposed or (
    # The features of what it computes should fill a register: 8x64x64 32->3
    # 3x3: 0.7 ms, 6.7 XLA's own way.
    max(strides) == 1 and small_channels < NARROW <= large_channels
  ):
    kernel = 'swapped'
  else:
    # 8x64x64 32->64 4x4 / 2: 8.2 ms, 25 by columns.
    kernel = 'parts'
  parts = 1
  if kernel in ('swapped', 'parts'):
    share = small_bytes / jax.device_count()  # A mesh may have split them.
    parts = _parts(images, math.ceil(share / _CACHED_BYTES))
  if max(strides) == 1 or max(dilation) > 1:
    # Phases of a dilated kernel see different neighbours.
    return Methods('stuffed', 'stuffed', kernel, parts)
  if by_xla:
    return Methods('phases', 'phases', kernel, parts)
  # 8x32x32 32->3 4x4 / 2: 0.5 ms in phases, 1.2 directly; with 16 features and
  # 8x64x64 9.7 and 6.3 ms.
  gather = 'phases' if large_channels < NARROW else 'direct'
  taps = [-(-k // s) for k, s in zip(kernel_size, strides)]
  # What phases multiply for each product needed: a border, and zeros where the
  # kernel is no multiple of the stride.
  excess = math.prod(
    (n + q - 1) * q * s / (n * k)
    for n, k, s, q in zip(sizes, kernel_size, strides, taps)
  )
  # 8x32x32 64->32 5x5 / 2: 10 ms apart, 15 in phases; 2x2: 2.3 and 1.7.
  apart = (
    len(sizes) == 2
    and excess > _EXCESS
    and large_channels >= NARROW
    and math.prod(strides) <= _MOST_PHASES
    and all(k >= s for k, s in zip(kernel_size, strides))
  )
  return Methods('apart' if apart else 'phases', gather, kernel, parts)


def is_sharded(*arrays: jax.Array) -> bool:
  """Returns whether the type of an array says that an axis of it is sharded.

  It does in JAX's explicit mode, where few of the ways to rearrange such an
  array are allowed.
  """
  return any(
    part is not None
    for array in arrays
    for part in jax.typeof(array).sharding.spec
  )


def _parts(images: int, wanted: int) -> int:
  """Returns how many parts to split a batch into, 1 if none will do.

  Each has as many images from every device that a mesh may have split the batch
  over, and no more than 8 are written out.
  """
  devices = jax.device_count()
  fitting = [
    parts
    for parts in range(1, 9)
    if images % (parts * devices) == 0
    and images // (parts * devices) >= _FEWEST
  ]
  return min(fitting, key=lambda parts: abs(parts - wanted), default=1)
