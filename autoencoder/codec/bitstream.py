"""The `.cae` format: header, two streams, two checksums (docs/bitstream.md).

Each field is checked as soon as it can be, and before any memory is allocated
that is larger than the file.
"""

from collections.abc import Iterator
from typing import NamedTuple
import zlib

from autoencoder import errors
from autoencoder import photos

MAGIC = b'CAE'
VERSION = 1
DIGEST_BYTES = 4

# A larger size is taken for damage, as in picture files.
MAX_PIXELS = photos.MAX_PIXELS

_WORD = 4
_CHECK = 4
_GREY = 0x80
_FIXED = len(MAGIC) + 1 + DIGEST_BYTES + 1
_SHORTEST = _FIXED + 3 + 2 * _CHECK


class Header(NamedTuple):
  """The header of a file.

  Attributes:
    digest: 4 bytes that identify the model that wrote the file.
    height: rows of the image.
    width: columns of the image.
    grey: whether the image has one channel and not three.
    quality: 1 to 127.
  """

  digest: bytes
  height: int
  width: int
  grey: bool
  quality: int


class Content(NamedTuple):
  """The parts of a file.

  Attributes:
    header: see `Header`.
    streams: the bytes of the side information and of the latent.
    checksum: CRC-32 of the latent, continued from `checksum_start`.
  """

  header: Header
  streams: tuple[bytes, bytes]
  checksum: int


def checksum_start(header: Header) -> int:
  """Returns the CRC-32 of the header, from which the latent's continues."""
  return zlib.crc32(_pack_header(header))


def pack(content: Content) -> bytes:
  r"""Returns the bytes of a file.

  Example:

    >>> header = Header(b'\1\2\3\4', 512, 768, False, 3)
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
  """Returns the parts of a file.

  Raises:
    UserError: the file is not a `.cae` file, has another version, is damaged,
      or claims more than `MAX_PIXELS`.
  """
  if data[: len(MAGIC)] != MAGIC:
    raise errors.UserError(
      'It is not a .cae file: give one that --mode=compress wrote.'
    )
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
  # The checksum is right, so any error from here on was made on purpose.
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
      f'The .cae file claims {width} x {height} pixels; at most {MAX_PIXELS} '
      'are accepted.'
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
  """Returns the bytes up to and including the width."""
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
  """Returns a number in 7 bits per byte, the lowest bits first.

  Bit 7 is set in every byte but the last.
  """
  digits = bytearray()
  while value >= 128:
    digits.append(value & 127 | 128)
    value >>= 7
  digits.append(value)
  return bytes(digits)


def _numbers(data: bytes, offset: int, end: int) -> Iterator[tuple[int, int]]:
  """Yields the numbers from `offset` on, and the offset behind each."""
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
