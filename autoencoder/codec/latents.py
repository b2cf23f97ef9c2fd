"""Latents to streams and back: the table and the step of each element.

The side information z is coded first, with a learned prior. From z an integer
network computes a mean and a table index for each element of the latent y, and
`y - mean` is rounded to a multiple of the step. A model without side
information has one table per channel of y, and the mean is 0.

The quality selects the step. The few operations that are not in integers are
elementwise in float64. IEEE 754 prescribes their results, so the decoded latent
is bit-identical to the encoder's.
"""

from collections.abc import Mapping
import dataclasses
import hashlib
import zlib

import numpy as np

from autoencoder import errors
from autoencoder.codec import integer
from autoencoder.codec import range_coder
from autoencoder.codec import tables as tables_lib

# A rounded number must be below this in magnitude: larger ones do not fit in
# int32 and cannot come from a picture.
_LIMIT = 2**30


@dataclasses.dataclass(frozen=True, eq=False)
class LatentCode:
  """The entropy coding of one model, as stored numbers.

  `network`, `gaussian` and `offsets` are None for a model without side
  information.

  Attributes:
    gains: `[Q, C]` float32, steps per unit of each channel of y, per quality.
    prior: with a network, one table per channel of z. Without, `Q * C` tables,
      one per channel of y for each quality.
    network: maps z to means and table indices of y, `2 * C` channels.
    gaussian: the tables that the indices from `network` select from.
    offsets: `[Q, C]` int32, added to the table indices to account for the
      gains, in units of `2^-integer.ACTIVATION_BITS`.

  Raises:
    ValueError: the parts do not fit each other.
  """

  gains: np.ndarray
  prior: tables_lib.Tables
  network: integer.IntegerNetwork | None = None
  gaussian: tables_lib.Tables | None = None
  offsets: np.ndarray | None = None

  def __post_init__(self):
    gains = self.gains
    if (
      gains.ndim != 2
      or gains.dtype != np.float32
      or not (np.isfinite(gains).all() and (gains > 0).all())
    ):
      raise ValueError('The gains must be [Q, C] float32, finite, positive.')
    if self.network is None:
      fits = len(self.prior) == gains.size
    else:
      fits = (
        self.network.channels == 2 * self.channels
        and self.network.in_channels == len(self.prior)
        and self.gaussian is not None
        and len(self.gaussian) <= 256
        and self.offsets is not None
        and self.offsets.shape == gains.shape
        and self.offsets.dtype == np.int32
      )
    if not fits or max(len(self.prior), *gains.shape) > 2**16:
      raise ValueError('The tables do not fit the gains or the network.')

  @property
  def qualities(self) -> int:
    """Number of qualities Q; a quality is 1 to Q."""
    return len(self.gains)

  @property
  def channels(self) -> int:
    """Number of channels C of y."""
    return self.gains.shape[1]

  def hyper_shape(self, height: int, width: int) -> tuple[int, int, int]:
    """Returns the shape of z for a latent of that size; zeros without z."""
    if self.network is None:
      return 0, 0, 0
    step = self.network.enlargement
    return -(-height // step), -(-width // step), len(self.prior)

  def encode(
    self, y: np.ndarray, z: np.ndarray | None, quality: int
  ) -> tuple[tuple[bytes, bytes], np.ndarray]:
    """Rounds and codes a latent.

    Args:
      y: `[h, w, C]` floats.
      z: `hyper_shape(h, w)` floats; None without a network.
      quality: 1 to `qualities`.

    Returns:
      The streams of z and of y; and the latent that `decode` will return,
      `[h, w, C]` float32.

    Raises:
      ValueError: an element is not finite, or beyond 2^30 steps.
    """
    hyper, symbols_z = b'', None
    if self.network is not None:
      assert z is not None
      symbols_z = _rounded(z)
      hyper = range_coder.encode(
        symbols_z.ravel(), self._hyper_indices(z.shape), self.prior
      )
    mean, indices, tables = self._model(symbols_z, y.shape[:2], quality)
    gain = self.gains[quality - 1].astype(np.float64)
    symbols = _rounded((y.astype(np.float64) - mean) * gain)
    stream = range_coder.encode(symbols.ravel(), indices.ravel(), tables)
    return (hyper, stream), _dequantise(symbols, gain, mean)

  def decode(
    self, streams: tuple[bytes, bytes], height: int, width: int, quality: int
  ) -> np.ndarray:
    """Returns the latent `[h, w, C]` float32 that `encode` coded.

    Args:
      streams: of z and of y.
      height: rows h of y.
      width: columns w of y.
      quality: the same as for `encode`.

    Raises:
      range_coder.StreamError: the streams were not written by `encode`. No
        memory is allocated for more symbols than streams of their length can
        hold.
    """
    hyper, stream = streams
    if hyper and self.network is None:
      raise range_coder.StreamError('Its model has no side information.')
    shape = self.hyper_shape(height, width)
    _check_length(hyper, shape)
    _check_length(stream, (height, width, self.channels))
    z = None
    if self.network is not None:
      z = range_coder.decode(hyper, self._hyper_indices(shape), self.prior)
      z = z.reshape(shape)
    mean, indices, tables = self._model(z, (height, width), quality)
    symbols = range_coder.decode(stream, indices.ravel(), tables)
    gain = self.gains[quality - 1].astype(np.float64)
    return _dequantise(symbols.reshape(height, width, -1), gain, mean)

  def _hyper_indices(self, shape: tuple[int, ...]) -> np.ndarray:
    """Returns the table index of each element of z, flattened."""
    channels = np.arange(len(self.prior), dtype=np.uint16)
    return np.broadcast_to(channels, shape).ravel()

  def _model(
    self, z: np.ndarray | None, size: tuple[int, int], quality: int
  ) -> tuple[np.ndarray | float, np.ndarray, tables_lib.Tables]:
    """Returns the means, the table indices and the tables of y."""
    if self.network is None:
      first = (quality - 1) * self.channels
      channels = np.arange(first, first + self.channels, dtype=np.uint16)
      return 0.0, np.broadcast_to(channels, (*size, len(channels))), self.prior
    assert z is not None
    assert self.gaussian is not None and self.offsets is not None
    statistics = self.network(z)[: size[0], : size[1]]
    mean, indices = np.split(statistics, 2, axis=-1)
    bits = integer.ACTIVATION_BITS
    # Rounds to the nearest table.
    offset = self.offsets[quality - 1] + (1 << bits >> 1)
    indices = np.clip((indices + offset) >> bits, 0, len(self.gaussian) - 1)
    return mean * 2.0**-bits, indices.astype(np.uint8), self.gaussian

  def to_arrays(self) -> dict[str, np.ndarray]:
    """Returns the arrays to store, by name."""
    arrays = {'gains': self.gains} | _table_arrays('prior', self.prior)
    if self.network is not None:
      assert self.gaussian is not None and self.offsets is not None
      arrays['offsets'] = self.offsets
      arrays |= _table_arrays('gaussian', self.gaussian)
      arrays |= self.network.to_arrays()
    return arrays

  @classmethod
  def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> 'LatentCode':
    """Undoes `to_arrays`.

    Raises:
      ValueError: the arrays are damaged or incomplete.
    """
    try:
      gains, prior = arrays['gains'], _tables('prior', arrays)
      if 'offsets' not in arrays:
        return cls(gains, prior)
      network = integer.IntegerNetwork.from_arrays(arrays)
      gaussian = _tables('gaussian', arrays)
      return cls(gains, prior, network, gaussian, arrays['offsets'])
    except KeyError as error:
      raise errors.UserError(f'The tables are incomplete: {error}.') from error

  def digest(self) -> 'hashlib._Hash':
    """Returns the running SHA-256 of all numbers; callers add the weights."""
    digest = hashlib.sha256()
    for name, array in sorted(self.to_arrays().items()):
      digest.update(f'{name} {array.dtype.str} {array.shape}'.encode())
      digest.update(np.ascontiguousarray(array).tobytes())
    return digest


def checksum(latent: np.ndarray, start: int = 0) -> int:
  """Returns the CRC-32 of a decoded latent, continued from `start`."""
  return zlib.crc32(np.ascontiguousarray(latent, '<f4').data, start)


def _rounded(x: np.ndarray) -> np.ndarray:
  """Returns the nearest int32 of each number."""
  # `not (... < ...)` also refuses NaN.
  if not (np.abs(x) < _LIMIT).all():
    raise errors.UserError(
      'The latent has numbers that are not finite or beyond 2^30 steps: the '
      'weights are damaged, or the training diverged.'
    )
  return np.rint(x).astype(np.int32)


def _dequantise(
  symbols: np.ndarray, gain: np.ndarray, mean: np.ndarray | float
) -> np.ndarray:
  """Returns the latent in float32; IEEE 754 prescribes each operation."""
  return (symbols / gain + mean).astype(np.float32)


def _check_length(stream: bytes, shape: tuple[int, ...]) -> None:
  """Raises `StreamError` if a stream is too short for that many symbols."""
  # Python integers, because sizes from a damaged file may be of any magnitude.
  symbols = shape[0] * shape[1] * shape[2]
  if symbols * tables_lib.MIN_SYMBOL_BITS > 8 * len(stream) + 64:
    raise range_coder.StreamError(
      f'{len(stream):,} bytes cannot hold {symbols:,} numbers.'
    )


def _table_arrays(
  name: str, tables: tables_lib.Tables
) -> dict[str, np.ndarray]:
  """Returns the fields of `tables` by name, each prefixed with `name`."""
  return {f'{name}_{k}': v for k, v in dataclasses.asdict(tables).items()}


def _tables(name: str, arrays: Mapping[str, np.ndarray]) -> tables_lib.Tables:
  """Undoes `_table_arrays`."""
  names = [field.name for field in dataclasses.fields(tables_lib.Tables)]
  return tables_lib.Tables(*(arrays[f'{name}_{field}'] for field in names))
