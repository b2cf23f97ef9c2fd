"""Which of several equal ways to compute a convolution, by its shape.

A transposed convolution *paints* a small grid onto a large one; a strided
convolution *gathers* the large grid into the small one. Each is the other's
gradient with respect to the image, and both have the same gradient with respect
to the kernel. So there are three operations to choose for, and `choose` is
where all three are chosen.

The milliseconds beside each condition are from 2 CPU cores, float32;
`benchmarks/results/transposed_convolution.json` has the table.
"""

from collections.abc import Sequence
import math
from typing import NamedTuple

import jax


class Methods(NamedTuple):
  """How to compute each operation.

  Attributes:
    paint: `'direct'` (XLA's own dilated-input convolution), `'phases'` (a
      stride-1 convolution to one channel per output phase, rearranged into
      pixels) or `'stuffed'` (zeros between inputs, then stride 1).
    gather: `'direct'` (XLA's own strided convolution), or its mirror images.
    kernel: gradient with respect to the kernel: `'columns'` (one matrix product
      per group of images), `'parts'` (XLA's own, a few images at a time) or
      `'whole'` (XLA's own).
    parts: number of parts.
  """

  paint: str
  gather: str
  kernel: str
  parts: int = 1


# Fewer channels than a vector register holds: reading them pixel by pixel
# wastes it, phases read the pixels of a stride at once.
NARROW = 16

# XLA's gradient for the kernel of a strided convolution is a convolution whose
# kernel is the whole small grid, and slow as soon as that leaves the cache.
# 64x32x32 32->64 2x2: 50 ms whole (17 MB), 38 in parts of 2 MB, 17 of 1 MB.
_CACHED_BYTES = 5 << 18

# XLA's painting holds all products before adding them up. Beyond 32 MB glibc
# takes and returns that memory in every call, and its page faults cost more
# than the products: 64x16x16 64->32 4x4 / 2, 34 MB: 22.7 ms, in phases 9.6.
_PRODUCTS_BYTES = 20 << 20

# Adding up a product costs XLA's painting about as much as this many
# multiplications; phases multiply by zeros instead.
_ADDING = 32


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
    'direct'
    >>> choose(64, (32, 32), 32, 16, *shape, transposed=True).paint
    'phases'
  """
  by_xla = groups > 1 or jax.default_backend() != 'cpu'
  image_bytes = 4 * small_channels * math.prod(sizes)
  parts = 1
  if by_xla:
    kernel = 'whole'
  elif transposed or len(sizes) == 3:
    # 4x16x16x16 16->32 3x3x3 / 2, forward and gradients: 9 ms and 297 whole.
    kernel = 'columns'
  elif images * image_bytes <= _CACHED_BYTES:
    # 16x16x16 64->64 3x3: 6.5 ms, 20 by columns.
    kernel = 'whole'
  elif max(strides) > 1:
    # 16x64x64 32->64 3x3 / 2: 28 ms, 65 whole; 3->32 4x4 / 2: 4.7 and 4.1.
    kernel = 'whole' if large_channels < NARROW else 'columns'
  elif small_channels < NARROW or image_bytes > 2 * _CACHED_BYTES:
    # 1x256x256 32->32 3x3: 119 ms, 188 by columns.
    kernel = 'whole'
  else:
    # 16x64x64 32->32 3x3: 43 ms, 86 by columns, 112 whole.
    parts = _parts(images, -(-images * image_bytes // _CACHED_BYTES))
    kernel = 'parts' if parts > 1 else 'columns'
  if max(strides) == 1 or max(dilation) > 1:
    # Phases of a dilated kernel see different neighbours.
    return Methods('stuffed', 'stuffed', kernel, parts)
  if by_xla:
    return Methods('phases', 'phases', kernel)
  # 16x32x32 32->3 4x4 / 2: 0.6 ms in phases, 1.8 directly; with 16 features
  # and 16x64x64 14.8 and 7.7 ms.
  gather = 'phases' if large_channels < NARROW else 'direct'
  taps = [-(-k // s) for k, s in zip(kernel_size, strides)]
  # What phases multiply for each product needed: a border, and zeros where the
  # kernel is no multiple of the stride.
  excess = math.prod(
    (n + q - 1) * q * s / (n * k)
    for n, k, s, q in zip(sizes, kernel_size, strides, taps)
  )
  products = images * large_channels * math.prod((*sizes, *kernel_size))
  direct = (
    len(sizes) == 2  # In three dimensions 50 to 100 times as slow.
    and 4 * products <= _PRODUCTS_BYTES
    # 64x4x4 512->256 4x4 / 2: 28 ms directly, 35 in phases; 16x32x32 64->32
    # 3x3 / 2: 7.3 and 7.8; 16x32x32 64->32 2x2 / 2: 3.0 and 2.1.
    and small_channels * (excess - 1) > _ADDING
  )
  return Methods('direct' if direct else 'phases', gather, kernel)


def _parts(images: int, wanted: int) -> int:
  """Returns how many parts to split a batch into, 1 if none will do.

  Each has as many images from every device that a mesh may have split the batch
  over, and no more than 16 are written out.
  """
  devices = jax.device_count()
  for parts in range(min(wanted, images), min(images, 16) + 1):
    if images % (parts * devices) == 0:
      return parts
  return 1
