"""Damaged files give an error of one line, never a crash or another picture."""

import resource
import zlib

import numpy as np
import pytest

from autoencoder import codec
from autoencoder.codec import bitstream

COUNT = 8_000


def _mutate(rng, data, other):
  """Returns `data` with a random kind of damage."""
  data = bytearray(data)
  place = int(rng.integers(len(data)))
  length = int(rng.integers(1, 9))
  match int(rng.integers(9)):
    case 0:
      data[place] ^= 1 << int(rng.integers(8))
    case 1:
      data[place : place + length] = rng.bytes(length)
    case 2:
      del data[place:]
    case 3:
      del data[place : place + length]
    case 4:
      data[place:place] = rng.bytes(length)
    case 5:
      data[place:place] = data[place : place + 4 * length]
    case 6:
      data[place:] = other[place:]
    case 7:
      data[place : place + length] = bytes([int(rng.choice([0, 255]))]) * length
    case 8:
      data[4:] = rng.bytes(int(rng.integers(60)))
  return bytes(data)


def _seal(data):
  return data[:-4] + zlib.crc32(data[:-4]).to_bytes(4, 'little')


@pytest.mark.parametrize('sealed', [False, True])
def test_damaged_files_give_an_error_or_the_picture(either, tiny, sealed):
  """With `sealed` the file's checksum is right and later checks are reached.

  Both codecs, with and without `sealed`, share the `COUNT` files.
  """
  rng = np.random.default_rng(sealed)
  images = [tiny.image(40, 33), tiny.image(16, 20, 1)]
  files = [
    codec.compress(either, image, quality=q) for image in images for q in (1, 4)
  ]
  pictures = [codec.decompress(either, data) for data in files]
  before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  reasons = set()
  for i in range(COUNT // 4):
    data = _mutate(rng, files[i % 4], files[(i + 1) % 4])
    if sealed:
      # Mostly keep the digest, because another one is refused at once.
      data = files[i % 4][:8] + data[8:] if rng.random() < 0.9 else data
      data = _seal(data)
    try:
      decoded = codec.decompress(either, data)
    except ValueError as error:
      assert len(str(error)) < 200 and '\n' not in str(error)
      reasons.add(' '.join(str(error).split(':')[-1].split()[-2:]))
      continue
    # Some bits of the last word of a stream do not matter.
    assert any(np.array_equal(decoded, picture) for picture in pictures)
    assert sealed or data in files
  assert len(reasons) >= (7 if sealed else 3), reasons
  after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  assert after - before < 150 * 1024  # KiB


@pytest.mark.parametrize('size', [(30_000, 30_000), (1, 10**9)])
def test_a_small_file_cannot_allocate_gigabytes(either, tiny, size):
  content = bitstream.unpack(codec.compress(either, tiny.image(40, 40)))
  header = content.header._replace(height=size[0], width=size[1])
  data = bitstream.pack(content._replace(header=header))
  before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  with pytest.raises(ValueError, match='cannot hold'):
    codec.decompress(either, data)
  after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  assert after - before < 20 * 1024


def test_random_bytes_are_refused(model):
  rng = np.random.default_rng(0)
  for size in range(300):
    with pytest.raises(ValueError):
      codec.decompress(model, rng.bytes(size))
