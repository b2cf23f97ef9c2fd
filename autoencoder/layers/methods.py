"""Which of several equal ways to compute a convolution, by its shape.

A transposed convolution *paints* a small grid onto a large one; a strided
convolution *gathers* the large grid into the small one. Each is the other's
gradient with respect to the image, and both have the same gradient with respect
to the kernel. So there are three operations to choose for, and `choose` chooses
all three. What is settled elsewhere: `conv` hands to XLA what has no route
here; `lowering` and `strided` reduce one and most of three spatial axes to two,
and take arrays of sharded type and the forward pass of strided convolutions
their own way; `unit_stride` and `columns` lay out what was chosen.

The milliseconds beside each condition are from an AMD EPYC with jax 0.10.2,
float32, on one core and by YNNPACK (see `engine`) where nothing else is said.
What came of them, on two cores and by Eigen, is in
`benchmarks/results/transposed_convolution.json`.
"""

from collections.abc import Sequence
import math
from typing import NamedTuple

import jax

from autoencoder.layers import engine
from autoencoder.layers import winograd


class Methods(NamedTuple):
  """How to compute each operation.

  Attributes:
    paint: `'phases'` (a stride-1 convolution to one channel per output phase,
      rearranged into pixels), `'apart'` (one such convolution for each phase),
      `'rows'` (one for each phase of rows, to a channel per phase of columns),
      `'stuffed'` (zeros between inputs, then stride 1) or, where the stride is
      1, `'winograd'` (with half of the products).
    gather: `'direct'` (XLA's own strided convolution), `'phases'`,
      `'stuffed'` or `'winograd'`, their mirror images.
    kernel: gradient with respect to the kernel: `'whole'` (XLA's own),
      `'strips'` (XLA's own, some rows at a time), `'swapped'` (the large grid
      for image and the small one for kernel, where that is not XLA's own),
      `'columns'` (one matrix product per group of images) or
      `'phases'` (one product with what `gather` has rearranged already).
    strips: into how many strips of rows `'strips'` and, of a transposed
      convolution, `'swapped'` divide the small grid.
  """

  paint: str
  gather: str
  kernel: str
  strips: int = 1


# What half of the products saves is more than its sums cost, from so many
# channels and products on a core on. 8x64x64 on each of two, 3x3, forward: 48
# channels 6.7 ms whole and 5.0 with half, 32: 2.9 and 2.4, 16: 1.5 and 1.5; 96:
# 27 and 16. 1x23x30 64: 0.5 and 0.7. On a Xeon, 32 channels: 4.2 ms whole and
# 6.1 with half; the packaged denoiser on 512x768 pixels: 825 ms without, 808
# from 48 and 887 from 32 channels on. It takes 0.2 s more to compile.
_WIDE, _MANY_PRODUCTS = 48, 8e7

# Fewer channels than a vector register holds: reading them pixel by pixel
# wastes it, phases read the pixels of a stride at once.
NARROW = 16

# XLA's gradient for the kernel is a convolution whose kernel is the whole small
# grid, read once for every few elements of the result, and slow where that
# leaves a core's cache. In strips of at most so much, on a Xeon, each of two
# cores with 4 images: 90x120 48->48 3x3, 8 MiB, 74 ms whole, 69 in 2 strips, 37
# in 4, 24 in 8, 22 in 16 (PyTorch 13); 45x60 96->96, 4 MiB, 45, 22, 18 and 21
# in 1, 2, 4, 8; 64x64 32->32, 2 MiB, 6.2, 3.9, 5.6 and 4.2. Columns of strips
# of rows, not used: 33 ms for the first.
_STRIP_BYTES = 1 << 20
_MOST_STRIPS, _FEWEST_ROWS = 16, 4

# Eigen needs no strips. But it reads a pixel of all images at once, and of
# few images one by one: 1x128x128 32->3 4x4 / 2, transposed, 8.8 ms, columns
# 2.1; 2x64x64 32->16, 12 and 4; 4x64x64, 19 and 10; 8x64x64, 15 and 18. With a
# stride of 1 that holds only where it pads: 1x64x64 64->64 3x3 17 ms, 4.4 of an
# image with its border.
_FEW_IMAGES = 4

# For a small grid of fewer elements, over all images, one product is faster:
# 1x4x4 512->256 4x4 / 2: 1.7 ms, 7.8 as a convolution.
_FEW = 512

# Columns are an operation for each kernel element along an axis, and compile
# slowly where there are more. 1x256 8->8 128 / 1, gradients: 1.6 s to compile
# and 0.6 ms to run, XLA's own way 0.1 s and 2.4 ms; 200 32->32 512 / 1: 6.7 s
# and 55 ms, 0.2 s and 62 ms.
MOST_TAPS = 32

# Phases multiply by zeros, and along a border: from this share of all products
# on, a convolution for each phase is faster. 32x16x16 64->32 4x4 / 2, 1.13: 6.7
# ms apart, 8.8 in phases; 32x32x32 32->16, 1.06: 9.4 and 8.6. By Eigen, two
# cores, 64x16x16 64->32, 1.13: 10.3 and 9.2; 16x24x24 56->16 9x9 / 3, 1.17: 16
# and 9; 64x8x8 128->64 4x4 / 2, 1.27: 8.1 and 8.4.
_EXCESS, _EXCESS_BY_EIGEN = 1.1, 1.25

# More of them take long to compile. By Eigen those of columns stay together
# where there are so many, or few features to fill a register: 16x16x16 32->16
# 9x9 / 4, two cores, 5.7 ms apart, 4.5 in phases, 3.9 by rows, compiled in 0.6,
# 0.2 and 0.2 s; 64->64: 24, 40 and 27 ms. By YNNPACK rows take as long as
# phases.
_MOST_PHASES = 16
_FEW_FEATURES = 32


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
  exact: bool = True,
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
    exact: whether no method will do that rounds more than the sum of products
      does, as `'winograd'`.

  Returns:
    A method for each of the three operations.

  Example::

    >>> shape = (4, 4), (2, 2), (1, 1)  # Kernel, strides, dilation.
    >>> choose(64, (4, 4), 512, 256, *shape, transposed=True).paint
    'apart'
    >>> choose(64, (32, 32), 32, 16, *shape, transposed=True).paint
    'phases'
  """
  # An exported program may leave sizes open: no shape then to choose by.
  by_xla = (
    groups > 1
    or jax.default_backend() != 'cpu'
    or not all(isinstance(size, int) for size in sizes)
  )
  by_eigen = engine.is_eigen()
  side_by_side = tuple(kernel_size) == tuple(strides)  # No two overlap.
  if by_xla or not isinstance(images, int):
    kernel = 'whole'
  elif side_by_side and transposed and max(strides) > 1 == max(dilation):
    # 8x64x64 48->32 2x2 / 2, forward and gradients: 27 ms, 29 with a gradient
    # for images of its own ('direct') and one for kernels ('columns').
    return Methods('phases', 'phases', 'phases')
  elif (
    max(dilation) > 1
    or len(sizes) == 3
    or images * math.prod(sizes) < _FEW
    or side_by_side
    or (by_eigen and max(strides) > 1 and images / _shares() <= _FEW_IMAGES)
  ):
    # Without overlaps 8x64x64 32->64 2x2 / 2: 1.8 ms, 3.4 as a convolution.
    steps = strides if max(dilation) == 1 else (1,) * len(sizes)
    longest = max(-(-k // s) for k, s in zip(kernel_size, steps))
    kernel = 'columns' if longest <= MOST_TAPS else 'whole'
  elif transposed or (
    # The features of what it computes should fill a register: 8x64x64 32->3
    # 3x3: 0.7 ms, 6.7 XLA's own way.
    max(strides) == 1 and small_channels < NARROW <= large_channels
  ):
    kernel = 'swapped'
  else:
    # 8x64x64 32->64 4x4 / 2: 8.2 ms, 25 by columns.
    kernel = 'strips'
  strips = 1
  striped = kernel == 'strips' or (kernel == 'swapped' and transposed)
  if striped and not by_eigen:
    small_bytes = 4 * images * small_channels * math.prod(sizes) / _shares()
    # 64x16x16 64->32 4x4 / 2, 2 MiB on each of a Xeon's two cores: 11.8 ms
    # whole, 8.7, 6.6, 7.2 in 2, 4, 8; 64x32x32 32->16, 4 MiB: 17.0, 10.7, 9.6
    # in 1, 4, 8; 64x8x8 128->64, 1 MiB: 6.8, 6.0, 6.6 in 1, 2, 4.
    if kernel == 'swapped' and small_bytes > _STRIP_BYTES:
      small_bytes *= 2
    strips = _strips(small_bytes, sizes[0])
  if max(strides) == 1 or max(dilation) > 1:
    # Phases of a dilated kernel see different neighbours.
    products = images * math.prod((
      *sizes, *kernel_size, small_channels, large_channels
    )) / _shares()
    halved = (
      not (by_xla or exact or transposed)
      and isinstance(images, int)
      and len(sizes) == 2
      and kernel_size[0] == winograd.TAPS
      and min(small_channels, large_channels) >= _WIDE
      and products >= _MANY_PRODUCTS
    )
    method = 'winograd' if halved else 'stuffed'
    return Methods(method, method, kernel, strips)
  if by_xla:
    return Methods('phases', 'phases', kernel, strips)
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
    and excess > (_EXCESS_BY_EIGEN if by_eigen else _EXCESS)
    and large_channels >= NARROW
    and math.prod(strides) <= _MOST_PHASES
    and all(k >= s for k, s in zip(kernel_size, strides))
  )
  paint = 'apart' if apart else 'phases'
  together = (
    large_channels < _FEW_FEATURES or math.prod(strides) == _MOST_PHASES
  )
  if apart and by_eigen and together:
    paint = 'rows'
  return Methods(paint, gather, kernel, strips)


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


def _strips(small_bytes: float, rows: int) -> int:
  """Returns into how many strips of rows to split the small grid."""
  strips = min(math.ceil(small_bytes / _STRIP_BYTES), _MOST_STRIPS)
  return max(1, min(strips, rows // _FEWEST_ROWS))


def _shares() -> int:
  """Returns into how many shares a mesh may still split the batch."""
  mesh = jax.sharding.get_abstract_mesh()
  split = math.prod(mesh.shape[axis] for axis in mesh.manual_axes)
  return max(jax.device_count() // split, 1)  # An abstract mesh may be larger.
