"""A small convolutional network in integers, bit-exact on every machine.

The decoder needs exactly the probabilities that the encoder used. A sum of
floats depends on the order of the additions, and thus on the BLAS, the number
of threads, the vector width and the GPU. A difference in the last bit sometimes
changes a table index, and then all following symbols decode to noise (Balle,
Johnston and Minnen, "Integer networks for data compression with latent-variable
models", ICLR 2019).

Here weights and activations are integers, stored in float64 so that matrix
products are fast. All inputs, weights, products and partial sums have
magnitudes below 2^53, which float64 represents exactly. Each addition is
therefore exact, in any order, fused or not. `from_layers` and `from_arrays`
check the bound for every possible input and refuse a network that exceeds it.
Rounding is a division by a power of two and a floor, which are exact as well.
The only requirement is IEEE 754 double precision.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import functools
import math
from typing import NamedTuple

import numpy as np
import threadpoolctl

from autoencoder.models import protocol

# Fractional bits of weights and of activations.
WEIGHT_BITS = 12
ACTIVATION_BITS = 10

# Inputs are clipped to this magnitude, activations to +-2^20 (1024.0).
INPUT_LIMIT = 2**15
_LIMIT = 2**20
# Largest magnitude of a sum: one bit below 2^53, for the rounding.
_EXACT = 2**52

# Rows are computed in blocks, to bound the memory of the accumulators.
_CHUNK_VALUES = 2**21

KINDS = ('conv', 'transposed')
_STRIDES = {'conv': 1, 'transposed': 2}


class _IntegerLayer(NamedTuple):
  """A layer in fixed point.

  Attributes:
    kernel: `[kh, kw, C_in, C_out]` int32 with `WEIGHT_BITS` fractional bits.
    bias: `[C_out]` int64 with the fractional bits of the products.
    kind: one of `KINDS`.
    relu: whether negative results become 0.
  """

  kernel: np.ndarray
  bias: np.ndarray
  kind: str
  relu: bool


class IntegerNetwork:
  """Convolutions and ReLU in integers; the module says what is guaranteed.

  NOTE: Inputs are clipped to +-32768 and the results of each layer to +-1024.

  Attributes:
    in_channels: channels of the input.
    channels: channels of the output.
    enlargement: output rows (columns) per input row (column).

  Example:

    >>> kernel = np.full((1, 1, 1, 1), 2.0)
    >>> double = protocol.PlainLayer(kernel, np.array([0.25]))
    >>> network = IntegerNetwork.from_layers([double])
    >>> network(np.array([[[3]]])) / 2**ACTIVATION_BITS
    array([[[6.25]]])
  """

  def __init__(self, layers: Sequence[_IntegerLayer]):
    self._layers = tuple(layers)
    _check(self._layers)
    self.in_channels = self._layers[0].kernel.shape[2]
    self.channels = self._layers[-1].kernel.shape[-1]
    strides = [_STRIDES[layer.kind] for layer in self._layers]
    self.enlargement = math.prod(strides)

  @classmethod
  def from_layers(
    cls, layers: Sequence[protocol.PlainLayer]
  ) -> 'IntegerNetwork':
    """Rounds trained layers to integers.

    Raises:
      ValueError: the shapes do not fit each other, or weights are not finite or
        so large that sums might not be exact.
    """
    rounded, bits = [], 0
    for layer in layers:
      kernel = np.asarray(layer.kernel, np.float64) * 2**WEIGHT_BITS
      bias = np.asarray(layer.bias, np.float64) * 2 ** (WEIGHT_BITS + bits)
      if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
        raise ValueError('The hyper-synthesis has weights that are not finite.')
      if abs(kernel).max() >= 2**31 or abs(bias).max() >= _EXACT:
        raise ValueError('The hyper-synthesis has weights too large to round.')
      rounded.append(
        _IntegerLayer(
          np.rint(kernel).astype(np.int32),
          np.rint(bias).astype(np.int64),
          layer.kind,
          layer.activation == 'relu',
        )
      )
      bits = ACTIVATION_BITS
    return cls(rounded)

  def to_arrays(self) -> dict[str, np.ndarray]:
    """Returns integer arrays to store, by name."""
    arrays: dict[str, np.ndarray] = {}
    for i, layer in enumerate(self._layers):
      arrays[f'kernel{i}'] = layer.kernel
      arrays[f'bias{i}'] = layer.bias
      arrays[f'form{i}'] = np.array([KINDS.index(layer.kind), layer.relu], 'u1')
    return arrays

  @classmethod
  def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> 'IntegerNetwork':
    """Undoes `to_arrays`; ignores arrays of other names.

    Raises:
      ValueError: the arrays are no network, or its sums might not be exact.
    """
    layers: list[_IntegerLayer] = []
    try:
      while f'kernel{len(layers)}' in arrays:
        i = len(layers)
        kind, relu = arrays[f'form{i}'].tolist()
        kernel, bias = arrays[f'kernel{i}'], arrays[f'bias{i}']
        layers.append(_IntegerLayer(kernel, bias, KINDS[kind], bool(relu)))
    except (KeyError, IndexError, TypeError, ValueError) as error:
      raise ValueError('The integer network is incomplete.') from error
    return cls(layers)

  def __call__(self, z: np.ndarray) -> np.ndarray:
    """Returns the output in fixed point.

    Args:
      z: `[h, w, C_in]` integers.

    Returns:
      `[h * enlargement, w * enlargement, channels]` int32, in units of
      `2^-ACTIVATION_BITS`.
    """
    x = np.clip(z, -INPUT_LIMIT, INPUT_LIMIT).astype(np.float64)
    bits = 0
    # Matrix products this small are faster on one thread.
    with _controller().limit(limits=1, user_api='blas'):
      for layer in self._layers:
        x = _apply(x, layer, bits)
        bits = ACTIVATION_BITS
    return x.astype(np.int32)


@functools.cache
def _controller() -> threadpoolctl.ThreadpoolController:
  return threadpoolctl.ThreadpoolController()


def _check(layers: Sequence[_IntegerLayer]) -> None:
  """Raises `ValueError` unless all sums are exact for every possible input."""
  if not layers:
    raise ValueError('The integer network has no layers.')
  largest, channels = INPUT_LIMIT, layers[0].kernel.shape[-2:-1]
  for i, (kernel, bias, kind, _) in enumerate(layers):
    if (
      (kernel.ndim, kernel.dtype) != (4, np.int32)
      or (bias.ndim, bias.dtype) != (1, np.int64)
      or kernel.shape[2:3] != channels
      or kernel.shape[3:] != bias.shape
      or 0 in kernel.shape
      or min(kernel.shape[:2]) < _STRIDES[kind]
    ):
      raise ValueError(
        f'Layer {i} of the integer network has a kernel {kernel.shape} '
        f'{kernel.dtype} and a bias {bias.shape} {bias.dtype} that do not fit: '
        'int32 [kh, kw, C_in, C_out] and int64 [C_out] are needed, with C_in '
        'of the layer before.'
      )
    # Python integers have no limit.
    weights = abs(kernel.astype(np.int64)).sum(axis=(0, 1, 2)).tolist()
    biases = abs(bias.astype(object)).tolist()
    bound = max(w * largest + b for w, b in zip(weights, biases))
    if bound >= _EXACT:
      raise ValueError(
        f'Layer {i} of the hyper-synthesis can reach sums of {bound:.1e}, '
        'beyond the exact 2^52: its weights are too large.'
      )
    largest, channels = _LIMIT, kernel.shape[3:]


def _apply(x: np.ndarray, layer: _IntegerLayer, bits: int) -> np.ndarray:
  """Returns the activations after a layer: integers, stored in float64."""
  height, width, _ = x.shape
  stride = _STRIDES[layer.kind]
  kernel = layer.kernel.astype(np.float64)
  bias = layer.bias.astype(np.float64)
  least = 0 if layer.relu else -_LIMIT
  scale = 2.0 ** (ACTIVATION_BITS - WEIGHT_BITS - bits)
  result = np.empty((stride * height, stride * width, len(bias)))
  # Zero padding.
  reach = max(kernel.shape[:2])
  padded = np.pad(x, ((reach, reach), (reach, reach), (0, 0)))
  for phase, taps in _phases(kernel.shape[:2], stride):
    output = result[phase[0] :: stride, phase[1] :: stride]
    matrix = np.concatenate([kernel[tap] for _, tap in taps])
    rows = max(1, _CHUNK_VALUES // (width * max(matrix.shape)))
    for start in range(0, height, rows):
      stop = min(start + rows, height)
      windows = [
        padded[
          reach + dy + start : reach + dy + stop,
          reach + dx : reach + dx + width,
        ]
        for (dy, dx), _ in taps
      ]
      columns = np.concatenate(windows, axis=-1) if taps[1:] else windows[0]
      sums = columns.reshape(-1, len(matrix)) @ matrix
      sums += bias
      sums *= scale
      sums += 0.5
      np.floor(sums, out=sums)
      np.clip(sums, least, _LIMIT, out=sums)
      output[start:stop] = sums.reshape(stop - start, width, -1)
  return result


def _phases(
  kernel_size: tuple[int, int], stride: int
) -> Iterator[tuple[tuple[int, int], list]]:
  """Yields each output phase, and the (offset, tap) pairs that add up to it.

  Output `stride * m + phase` is the sum over `(offset, tap)` of input
  `m + offset` times kernel element `tap`.
  """
  axes = [_axis_phases(size, stride) for size in kernel_size]
  for row, row_taps in enumerate(axes[0]):
    for column, column_taps in enumerate(axes[1]):
      yield (
        (row, column),
        [((dy, dx), (ty, tx)) for dy, ty in row_taps for dx, tx in column_taps],
      )


def _axis_phases(size: int, stride: int) -> list[list[tuple[int, int]]]:
  """Returns the (offset, tap) pairs of each phase along one axis."""
  if stride == 1:
    return [[(tap - (size - 1) // 2, tap) for tap in range(size)]]
  # The padding of the zero-inserted input in `jax.lax.conv_transpose`, 'SAME'.
  total = size + stride - 2
  low = size - 1 if stride > size - 1 else -(-total // 2)
  return [
    [
      ((phase + tap - low) // stride, tap)
      for tap in range(size)
      if (phase + tap - low) % stride == 0
    ]
    for phase in range(stride)
  ]
