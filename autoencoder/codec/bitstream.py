"""The file: header, two streams, two checksums; see docs/bitstream.md.

Everything is checked in the order in which it can be known, and before any
memory is taken that is larger than the file.
"""

from collections.abc import Iterator
from typing import NamedTuple
import zlib

from autoencoder import errors

MAGIC = b'CAE'
VERSION = 1
DIGEST_BYTES = 4

# As for picture files that are read: a larger one is taken for damaged.
MAX_PIXELS = 10**9

_WORD = 4
_CHECK = 4
_GREY = 0x80
_FIXED = len(MAGIC) + 1 + DIGEST_BYTES + 1
_SHORTEST = _FIXED + 3 + 2 * _CHECK


class Header(NamedTuple):
  """What a file says about itself.

  Attributes:
    digest: 4 bytes, of the model that made it.
    height: rows of the image.
    width: columns of the image.
    grey: whether it has one channel instead of three.
    quality: 1 to 127.
  """

  digest: bytes
  height: int
  width: int
  grey: bool
  quality: int


class Content(NamedTuple):
  """A file taken apart.

  Attributes:
    header: see `Header`.
    streams: bytes of the side information and of the latent.
    checksum: of the latent, see `checksum_start`.
  """

  header: Header
  streams: tuple[bytes, bytes]
  checksum: int


def checksum_start(header: Header) -> int:
  """Returns what the latent's CRC-32 continues from: that of the header."""
  return zlib.crc32(_pack_header(header))


def pack(content: Content) -> bytes:
  """Returns the bytes of a file.

  Example:

    >>> header = Header(b'\\1\\2\\3\\4', 512, 768, False, 3)
    >>> len(pack(Content(header, (b'', b''), 0)))
    22
  """
  hyper, latent = content.streams
  data = b''.join(
    (
      _pack_header(content.header),
      _pack_number(len(hyper) // _WORD),
      hyper,
      latent,
      content.checksum.to_bytes(_CHECK, 'little'),
    )
  )
  return data + zlib.crc32(data).to_bytes(_CHECK, 'little')


def unpack(data: bytes) -> Content:
  """Takes a file apart.

  Raises:
    ValueError: it is not such a file, of another version, damaged, or of a
      size beyond `MAX_PIXELS`.
  """
  if data[: len(MAGIC)] != MAGIC:
    raise errors.UserError('It is not a .cae file.')
  if len(data) > len(MAGIC) and data[len(MAGIC)] != VERSION:
    raise errors.UserError(
      f'It is a .cae file of version {data[len(MAGIC)]}; this program reads '
      f'version {VERSION}.'
    )
  end = len(data) - _CHECK
  if len(data) < _SHORTEST or data[end:] != zlib.crc32(data[:end]).to_bytes(
    _CHECK, 'little'
  ):
    raise errors.UserError(
      'The .cae file is damaged or cut off: fetch it again.'
    )
  # From here on only files that were made to deceive are wrong.
  end -= _CHECK
  offset = len(MAGIC) + 1 + DIGEST_BYTES
  digest, mode = data[len(MAGIC) + 1 : offset], data[offset]
  numbers = _numbers(data, offset + 1, end)
  (height, _), (width, _) = next(numbers), next(numbers)
  words, start = next(numbers)
  middle = start + _WORD * words
  quality = mode & ~_GREY
  if not (height and width and quality):
    raise errors.UserError('The .cae file has no pixels or no quality.')
  if height * width > MAX_PIXELS:
    raise errors.UserError(
      f'The .cae file claims {width} x {height} pixels, more than {MAX_PIXELS}.'
    )
  if middle > end or (end - middle) % _WORD:
    raise errors.UserError('The .cae file has streams of impossible lengths.')
  header = Header(digest, height, width, bool(mode & _GREY), quality)
  return Content(
    header,
    (data[start:middle], data[middle:end]),
    int.from_bytes(data[end : end + _CHECK], 'little'),
  )


def _pack_header(header: Header) -> bytes:
  return b''.join(
    (
      MAGIC,
      bytes([VERSION]),
      header.digest,
      bytes([header.quality | (_GREY if header.grey else 0)]),
      _pack_number(header.height),
      _pack_number(header.width),
    )
  )


def _pack_number(value: int) -> bytes:
  """Returns 7 bits a byte, the lowest first; the last byte is below 128."""
  digits = bytearray()
  while value >= 128:
    digits.append(value & 127 | 128)
    value >>= 7
  digits.append(value)
  return bytes(digits)


def _numbers(data: bytes, offset: int, end: int) -> Iterator[tuple[int, int]]:
  """Yields numbers from `offset` on, with where each ends."""
  while True:
    value, shift = 0, 0
    while True:
      if offset >= end or shift > 28:
        raise errors.UserError('The .cae file has a number that does not end.')
      byte = data[offset]
      offset += 1
      value |= (byte & 127) << shift
      shift += 7
      if byte < 128:
        break
    yield value, offset
