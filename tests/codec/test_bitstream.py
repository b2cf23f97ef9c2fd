import zlib

import hypothesis
from hypothesis import strategies as st
import pytest

from autoencoder.codec import bitstream

HEADER = bitstream.Header(b'\1\2\3\4', 300, 7, True, 5)
CONTENT = bitstream.Content(HEADER, (b'hyper...', b'late'), 0xDEADBEEF)


def _seal(data):
  return data + zlib.crc32(data).to_bytes(4, 'little')


@hypothesis.settings(max_examples=200, deadline=None, derandomize=True)
@hypothesis.given(
  st.builds(
    bitstream.Header,
    st.binary(min_size=4, max_size=4),
    st.integers(1, 30_000),
    st.integers(1, 30_000),
    st.booleans(),
    st.integers(1, 127),
  ),
  st.integers(0, 50),
  st.integers(0, 50),
  st.integers(0, 2**32 - 1),
)
def test_unpacking_returns_what_was_packed(header, hyper, latent, checksum):
  streams = b'\7' * 4 * hyper, b'\xff' * 4 * latent
  content = bitstream.Content(header, streams, checksum)
  assert bitstream.unpack(bitstream.pack(content)) == content


def test_bytes_follow_the_documented_format():
  data = bitstream.pack(CONTENT)
  assert data[:12] == b'CAE\1\1\2\3\4\x85\xac\x02\x07'
  assert data[12:13] == b'\2'
  assert data[13:25] == b'hyper...late'
  assert data[25:29] == bytes.fromhex('efbeadde')
  assert data[29:] == zlib.crc32(data[:29]).to_bytes(4, 'little')


@pytest.mark.parametrize(
  'change, words',
  [
    (lambda d: b'', 'not a .cae'),
    (lambda d: b'CAE', 'cut off'),
    (lambda d: b'\x89PNG\r\n' + d, 'not a .cae'),
    (lambda d: b'CAE\2' + d[4:], 'version 2; this program reads version 1'),
    (lambda d: d[:-1], 'damaged or cut off'),
    (lambda d: d + b'\0', 'damaged or cut off'),
    (lambda d: d[:20] + b'?' + d[21:], 'damaged or cut off'),
    (lambda d: _seal(d[:9] + b'\0' + d[11:-4]), 'no pixels'),
    (lambda d: _seal(d[:8] + b'\x80' + d[9:-4]), 'no quality'),
    (lambda d: _seal(d[:12] + b'\x09' + d[13:-4]), 'impossible lengths'),
    (lambda d: _seal(d[:13] + b'?' + d[13:-4]), 'impossible lengths'),
    (lambda d: _seal(d[:9] + b'\xff' * 4 + b'\7' + d[11:-4]), 'claims 7 x 2'),
    (lambda d: _seal(d[:9] + b'\xff' * 9 + b'\7' + d[11:-4]), 'does not end'),
    (lambda d: _seal(d[:9] + b'\xff' * 16), 'does not end'),
  ],
)
def test_each_kind_of_damage_has_its_message(change, words):
  with pytest.raises(ValueError, match=words) as error:
    bitstream.unpack(change(bitstream.pack(CONTENT)))
  assert '\n' not in str(error.value)


def test_the_latents_checksum_depends_on_the_header():
  starts = {
    bitstream.checksum_start(HEADER._replace(**change))
    for change in (
      {},
      {'height': 301},
      {'width': 8},
      {'grey': False},
      {'quality': 6},
      {'digest': b'\1\2\3\5'},
    )
  }
  assert len(starts) == 6
