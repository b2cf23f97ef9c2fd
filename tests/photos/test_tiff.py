"""Reading TIFF files: layouts, depths and meanings of samples."""

import numpy as np
from PIL import Image
import pytest
import tifffile

from autoencoder.photos import images


@pytest.mark.parametrize('compression', [None, 'lzw', 'zlib', 'zstd'])
@pytest.mark.parametrize('planar', ['contig', 'separate'])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_tiff_layouts(samples, tmp_path, compression, planar, dtype):
  array = samples(3, dtype, 40, 33)
  stored = array if planar == 'contig' else np.moveaxis(array, -1, 0)
  tifffile.imwrite(
    tmp_path / 'a.tif',
    stored,
    photometric='rgb',
    planarconfig=planar,
    compression=compression,
    rowsperstrip=16,
    bigtiff=compression is None,
    byteorder='>' if compression == 'zlib' else '<',
  )
  np.testing.assert_array_equal(
    images.read_image(tmp_path / 'a.tif').pixels, array
  )


def test_tiff_first_page(samples, tmp_path):
  for dtype in (np.uint8, np.uint16):
    pages = np.stack([samples(1, dtype)[..., 0], 0 * samples(1, dtype)[..., 0]])
    tifffile.imwrite(tmp_path / 'a.tif', pages, photometric='minisblack')
    photo = images.read_image(tmp_path / 'a.tif')
    assert photo.pages == 2
    np.testing.assert_array_equal(photo.pixels[..., 0], pages[0])


def test_tiff_white_is_zero(samples, tmp_path):
  for dtype in (np.uint8, np.uint16):
    array = samples(1, dtype)[..., 0]
    tifffile.imwrite(tmp_path / 'a.tif', array, photometric='miniswhite')
    photo = images.read_image(tmp_path / 'a.tif')
    np.testing.assert_array_equal(photo.pixels[..., 0], ~array)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_tiff_premultiplied_alpha(samples, tmp_path, dtype):
  straight = samples(3, dtype)
  top = np.iinfo(dtype).max
  alpha = np.full((7, 5, 1), top // 2 + 1, dtype)
  alpha[0, 0] = 0
  premultiplied = (straight.astype(np.float64) * alpha / top).round()
  stored = np.concatenate([premultiplied.astype(dtype), alpha], -1)
  tifffile.imwrite(
    tmp_path / 'a.tif', stored, photometric='rgb', extrasamples=['assocalpha']
  )
  photo = images.read_image(tmp_path / 'a.tif')
  np.testing.assert_array_equal(photo.alpha, alpha[..., 0])
  assert (photo.pixels[0, 0] == 0).all()
  difference = photo.pixels.astype(int) - straight
  difference[0, 0] = 0
  assert np.abs(difference).max() <= 1


def test_tiff_twelve_bits_are_stretched(samples, tmp_path):
  array = samples(1, np.uint16) % 4096
  array[0, 0], array[0, 1] = 4095, 0
  tifffile.imwrite(
    tmp_path / 'a.tif', array, photometric='minisblack', bitspersample=12
  )
  expected = np.round(array / 4095 * 65535)
  photo = images.read_image(tmp_path / 'a.tif')
  np.testing.assert_array_equal(photo.pixels, expected)


@pytest.mark.parametrize('dtype', [np.float16, np.float32, np.float64])
def test_tiff_floats_in_range(tmp_path, dtype):
  array = np.linspace(0, 1, 35).reshape(7, 5).astype(dtype)
  tifffile.imwrite(tmp_path / 'a.tif', array)
  photo = images.read_image(tmp_path / 'a.tif')
  assert photo.pixels.dtype == np.uint16
  expected = np.round(array.astype(np.float64) * 65535)
  assert np.abs(photo.pixels[..., 0] - expected).max() <= 1


def with_value(value):
  array = np.full((7, 5), 0.5, np.float32)
  array[3, 3] = value
  return array


@pytest.mark.parametrize(
  'array, message',
  [
    (with_value(np.nan), 'not all finite'),
    (with_value(np.inf), 'not all finite'),
    (with_value(1.5), r'in \[0, 1\]; these are in \[0.5, 1.5\]'),
    (with_value(-1), r'these are in \[-1, 0.5\]'),
    (np.full((7, 5), 70000, np.uint32), 'uint32 values span 70000'),
    (np.zeros((7, 5), np.int16), 'int16 samples are not supported'),
    (np.zeros((7, 5, 6), np.uint16), '16-bit MINISBLACK TIFF with 6 samples'),
  ],
)
def test_tiff_samples_without_a_meaning(tmp_path, array, message):
  path = tmp_path / 'strange.tif'
  planar = 'contig' if array.ndim == 3 else None
  tifffile.imwrite(path, array, photometric='minisblack', planarconfig=planar)
  with pytest.raises(ValueError, match='strange.tif: .*' + message):
    images.read_image(path)


@pytest.mark.parametrize('kind', ['palette', 'cmyk', 'ycbcr'])
def test_tiff_color_spaces(samples, tmp_path, kind):
  """The expected pixels are Pillow's; YCbCr files contain JPEG data."""
  array = samples(3, height=32, width=32)
  image = Image.fromarray(array)
  image = {
    'palette': image.quantize,
    'cmyk': lambda: image.convert('CMYK'),
    'ycbcr': lambda: image,
  }[kind]()
  compression = 'jpeg' if kind == 'ycbcr' else None
  image.save(tmp_path / 'a.tif', compression=compression)
  with Image.open(tmp_path / 'a.tif') as image:
    expected = np.asarray(image.convert('RGB'))
  photo = images.read_image(tmp_path / 'a.tif')
  np.testing.assert_array_equal(photo.pixels, expected)
