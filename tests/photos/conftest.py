"""Pixels and files of every kind."""

import struct
import zlib

import numpy as np
import pytest

from autoencoder.photos import images


@pytest.fixture(scope='session')
def samples():
  """`samples(channels, dtype)`: noise of the full range, `[7, 5, C]`."""

  def samples(channels, dtype=np.uint8, height=7, width=5):
    rng = np.random.default_rng(channels)
    top = np.iinfo(dtype).max
    shape = (height, width, channels)
    return rng.integers(0, top, shape, dtype, endpoint=True)

  return samples


@pytest.fixture(scope='session')
def split():
  """`split(array)`: a photo from `[H, W, 1 to 4]`, the opacity last."""

  def split(array):
    if array.shape[-1] in (2, 4):
      return images.Photo(array[..., :-1], array[..., -1])
    return images.Photo(array)

  return split


@pytest.fixture(scope='session')
def chunk():
  """`chunk(kind, body)`: the bytes of a PNG chunk."""

  def chunk(kind, body):
    checksum = struct.pack('>I', zlib.crc32(kind + body))
    return struct.pack('>I', len(body)) + kind + body + checksum

  return chunk
