"""Every kind of image file becomes the right uint8 array."""

import io
import struct
import zlib

import numpy as np
from PIL import Image
import pytest
import tifffile

from autoencoder.data import decode


@pytest.fixture
def rgb():
  generator = np.random.default_rng(0)
  return generator.integers(0, 256, (7, 5, 3), dtype=np.uint8)


def to_uint8(image, channels, **options):
  """Writes a Pillow image to a file in memory, and decodes it."""
  file = io.BytesIO()
  kind = 'tiff' if image.mode in 'IF' else 'png'
  image.save(file, **{'format': kind} | options)
  return decode.to_uint8(decode.read(file.getvalue()), channels)


def png16(values):
  """Returns a 16-bit PNG file; Pillow cannot write one in colour."""
  height, width, channels = values.shape
  rows = values.astype('>u2').tobytes()
  stride = len(rows) // height
  lines = b''.join(
    b'\0' + rows[y * stride : (y + 1) * stride] for y in range(height)
  )
  colour = {1: 0, 3: 2}[channels]
  chunks = [
    (b'IHDR', struct.pack('>IIBBBBB', width, height, 16, colour, 0, 0, 0)),
    (b'IDAT', zlib.compress(lines)),
    (b'IEND', b''),
  ]
  return b'\x89PNG\r\n\x1a\n' + b''.join(
    struct.pack('>I', len(data))
    + kind
    + data
    + struct.pack('>I', zlib.crc32(kind + data))
    for kind, data in chunks
  )


def test_rgb_is_unchanged_and_grey_is_rec601_luma(rgb):
  image = Image.fromarray(rgb)
  np.testing.assert_array_equal(to_uint8(image, 3), rgb)
  grey = to_uint8(image, 1)
  luma = rgb @ np.array([0.299, 0.587, 0.114])
  assert grey.shape == (7, 5, 1)
  np.testing.assert_allclose(grey[..., 0], luma, atol=0.51)


def test_grey_is_replicated(rgb):
  grey = rgb[..., 0]
  decoded = to_uint8(Image.fromarray(grey), 3)
  np.testing.assert_array_equal(decoded, np.stack([grey] * 3, axis=-1))


def test_bilevel_uses_the_full_range():
  image = Image.fromarray(np.array([[True, False]]))
  assert image.mode == '1'
  assert to_uint8(image, 1).ravel().tolist() == [255, 0]


@pytest.mark.parametrize('channels', [1, 3])
def test_16_bit_grey_keeps_its_range(channels):
  values = np.array([[0, 128, 129, 257 * 100, 65535]], np.uint16)[..., None]
  decoded = decode.to_uint8(decode.read(png16(values)), channels)
  assert decoded.shape == (1, 5, channels)
  assert decoded[0, :, -1].tolist() == [0, 0, 1, 100, 255]


def test_16_bit_colour_is_within_a_level():
  generator = np.random.default_rng(0)
  values = generator.integers(0, 65536, (6, 9, 3), dtype=np.uint16)
  values[0, :3] = [[0, 1, 255], [65535, 65280, 256], [257, 514, 771]]
  decoded = decode.to_uint8(decode.read(png16(values)), 3)
  np.testing.assert_allclose(decoded, values / 257, atol=1)
  assert decoded[0, 2].tolist() == [1, 2, 3]


def test_big_endian_16_bit_tiff():
  file = io.BytesIO()
  data = np.array([[0, 25700, 65535]], np.uint16)
  tifffile.imwrite(file, data, byteorder='>', photometric='minisblack')
  decoded = decode.to_uint8(decode.read(file.getvalue()), 1)
  assert decoded.ravel().tolist() == [0, 100, 255]


def test_float_image_in_unit_range():
  image = Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32))
  assert to_uint8(image, 1).ravel().tolist() == [0, 128, 255]


@pytest.mark.parametrize(
  'values',
  [
    np.array([[0, 70000]], np.int32),
    np.array([[-1, 5]], np.int32),
    np.array([[0, 2]], np.float32),
  ],
)
def test_unknown_scale_is_refused(values):
  with pytest.raises(ValueError, match='save it with 8 or 16 bits'):
    to_uint8(Image.fromarray(values), 1)


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(value):
  image = Image.fromarray(np.array([[0, value]], np.float32))
  with pytest.raises(ValueError, match='not all finite'):
    to_uint8(image, 1)


def test_alpha_is_laid_over_white(rgb):
  alpha = np.zeros((7, 5, 1), np.uint8)
  alpha[:3] = 255
  alpha[3] = 51  # A fifth.
  decoded = to_uint8(Image.fromarray(np.concatenate([rgb, alpha], axis=-1)), 3)
  np.testing.assert_array_equal(decoded[:3], rgb[:3])
  np.testing.assert_allclose(decoded[3], 0.2 * rgb[3] + 0.8 * 255, atol=1)
  assert (decoded[4:] == 255).all()


def test_grey_with_alpha():
  image = Image.fromarray(np.array([[[9, 255], [9, 0]]], np.uint8))
  assert image.mode == 'LA'
  assert to_uint8(image, 1).ravel().tolist() == [9, 255]


def test_palette_with_and_without_transparency():
  image = Image.new('P', (2, 1))
  image.putpalette([10, 20, 30, 40, 50, 60])
  image.putdata([0, 1])
  opaque = to_uint8(image, 3)
  assert opaque.tolist() == [[[10, 20, 30], [40, 50, 60]]]
  clear = to_uint8(image, 3, transparency=1)
  assert clear.tolist() == [[[10, 20, 30], [255, 255, 255]]]


def test_cmyk_jpeg_has_the_right_colours():
  # White, and full cyan with magenta, which is blue.
  image = Image.new('CMYK', (16, 16), (0, 0, 0, 0))
  image.paste((255, 255, 0, 0), (8, 0, 16, 16))
  decoded = to_uint8(image, 3, format='jpeg', quality=100)
  np.testing.assert_allclose(decoded[:, 0], 255, atol=3)
  np.testing.assert_allclose(decoded[:, -1] - [0.0, 0, 255], 0, atol=3)
