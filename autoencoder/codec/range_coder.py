"""Range coding of integers by stored tables, through `constriction`.

Symbols are coded in blocks of `BLOCK`; within a block those of table 0 come
first, then those of table 1 and so on, and last the values of the escapes: one
call of the library for each table instead of one for each symbol.

The library quantises probabilities to 24 bits by `floor(cumulative * scale) +
index`, with a scale of `(2^24 - symbols) / sum`. It is given `frequency - 1`:
the scale is then exactly 1, all sums are integers below 2^24, which float32
represents, and the coder works with our frequencies, whatever the platform.
"""

import constriction
import numpy as np

from autoencoder.codec import tables as tables_lib

BLOCK = 1 << 20

_stream = constriction.stream
# The exponent of an escaped value's first binary digit, at most 32.
_LENGTHS = _stream.model.Uniform(64)
_HALF = 16


class StreamError(ValueError):
  """A stream that no encoder made."""


def encode(
  symbols: np.ndarray, indices: np.ndarray, tables: tables_lib.Tables
) -> bytes:
  """Returns symbols as bytes.

  Args:
    symbols: `[K]` int32, any values.
    indices: `[K]`, uint8 or uint16, the table of each symbol.
    tables: see `tables`.

  Returns:
    Little-endian 32-bit words; none for no symbols.

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
  """Returns the symbols that `encode` made bytes of.

  NOTE: other bytes give other symbols, or `StreamError`; time and memory
  depend on the number of symbols only.

  Args:
    data: from `encode`.
    indices: as they were for `encode`.
    tables: as they were for `encode`.

  Returns:
    `[K]` int32.

  Raises:
    StreamError: the bytes are not those of a stream of so many symbols.
  """
  if len(data) % 4:
    raise StreamError('The stream is not a whole number of words.')
  decoder = _stream.queue.RangeDecoder(
    np.frombuffer(data, '<u4').astype(np.uint32)
  )
  models = _Models(tables)
  symbols = np.empty(len(indices), np.int32)
  for start in range(0, len(indices), BLOCK):
    block = slice(start, start + BLOCK)
    order, groups = _groups(indices[block])
    ordered = np.empty(len(order), np.int64)
    escapes, limits = [], []
    for index, group in groups:
      values = _read(decoder, models[index], group.stop - group.start)
      found = np.flatnonzero(values == tables.sizes[index])
      ordered[group] = values
      ordered[group] += tables.lows[index]
      escapes.append(group.start + found)
      limits.append(np.full(len(found), index))
    places, limits = np.concatenate(escapes), np.concatenate(limits)
    if len(places):
      values = _unfold(_decode_escaped(decoder, len(places)), limits, tables)
      if values.min() < -(2**31) or values.max() >= 2**31:
        raise StreamError('The stream holds values beyond 32 bits.')
      ordered[places] = values
    symbols[block][order] = ordered
  if not decoder.maybe_exhausted():
    raise StreamError('The stream is longer than its symbols.')
  return symbols


class _Models(dict):
  """The library's models of tables, made when they are first asked for."""

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
  """Returns a stable order by index, and which part of it has which index."""
  order = np.argsort(indices, kind='stable')  # A radix sort, for 8 or 16 bits.
  counts = np.bincount(indices)
  stops = np.cumsum(counts)
  return order, [
    (int(index), slice(stops[index] - counts[index], stops[index]))
    for index in np.flatnonzero(counts)
  ]


def _read(decoder, model, amount: int, *parameters) -> np.ndarray:
  """Returns `amount` symbols, as int32."""
  try:
    if parameters:
      return decoder.decode(model, *parameters)
    return decoder.decode(model, amount)
  except (AssertionError, ValueError) as error:
    raise StreamError('The stream is damaged.') from error


def _fold(values: np.ndarray, size: int) -> np.ndarray:
  """Maps -1, size, -2, size + 1 ... to 1, 2, 3, 4 ..."""
  return np.where(values < 0, -2 * values - 1, 2 * (values - size) + 2)


def _unfold(
  folded: np.ndarray, indices: np.ndarray, tables: tables_lib.Tables
) -> np.ndarray:
  """Undoes `_fold` and adds what the tables begin with."""
  size, low = tables.sizes[indices], tables.lows[indices]
  above = folded % 2 == 0
  return low + np.where(above, size + folded // 2 - 1, -(folded // 2) - 1)


def _encode_escaped(encoder, values: np.ndarray) -> None:
  """Writes integers from 1: binary digits after the first, and their number.

  Like Elias's gamma code, with the length in 6 bits.
  """
  digits = _digits(values)
  encoder.encode(digits.astype(np.int32), _LENGTHS)
  rest = values - (1 << digits)
  for shift, count in _halves(digits):
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
  digits = _read(decoder, _LENGTHS, amount).astype(np.int64)
  if digits.max() > 2 * _HALF:
    raise StreamError('The stream holds values beyond 32 bits.')
  values = 1 << digits
  for shift, count in _halves(digits):
    some = count > 0
    if some.any():
      sizes = (1 << count[some]).astype(np.int32)
      part = _read(decoder, _stream.model.Uniform(), len(sizes), sizes)
      values[some] += part.astype(np.int64) << shift
  return values


def _digits(values: np.ndarray) -> np.ndarray:
  """Returns the exponents of the largest powers of two in positive integers."""
  return np.frexp(values.astype(np.float64))[1].astype(np.int64) - 1


def _halves(digits: np.ndarray) -> list[tuple[int, np.ndarray]]:
  """Splits numbers of digits: below 2^16 and the rest, as (shift, count)."""
  low = np.minimum(digits, _HALF)
  return [(0, low), (_HALF, digits - low)]
