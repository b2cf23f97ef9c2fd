"""Which of several equal ways to compute a convolution, by its shape.

A transposed convolution *paints* a small grid onto a large one; a strided
convolution *gathers* the large grid into the small one. Each is the other's
gradient with respect to the image, and both have the same gradient with respect
to the kernel. So there are three operations to choose for, and `choose` chooses
all three. What is settled elsewhere: `conv` hands to XLA what has no route
here; `lowering` and `strided` reduce one and most of three spatial axes to two,
and take arrays of sharded type and the forward pass of strided convolutions
their own way; `unit_stride` and `columns` lay out what was chosen.

`benchmarks/lowering_methods.py` times the alternatives by Eigen (see `engine`),
and the conditions for Eigen are from its table in `docs/lowering.md`.
The milliseconds beside the others are from one core of an AMD EPYC with jax
0.10.2, float32, by YNNPACK, or from where it is said.
"""

from collections.abc import Sequence
import math
from typing import NamedTuple

import jax

from autoencoder.layers.lowerings import backend
from autoencoder.layers.lowerings import winograd


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
    kernel: gradient with respect to the kernel: `'whole'` (XLA's own; of a
      transposed convolution, for what `gather` says),
      `'strips'` (XLA's own, some rows at a time), `'bordered'` (XLA's own, of
      an image that has its padding already), `'swapped'` (the large grid for
      image and the small one for kernel, where that is not XLA's own; slow in
      forward mode, and to differentiate again),
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
# in 4, 24 in 8, 22 in 16; 45x60 96->96, 4 MiB, 45, 22, 18 and 21 in 1, 2, 4, 8.
_STRIP_BYTES = 1 << 20
_MOST_STRIPS, _FEWEST_ROWS = 16, 4

# Eigen needs no strips. It reads so many float32 images at once (with AVX) and
# others one by one, then faster with a border of their own. With a stride fewer
# are faster in columns; ten as they are.
_AT_ONCE = 8

# For a small grid of fewer elements, over all images, one product is faster:
# 1x4x4 512->256 4x4 / 2: 1.7 ms, 7.8 as a convolution.
_FEW = 512

# Columns are an operation for each kernel element along an axis, and compile
# slowly where there are more. 200 32->32 512 / 1, gradients: 6.7 s to compile
# and 55 ms to run, XLA's own way 0.2 s and 62 ms.
MOST_TAPS = 32

# Phases multiply by zeros, and along a border: from this share of all products
# on, a convolution for each phase is faster. 32x16x16 64->32 4x4 / 2, 1.13: 6.7
# ms apart, 8.8 in phases; 32x32x32 32->16, 1.06: 9.4 and 8.6.
_EXCESS, _EXCESS_BY_EIGEN = 1.1, 1.25

# More of them take long to compile. By Eigen those of columns stay together
# where there are so many, or few features to fill a register; by YNNPACK rows
# take as long as phases.
_MOST_PHASES = 16
_FEW_FEATURES = 32


class _Layer(NamedTuple):
  """A shape in the words of `choose`, its images in so many shares."""

  images: int
  shares: int
  sizes: Sequence[int]
  small_channels: int
  large_channels: int
  kernel_size: Sequence[int]
  strides: Sequence[int]
  dilation: Sequence[int]
  transposed: bool

  @property
  def side_by_side(self) -> bool:
    """Whether no two places of the kernel overlap."""
    return tuple(self.kernel_size) == tuple(self.strides)

  @property
  def images_on_each(self) -> float:
    """Images on each device."""
    return self.images / self.shares


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
  strided = max(strides) > 1 == max(dilation)
  # Of a dilated kernel each phase sees other neighbours.
  method = 'phases' if strided else 'stuffed'
  # An exported program may leave sizes open: no shape then to choose by.
  if (
    groups > 1
    or jax.default_backend() != 'cpu'
    or not all(isinstance(size, int) for size in sizes)
  ):
    return Methods(method, method, 'whole')
  open_batch = not isinstance(images, int)
  layer = _Layer(
    1 if open_batch else images, _shares(), sizes, small_channels,
    large_channels, kernel_size, strides, dilation, transposed,
  )  # fmt: skip
  if strided and transposed and layer.side_by_side:
    # 8x64x64 48->32 2x2 / 2, forward and gradients: 27 ms, 29 with a gradient
    # for images of its own ('direct') and one for kernels ('columns').
    return Methods('phases', 'phases', 'phases')
  kernel = 'whole' if open_batch else _kernel(layer)
  strips = _strips(layer, kernel)
  if strided:
    # 8x32x32 32->3 4x4 / 2: 0.5 ms in phases, 1.2 directly; with 16 features
    # and 8x64x64 9.7 and 6.3 ms.
    gather = 'phases' if large_channels < NARROW else 'direct'
    return Methods(_paint(layer), gather, kernel, strips)
  products = layer.images_on_each * math.prod(
    (*sizes, *kernel_size, small_channels, large_channels)
  )
  if (
    not (exact or transposed or open_batch)
    and len(sizes) == 2
    and kernel_size[0] == winograd.TAPS
    and min(small_channels, large_channels) >= _WIDE
    and products >= _MANY_PRODUCTS
  ):
    method = 'winograd'
  return Methods(method, method, kernel, strips)


def _kernel(layer: _Layer) -> str:
  """Returns how to compute the gradient with respect to the kernel."""
  strides, dilation = layer.strides, layer.dilation
  by_eigen = backend.is_eigen()
  unit = max(strides) == 1
  # The features of what it computes should fill a register: 8x64x64 32->3
  # 3x3: 0.7 ms, 6.7 XLA's own way.
  narrow = layer.small_channels < NARROW <= layer.large_channels
  if (
    by_eigen
    and unit
    and max(dilation) == 1
    and len(layer.sizes) == 2
    and not (layer.side_by_side or layer.transposed)
  ):
    # Eight images of fewer features than channels would be faster swapped, but
    # then derivatives in forward mode and second ones are slow.
    if narrow:
      return 'swapped'
    return 'bordered' if layer.images_on_each % _AT_ONCE else 'strips'
  if (
    max(dilation) > 1
    or len(layer.sizes) == 3
    or layer.images * math.prod(layer.sizes) < _FEW
    or layer.side_by_side
    or (by_eigen and not unit and layer.images_on_each < _AT_ONCE)
  ):
    # Without overlaps 8x64x64 32->64 2x2 / 2: 1.8 ms, 3.4 as a convolution.
    steps = strides if max(dilation) == 1 else (1,) * len(strides)
    longest = max(-(-k // s) for k, s in zip(layer.kernel_size, steps))
    return 'columns' if longest <= MOST_TAPS else 'whole'
  # 8x64x64 32->64 4x4 / 2: 8.2 ms in strips, 25 by columns.
  return 'swapped' if layer.transposed or (unit and narrow) else 'strips'


def _strips(layer: _Layer, kernel: str) -> int:
  """Returns into how many strips of rows to split the small grid."""
  striped = kernel == 'strips' or (kernel == 'swapped' and layer.transposed)
  if backend.is_eigen() or not striped:
    return 1
  size = 4 * layer.images_on_each * layer.small_channels
  size *= math.prod(layer.sizes)
  # 64x16x16 64->32 4x4 / 2, 2 MiB on each of a Xeon's two cores: 11.8 ms
  # whole, 8.7, 6.6, 7.2 in 2, 4, 8; 64x8x8 128->64, 1 MiB: 6.8, 6.0, 6.6 in 1,
  # 2, 4.
  if kernel == 'swapped' and size > _STRIP_BYTES:
    size *= 2
  strips = min(math.ceil(size / _STRIP_BYTES), _MOST_STRIPS)
  return max(1, min(strips, layer.sizes[0] // _FEWEST_ROWS))


def _paint(layer: _Layer) -> str:
  """Returns how to paint with a stride."""
  sizes, strides = layer.sizes, layer.strides
  by_eigen = backend.is_eigen()
  taps = [-(-k // s) for k, s in zip(layer.kernel_size, strides)]
  # What phases multiply for each product needed: a border, and zeros where the
  # kernel is no multiple of the stride.
  excess = math.prod(
    (n + q - 1) * q * s / (n * k)
    for n, k, s, q in zip(sizes, layer.kernel_size, strides, taps)
  )
  # 8x32x32 64->32 5x5 / 2: 10 ms apart, 15 in phases; 2x2: 2.3 and 1.7.
  if (
    len(sizes) != 2
    or excess <= (_EXCESS_BY_EIGEN if by_eigen else _EXCESS)
    or layer.large_channels < NARROW
    or math.prod(strides) > _MOST_PHASES
    or any(k < s for k, s in zip(layer.kernel_size, strides))
  ):
    return 'phases'
  together = (
    layer.large_channels < _FEW_FEATURES or math.prod(strides) == _MOST_PHASES
  )
  return 'rows' if by_eigen and together else 'apart'


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


def _shares() -> int:
  """Returns into how many shares a mesh may still split the batch."""
  mesh = jax.sharding.get_abstract_mesh()
  split = math.prod(mesh.shape[axis] for axis in mesh.manual_axes)
  return max(jax.device_count() // split, 1)  # An abstract mesh may be larger.
