import hypothesis
from hypothesis import strategies as st
import numpy as np
import pytest

from autoencoder.codec import range_coder
from autoencoder.codec import tables as tables_lib

GAUSSIAN = tables_lib.gaussian_tables()


def _draw(count, seed=0, spread=1.0):
  rng = np.random.default_rng(seed)
  indices = rng.integers(0, 64, count).astype(np.uint8)
  symbols = np.rint(rng.normal(0, spread * tables_lib.SCALES[indices]))
  return symbols.astype(np.int32), indices


class _ReferenceDecoder:
  """A decoder after docs/bitstream.md, in Python integers."""

  def __init__(self, data):
    self._words = [
      int.from_bytes(data[i : i + 4], 'little') for i in range(0, len(data), 4)
    ]
    self._low, self._range, self._point = 0, 2**64 - 1, 0
    for _ in range(2):
      self._shift()

  def _shift(self):
    word = self._words.pop(0) if self._words else 0
    self._point = (self._point << 32 | word) % 2**64

  def decode(self, frequencies):
    step = self._range >> 24
    place = (self._point - self._low) % 2**64 // step
    start = 0
    for symbol, frequency in enumerate(map(int, frequencies)):  # noqa: B007
      if place < start + frequency:
        break
      start += frequency
    self._low = (self._low + step * start) % 2**64
    self._range = step * frequency
    if self._range < 2**32:
      self._low = (self._low << 32) % 2**64
      self._range <<= 32
      self._shift()
    return symbol

  def bits(self, count):
    return self.decode([2 ** (24 - count)] * 2**count)


def test_a_decoder_after_the_documentation_reads_our_streams():
  """This also shows that the library uses exactly our integer frequencies."""
  symbols, indices = _draw(1500, spread=1.7)
  symbols[::100] = np.random.default_rng(1).integers(-(2**31), 2**31, 15)
  data = range_coder.encode(symbols, indices, GAUSSIAN)
  decoder = _ReferenceDecoder(data)
  order = sorted(range(len(symbols)), key=lambda i: indices[i])
  found = [decoder.decode(GAUSSIAN[indices[i]]) for i in order]
  escaped = [
    k for k, i in enumerate(order) if found[k] == GAUSSIAN.sizes[indices[i]]
  ]
  assert len(escaped) > 15
  lengths = [decoder.bits(6) for _ in escaped]
  low = [decoder.bits(min(n, 16)) if n else 0 for n in lengths]
  high = [decoder.bits(n - 16) if n > 16 else 0 for n in lengths]
  for k, n, a, b in zip(escaped, lengths, low, high):
    folded = 2**n + a + (b << 16)
    found[k] = (
      GAUSSIAN.sizes[indices[order[k]]] + folded // 2 - 1
      if folded % 2 == 0
      else -(folded // 2) - 1
    )
  expected = [symbols[i] - GAUSSIAN.lows[indices[i]] for i in order]
  assert found == expected


@hypothesis.settings(max_examples=60, deadline=None, derandomize=True)
@hypothesis.given(
  st.lists(
    st.tuples(
      st.integers(-(2**31), 2**31 - 1) | st.integers(-5, 5), st.integers(0, 63)
    ),
    max_size=40,
  )
)
def test_every_table_codes_every_int32(pairs):
  symbols = np.array([symbol for symbol, _ in pairs], np.int32)
  indices = np.array([index for _, index in pairs], np.uint8)
  data = range_coder.encode(symbols, indices, GAUSSIAN)
  np.testing.assert_array_equal(
    range_coder.decode(data, indices, GAUSSIAN), symbols
  )


def test_extreme_values_are_coded():
  symbols = np.array([2**31 - 1, -(2**31)] * 64, np.int32)
  indices = np.repeat(np.arange(64, dtype=np.uint8), 2)
  data = range_coder.encode(symbols, indices, GAUSSIAN)
  np.testing.assert_array_equal(
    range_coder.decode(data, indices, GAUSSIAN), symbols
  )


def test_the_length_is_the_information_content():
  symbols, indices = _draw(100_000)
  data = range_coder.encode(symbols, indices, GAUSSIAN)
  places = symbols - GAUSSIAN.lows[indices]
  inside = (places >= 0) & (places < GAUSSIAN.sizes[indices])
  starts = GAUSSIAN.starts[indices[inside]]
  bits = -np.log2(GAUSSIAN.frequencies[starts + places[inside]] / 2**24).sum()
  bits += 12 * (~inside).sum()
  assert bits / 8 <= len(data) <= bits / 8 * 1.0002 + 8 + 4 * (~inside).sum()


def test_several_blocks_are_coded(monkeypatch):
  symbols, indices = _draw(1000, spread=3.0)
  monkeypatch.setattr(range_coder, 'BLOCK', 64)
  data = range_coder.encode(symbols, indices, GAUSSIAN)
  np.testing.assert_array_equal(
    range_coder.decode(data, indices, GAUSSIAN), symbols
  )


def test_no_symbols_give_no_bytes():
  nothing = np.zeros(0, np.int32), np.zeros(0, np.uint8), GAUSSIAN
  assert range_coder.encode(*nothing) == b''
  assert len(range_coder.decode(b'', *nothing[1:])) == 0


def test_random_bytes_give_wrong_symbols_or_an_error():
  rng = np.random.default_rng(0)
  _, indices = _draw(300)
  errors = 0
  for size in list(range(0, 60)) * 4:
    data = rng.bytes(size)
    try:
      assert range_coder.decode(data, indices, GAUSSIAN).shape == (300,)
    except range_coder.StreamError:
      errors += 1
  assert errors > 100


def test_a_stream_that_is_too_long_is_refused():
  symbols, indices = _draw(50)
  data = range_coder.encode(symbols, indices, GAUSSIAN)
  with pytest.raises(range_coder.StreamError, match='longer'):
    range_coder.decode(data + bytes(range(1, 17)), indices, GAUSSIAN)
