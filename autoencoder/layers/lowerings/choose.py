"""Decides how a convolution and its two gradients are computed.

`plan`, a pure function of a shape and a backend, makes every decision; other
modules carry it out. docs/lowering.md has the times of the alternatives, from
which the thresholds come, and the command that measures them.

Strided and transposed convolutions are the input gradients of each other, and
have the same weight gradient, so that one set of rules serves both.
"""

from collections.abc import Sequence
import dataclasses
import math
from typing import NamedTuple

from autoencoder.layers.lowerings import winograd


@dataclasses.dataclass(frozen=True)
class Backend:
  """The thresholds of one library.

  Attributes:
    name: of the library.
    on_cpu: whether the plans for CPU apply at all.
    most_excess: ratio of the multiply-adds of the polyphase way to those needed
      above which per-phase convolutions are faster.
    images_at_once: a strided weight gradient with fewer images per device is
      faster by im2col.
    pads_input: whether stride-1 weight gradients need the padding in the input,
      unless the images per device are a multiple of `images_at_once`.
    most_row_blocks: largest number of row blocks of a weight gradient.
    few_features: stride-1 convolutions to at most this many features are faster
      as a matrix product.
    few_columns: the same for at most this many kernel elements times channels.
    reads_pairs: whether an odd number of channels is slow.
    needs_padding: whether convolutions without padding, or with an output
      larger than the input, are slow.
  """

  name: str
  on_cpu: bool = True
  most_excess: float = math.inf
  images_at_once: int = 1
  pads_input: bool = False
  most_row_blocks: int = 1
  few_features: int = 0
  few_columns: int = 0
  reads_pairs: bool = False
  needs_padding: bool = False


EIGEN = Backend(
  'Eigen',
  most_excess=1.25,
  images_at_once=8,
  pads_input=True,
  few_features=12,
  few_columns=48,
)
YNNPACK = Backend(
  'YNNPACK',
  most_excess=1.1,
  most_row_blocks=16,
  reads_pairs=True,
  needs_padding=True,
)
# GPU, TPU, and arrays of sharded type.
OTHER = Backend('other', on_cpu=False)

# Thresholds that Eigen and YNNPACK share.
_FEW_CHANNELS = 16  # Fewer channels do not fill a vector register.
_WINOGRAD_CHANNELS = 48  # Winograd pays off from this many channels
_WINOGRAD_MACS = 8e7  # and from this many multiply-adds per device.
_BLOCK_BYTES = 1 << 20  # Largest memory of a row block of the small grid.
_FEWEST_BLOCK_ROWS = 4
_FEW_POSITIONS = 512  # Over fewer positions a weight gradient needs im2col.
_MOST_IM2COL_TAPS = 32  # im2col compiles an operation per kernel element.
_MANY_IM2COL_TAPS = 8  # Above this, pixels become phases before im2col.
_MOST_PHASES = 16  # More per-phase convolutions compile slowly.
_MOST_DEPTH_TAPS = 5  # conv3d holds the input once per kernel element.
_FEW_PATCH_ELEMENTS = 48  # Patches of at most this size are fast as a product.
_MOST_FEW_CHANNEL_TAPS = 32  # few_channels compiles an operation per element.


class Shape(NamedTuple):
  """The properties of a layer that the plan depends on.

  Attributes:
    images: batch size, over all devices.
    devices: number of devices that the batch is split over.
    sizes: spatial shape of the small grid.
    small_channels: channels on the small grid.
    large_channels: channels on the large grid.
    kernel_size: kernel elements per spatial axis.
    strides: large-grid elements between neighbouring small-grid elements.
    dilation: large-grid elements between neighbouring kernel elements.
    transposed: whether the layer maps the small grid to the large one.
    groups: number of feature groups; strided convolutions have one.
    exact: whether Winograd's larger rounding error is ruled out.
    sharded: whether the type of an array says that it is sharded.
  """

  images: int
  devices: int
  sizes: Sequence[int]
  small_channels: int
  large_channels: int
  kernel_size: Sequence[int]
  strides: Sequence[int]
  dilation: Sequence[int]
  transposed: bool
  groups: int = 1
  exact: bool = True
  sharded: bool = False

  @property
  def is_empty(self) -> bool:
    """Whether there is nothing to compute."""
    channels = self.small_channels, self.large_channels
    return 0 in (self.images, *self.sizes, *channels)

  @property
  def images_per_device(self) -> float:
    """Images on each device."""
    return self.images / self.devices

  @property
  def is_patches(self) -> bool:
    """Whether kernel positions neither overlap nor leave gaps."""
    return tuple(self.kernel_size) == tuple(self.strides)

  @property
  def is_strided(self) -> bool:
    """Whether the large grid falls into phases that see the same neighbours."""
    return max(self.strides) > 1 == max(self.dilation)


class Plan(NamedTuple):
  """How to compute a layer. The ways are described in docs/lowering.md.

  Attributes:
    forward: `'xla'`, `'unit_stride'`, `'polyphase'`, `'per_phase'`,
      `'zero_insertion'`, `'winograd'` or `'conv3d'`.
    input_gradient: one of the same, in the other direction.
    weight_gradient: `'im2col'`, `'im2col_polyphase'`, `'operand_swap'`,
      `'row_blocks'` or `'padded_input'`. If all three are the same, JAX derives
      the gradients of the forward way.
    row_blocks: number of row blocks of `'row_blocks'`.
    backend: whose thresholds the stride-1 convolutions within a way follow.
    devices: number of devices that the batch is split over.
  """

  forward: str
  input_gradient: str
  weight_gradient: str
  row_blocks: int = 1
  backend: Backend = OTHER
  devices: int = 1


def plan(shape: Shape, backend: Backend) -> Plan:
  """Returns how to compute the layer of a shape with a backend.

  Example::

    >>> shape = Shape(
    ...     64, 1, (4, 4), 512, 256, (4, 4), (2, 2), (1, 1), transposed=True)
    >>> plan(shape, YNNPACK).forward
    'per_phase'
  """
  # From the small grid to the large one, and back.
  up, down = 'zero_insertion', 'xla'
  if shape.is_strided and not shape.sharded:
    up = 'polyphase'
  elif max(*shape.strides, *shape.dilation, shape.groups) == 1:
    up = down = 'unit_stride'

  def ways(forward, input_gradient=None, weight_gradient=None, row_blocks=1):
    return Plan(
      forward, input_gradient or forward, weight_gradient or forward,
      row_blocks, backend, shape.devices,
    )  # fmt: skip

  if not backend.on_cpu:
    return ways(up if shape.transposed else 'xla')
  if shape.groups > 1 or shape.is_empty:
    return ways(up if shape.transposed else down)
  rank = len(shape.sizes)
  if rank == 3 and shape.kernel_size[0] <= _MOST_DEPTH_TAPS:
    return ways('conv3d')
  if shape.is_strided and shape.is_patches:
    elements = math.prod(shape.kernel_size) * shape.large_channels
    few = elements <= _FEW_PATCH_ELEMENTS
    if shape.transposed or (few and rank == 2):
      return ways('polyphase')  # Products of matrices, and so are gradients.
  weights, blocks = 'row_blocks', 1
  if isinstance(shape.images, int):
    weights = _weight_gradient(shape, backend)
    blocks = _row_blocks(shape, backend)
    if _suits_winograd(shape):
      up = down = 'winograd'
  if shape.is_strided:
    up = _upsampling(shape, backend)
    if shape.transposed and shape.large_channels < _FEW_CHANNELS:
      down = 'polyphase'
  forward, gradient = (up, down) if shape.transposed else (down, up)
  return ways(forward, gradient, weights, blocks)


def _suits_winograd(shape: Shape) -> bool:
  """Returns whether half the multiply-adds are worth the transforms."""
  channels = shape.small_channels, shape.large_channels
  macs = math.prod((*shape.sizes, *shape.kernel_size, *channels))
  return (
    not shape.exact
    and max(shape.strides) == max(shape.dilation) == 1
    and len(shape.sizes) == 2
    and shape.kernel_size[0] == winograd.TAPS
    and min(channels) >= _WINOGRAD_CHANNELS
    and shape.images_per_device * macs >= _WINOGRAD_MACS
  )


def _upsampling(shape: Shape, backend: Backend) -> str:
  """Returns how to map the small grid to the large one with a stride."""
  strides = shape.strides
  taps = [-(-k // s) for k, s in zip(shape.kernel_size, strides)]
  # Polyphase multiplies by zeros at the border of the grid, and if the kernel
  # size is not a multiple of the stride.
  excess = math.prod(
    (n + q - 1) * q * s / (n * k)
    for n, k, s, q in zip(shape.sizes, shape.kernel_size, strides, taps)
  )
  if (
    len(shape.sizes) != 2
    or excess <= backend.most_excess
    or shape.large_channels < _FEW_CHANNELS
    or math.prod(strides) > _MOST_PHASES
    or any(k < s for k, s in zip(shape.kernel_size, strides))
  ):
    return 'polyphase'
  return 'per_phase'


def _weight_gradient(shape: Shape, backend: Backend) -> str:
  """Returns how to compute the gradient with respect to the kernel."""
  unit, dilated = max(shape.strides) == 1, max(shape.dilation) > 1
  # The channels of the small grid fill registers. If they are too few for that,
  # those of the large grid do, after an operand swap.
  swap = shape.small_channels < _FEW_CHANNELS <= shape.large_channels
  flat = not dilated and len(shape.sizes) == 2 and not shape.is_patches
  if backend.pads_input and unit and flat:
    if swap:
      return 'operand_swap'
    odd = shape.images_per_device % backend.images_at_once
    return 'padded_input' if odd else 'row_blocks'
  positions = shape.images * math.prod(shape.sizes)
  few_images = not unit and shape.images_per_device < backend.images_at_once
  if not flat or positions < _FEW_POSITIONS or few_images:
    return _im2col(shape)
  return 'operand_swap' if unit and swap else 'row_blocks'


def _im2col(shape: Shape) -> str:
  """Returns which kind of im2col, or the usual way for long kernels."""
  steps = shape.strides if max(shape.dilation) == 1 else [1] * 3
  longest = max(-(-k // s) for k, s in zip(shape.kernel_size, steps))
  if longest > _MOST_IM2COL_TAPS:
    return 'row_blocks'
  # After polyphase the pixels of a stride are read at once.
  few = shape.large_channels < _FEW_CHANNELS
  many = max(shape.kernel_size) > _MANY_IM2COL_TAPS
  phases = shape.is_strided and (few or many)
  return 'im2col_polyphase' if phases else 'im2col'


def _row_blocks(shape: Shape, backend: Backend) -> int:
  """Returns the number of row blocks, each to stay in a core's cache."""
  size = 4 * shape.images_per_device * shape.small_channels
  size *= math.prod(shape.sizes)
  blocks = min(math.ceil(size / _BLOCK_BYTES), backend.most_row_blocks)
  return max(1, min(blocks, shape.sizes[0] // _FEWEST_BLOCK_ROWS))


def has_few_channels(kernel_shape: Sequence[int], backend: Backend) -> bool:
  """Returns whether a stride-1 convolution is faster as a matrix product.

  Asked for each convolution within a way. Eigen computes at least 16 features,
  and reads channels one by one if there are few.
  """
  *size, channels, features = kernel_shape
  elements = math.prod(size)
  if not 1 < elements <= _MOST_FEW_CHANNEL_TAPS:
    return False
  columns = elements * channels
  return features <= backend.few_features or columns <= backend.few_columns
