"""Range coding of integers with stored frequency tables, by `constriction`.

Symbols are coded in blocks of `BLOCK`. Within a block the symbols are sorted by
their table, and the values of the escapes follow at the end. The library is
thus called once per table and not once per symbol.

`constriction` turns weights into 24-bit cumulative frequencies by
`floor(cumulative * scale) + index` with `scale = (2^24 - symbols) / sum`. We
pass `frequency - 1` as weights. Then the scale is exactly 1 and all sums are
integers below 2^24, which float32 represents exactly, so the coder uses exactly
our frequencies on every platform.
"""

import constriction
import numpy as np

from autoencoder.codec import tables as tables_lib

BLOCK = 1 << 20

_stream = constriction.stream
# Model for the exponent of an escaped value. Exponents are at most 32.
_EXPONENTS = _stream.model.Uniform(64)
# Bits of an escaped value are coded in two parts, of up to 16 bits each.
_HALF = 16


class StreamError(ValueError):
  """The bytes cannot have been written by `encode`."""


def encode(
  symbols: np.ndarray, indices: np.ndarray, tables: tables_lib.Tables
) -> bytes:
  """Returns the symbols as bytes.

  Args:
    symbols: `[K]` int32, any values.
    indices: `[K]` uint8 or uint16, the table of each symbol.
    tables: the frequency tables.

  Returns:
    Little-endian 32-bit words; empty if there are no symbols.

  Example:

    >>> tables = tables_lib.gaussian_tables()
    >>> symbols = np.array([0, -1, 70000], np.int32)
    >>> indices = np.array([5, 5, 9], np.uint8)
    >>> decode(encode(symbols, indices, tables), indices, tables)
    array([    0,    -1, 70000], dtype=int32)
  """
  encoder = _stream.queue.RangeEncoder()
  models = _Models(tables)
  for start in range(0, len(symbols), BLOCK):
    block = slice(start, start + BLOCK)
    order, groups = _groups(indices[block])
    ordered = symbols[block][order]
    escaped = []
    for index, group in groups:
      values = ordered[group].astype(np.int64) - tables.lows[index]
      size = tables.sizes[index]
      outside = (values < 0) | (values >= size)
      if outside.any():
        escaped.append(_fold(values[outside], size))
        values[outside] = size
      encoder.encode(values.astype(np.int32), models[index])
    if escaped:
      _encode_escaped(encoder, np.concatenate(escaped))
  return encoder.get_compressed().astype('<u4').tobytes()


def decode(
  data: bytes, indices: np.ndarray, tables: tables_lib.Tables
) -> np.ndarray:
  """Returns the symbols that `encode` turned into `data`.

  NOTE: Damaged bytes give wrong symbols or `StreamError`. Time and memory
  depend on the number of symbols only.

  Args:
    data: bytes from `encode`.
    indices: the same as for `encode`.
    tables: the same as for `encode`.

  Returns:
    `[K]` int32.

  Raises:
    StreamError: `data` is not a stream of K symbols.
  """
  if len(data) % 4:
    raise StreamError('The stream is not a whole number of 32-bit words.')
  decoder = _stream.queue.RangeDecoder(
    np.frombuffer(data, '<u4').astype(np.uint32)
  )
  models = _Models(tables)
  symbols = np.empty(len(indices), np.int32)
  for start in range(0, len(indices), BLOCK):
    block = slice(start, start + BLOCK)
    order, groups = _groups(indices[block])
    ordered = np.empty(len(order), np.int64)
    escapes, escape_tables = [], []
    for index, group in groups:
      values = _read(decoder, models[index], group.stop - group.start)
      found = np.flatnonzero(values == tables.sizes[index])
      ordered[group] = values
      ordered[group] += tables.lows[index]
      escapes.append(group.start + found)
      escape_tables.append(np.full(len(found), index))
    places = np.concatenate(escapes)
    if len(places):
      values = _unfold(
        _decode_escaped(decoder, len(places)),
        np.concatenate(escape_tables),
        tables,
      )
      if values.min() < -(2**31) or values.max() >= 2**31:
        raise StreamError('The stream holds values beyond 32 bits.')
      ordered[places] = values
    symbols[block][order] = ordered
  if not decoder.maybe_exhausted():
    raise StreamError('The stream is longer than its symbols need.')
  return symbols


class _Models(dict):
  """The library's model of each table, made at its first use."""

  def __init__(self, tables: tables_lib.Tables):
    self._tables = tables
    self._starts = tables.starts

  def __missing__(self, index: int):
    start = self._starts[index]
    stop = start + self._tables.sizes[index] + 1
    weights = (self._tables.frequencies[start:stop] - 1).astype(np.float32)
    self[index] = _stream.model.Categorical(weights, lazy=False, perfect=False)
    return self[index]


def _groups(indices: np.ndarray) -> tuple[np.ndarray, list[tuple[int, slice]]]:
  """Returns a stable order by table, and the slice of each table in it."""
  # NumPy uses a radix sort for 8 and 16 bits.
  order = np.argsort(indices, kind='stable')
  counts = np.bincount(indices)
  stops = np.cumsum(counts)
  return order, [
    (int(index), slice(stops[index] - counts[index], stops[index]))
    for index in np.flatnonzero(counts)
  ]


def _read(decoder, model, amount: int, *parameters) -> np.ndarray:
  """Returns `amount` symbols as int32, or raises `StreamError`."""
  try:
    if parameters:
      return decoder.decode(model, *parameters)
    return decoder.decode(model, amount)
  except (AssertionError, ValueError) as error:
    raise StreamError('The stream is damaged.') from error


def _fold(values: np.ndarray, size: int) -> np.ndarray:
  """Maps the values -1, size, -2, size + 1 ... to 1, 2, 3, 4 ..."""
  return np.where(values < 0, -2 * values - 1, 2 * (values - size) + 2)


def _unfold(
  folded: np.ndarray, indices: np.ndarray, tables: tables_lib.Tables
) -> np.ndarray:
  """Undoes `_fold` and adds the lowest integer of each table."""
  size, low = tables.sizes[indices], tables.lows[indices]
  above = folded % 2 == 0
  return low + np.where(above, size + folded // 2 - 1, -(folded // 2) - 1)


def _encode_escaped(encoder, values: np.ndarray) -> None:
  """Writes positive integers: all exponents, then the remaining bits.

  The code is like the Elias gamma code, with 6 bits for the exponent.
  """
  exponents = _exponents(values)
  encoder.encode(exponents.astype(np.int32), _EXPONENTS)
  rest = values - (1 << exponents)
  for shift, count in _halves(exponents):
    some = count > 0
    part = (rest >> shift) & ((1 << count) - 1)
    if some.any():
      encoder.encode(
        part[some].astype(np.int32),
        _stream.model.Uniform(),
        (1 << count[some]).astype(np.int32),
      )


def _decode_escaped(decoder, amount: int) -> np.ndarray:
  """Undoes `_encode_escaped`; returns int64."""
  exponents = _read(decoder, _EXPONENTS, amount).astype(np.int64)
  if exponents.max() > 2 * _HALF:
    raise StreamError('The stream holds values beyond 32 bits.')
  values = 1 << exponents
  for shift, count in _halves(exponents):
    some = count > 0
    if some.any():
      sizes = (1 << count[some]).astype(np.int32)
      part = _read(decoder, _stream.model.Uniform(), len(sizes), sizes)
      values[some] += part.astype(np.int64) << shift
  return values


def _exponents(values: np.ndarray) -> np.ndarray:
  """Returns `floor(log2 v)` of positive integers, int64."""
  return np.frexp(values.astype(np.float64))[1].astype(np.int64) - 1


def _halves(exponents: np.ndarray) -> list[tuple[int, np.ndarray]]:
  """Returns (shift, number of bits) of the low 16 bits and of the rest."""
  low = np.minimum(exponents, _HALF)
  return [(0, low), (_HALF, exponents - low)]
