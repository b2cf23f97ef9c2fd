"""Reading and writing keep the pixels of every kind of file.

The expected values are the pixels that were written, and for orientation and
conversions those of Pillow and tifffile.
"""

import io
import struct

import imagecodecs
import numpy as np
from PIL import Image
from PIL import ImageCms
from PIL import ImageOps
import pytest
import tifffile

from autoencoder.photos import images


def joined(photo):
  """Returns the photo's pixels and alpha as one array."""
  if photo.alpha is None:
    return photo.pixels
  return np.concatenate([photo.pixels, photo.alpha[..., None]], -1)


@pytest.fixture
def insert_chunk(chunk):
  """`insert_chunk(data, kind, body)`: a PNG with a chunk after its header."""
  return lambda data, *body: data[:33] + chunk(*body) + data[33:]


@pytest.fixture
def srgb():
  return ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('channels', [1, 2, 3, 4])
@pytest.mark.parametrize('suffix', ['.png', '.tif'])
@pytest.mark.parametrize('size', [(7, 5), (1, 1), (1, 9), (4, 1)])
def test_lossless_round_trip(
  samples, split, tmp_path, srgb, suffix, channels, dtype, size
):
  array = samples(channels, dtype, *size)
  path = tmp_path / f'photo{suffix}'
  photo = split(array)
  images.write_image(path, images.Photo(photo.pixels, photo.alpha, srgb))
  assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
  back = images.read_image(path)
  np.testing.assert_array_equal(joined(back), array)
  assert joined(back).dtype == dtype
  assert back.icc_profile == (srgb if channels > 2 else None)
  assert back.format == {'.png': 'PNG', '.tif': 'TIFF'}[suffix]


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('channels', [1, 2, 3, 4])
def test_other_programs_read_what_is_written(
  samples, split, tmp_path, srgb, channels, dtype
):
  array = samples(channels, dtype)
  photo = split(array)
  for suffix in ('.png', '.tif'):
    images.write_image(
      tmp_path / f'a{suffix}', images.Photo(photo.pixels, photo.alpha, srgb)
    )
  png = imagecodecs.png_decode((tmp_path / 'a.png').read_bytes())
  np.testing.assert_array_equal(png.reshape(array.shape), array)
  tiff = tifffile.imread(tmp_path / 'a.tif')
  np.testing.assert_array_equal(tiff.reshape(array.shape), array)
  with Image.open(tmp_path / 'a.png') as image:
    image.load()  # Checks the checksum of every chunk.
    assert image.info['icc_profile'] == srgb


@pytest.mark.parametrize('name', ['JPEG', 'WEBP', 'BMP'])
@pytest.mark.parametrize('channels', [1, 3])
def test_eight_bit_formats(samples, tmp_path, name, channels):
  array = samples(channels, height=40, width=31)
  path = tmp_path / 'photo.any'
  Image.fromarray(array.squeeze()).save(path, name)
  with Image.open(path) as image:
    expected = np.asarray(image)
  photo = images.read_image(path)
  assert photo.format == name and photo.alpha is None
  expected = expected.reshape(40, 31, -1)
  np.testing.assert_array_equal(photo.pixels, expected)


def test_the_preview_in_a_camera_file_is_no_page(samples, tmp_path):
  large, preview = samples(3, height=32, width=48), samples(3)
  Image.fromarray(large).save(
    tmp_path / 'a.jpg',
    'MPO',
    save_all=True,
    append_images=[Image.fromarray(preview)],
  )
  photo = images.read_image(tmp_path / 'a.jpg')
  assert photo.pixels.shape == large.shape
  assert (photo.format, photo.pages) == ('JPEG', 1)


def test_webp_with_alpha(samples, tmp_path):
  array = samples(4)
  Image.fromarray(array).save(tmp_path / 'a.webp', lossless=True, exact=True)
  np.testing.assert_array_equal(
    joined(images.read_image(tmp_path / 'a.webp')), array
  )


@pytest.mark.parametrize('suffix', ['.jpg', '.JPEG', '.webp'])
@pytest.mark.parametrize('channels', [1, 3])
def test_lossy_writing_is_close(tmp_path, suffix, channels):
  ramp = np.add.outer(np.arange(64) * 2, np.arange(48))[..., None]
  array = np.repeat(ramp, channels, -1).astype(np.uint8)
  images.write_image(tmp_path / f'a{suffix}', images.Photo(array))
  back = images.read_image(tmp_path / f'a{suffix}')
  assert np.abs(back.pixels.astype(int) - array).max() <= 4


@pytest.mark.parametrize('kind', ['opaque', 'transparent', 'partly'])
def test_palettes(samples, tmp_path, kind):
  image = Image.frombytes('P', (5, 7), (samples(1) % 3).tobytes())
  image.putpalette([255, 0, 0, 0, 255, 0, 7, 8, 9])
  options = {
    'opaque': {},
    'transparent': {'transparency': 1},
    'partly': {'transparency': bytes([255, 10, 128])},
  }[kind]
  image.save(tmp_path / 'a.png', **options)
  photo = images.read_image(tmp_path / 'a.png')
  index = samples(1)[..., 0] % 3
  colors = np.array([[255, 0, 0], [0, 255, 0], [7, 8, 9]])
  np.testing.assert_array_equal(photo.pixels, colors[index])
  alphas = {'transparent': [255, 0, 255], 'partly': [255, 10, 128]}
  if kind == 'opaque':
    assert photo.alpha is None
  else:
    np.testing.assert_array_equal(photo.alpha, np.array(alphas[kind])[index])


def test_transparent_color_of_an_rgb_png(samples, tmp_path):
  array = samples(3)
  Image.fromarray(array).save(
    tmp_path / 'a.png', transparency=tuple(int(v) for v in array[2, 3])
  )
  alpha = images.read_image(tmp_path / 'a.png').alpha
  expected = np.full((7, 5), 255)
  expected[2, 3] = 0
  np.testing.assert_array_equal(alpha, expected)


def test_transparent_color_of_a_16_bit_png(samples, insert_chunk, tmp_path):
  array = samples(3, np.uint16)
  color = struct.pack('>3H', *map(int, array[2, 3]))
  data = insert_chunk(imagecodecs.png_encode(array), b'tRNS', color)
  (tmp_path / 'a.png').write_bytes(data)
  photo = images.read_image(tmp_path / 'a.png')
  expected = np.full((7, 5), 65535)
  expected[2, 3] = 0
  np.testing.assert_array_equal(photo.alpha, expected)
  np.testing.assert_array_equal(photo.pixels, array)


@pytest.mark.parametrize('suffix', ['.png', '.tif', '.bmp'])
def test_single_bits(samples, tmp_path, suffix):
  bits = samples(1)[..., 0] > 128
  Image.fromarray(bits).save(tmp_path / f'a{suffix}')
  photo = images.read_image(tmp_path / f'a{suffix}')
  np.testing.assert_array_equal(photo.pixels[..., 0], bits * 255)


def test_cmyk_jpeg(tmp_path):
  flat = Image.new('CMYK', (16, 16), (0, 200, 0, 30))
  flat.save(tmp_path / 'a.jpg', quality=100)
  photo = images.read_image(tmp_path / 'a.jpg')
  assert photo.pixels.shape == (16, 16, 3)
  red, green, blue = photo.pixels[8, 8].astype(int)
  assert red > 200 and blue > 200 and green < 80


def test_cmyk_with_a_useless_profile(tmp_path, srgb):
  flat = Image.new('CMYK', (16, 16), (0, 200, 0, 30))
  flat.save(tmp_path / 'a.jpg', quality=100, icc_profile=srgb)
  photo = images.read_image(tmp_path / 'a.jpg')
  assert photo.pixels[8, 8, 1] < 80 and photo.icc_profile is None


@pytest.mark.parametrize('orientation', range(10))
@pytest.mark.parametrize(
  'kind', ['jpeg', 'png', 'png16', 'webp', 'tiff', 'tiff16']
)
def test_orientation(samples, insert_chunk, tmp_path, kind, orientation):
  array = samples(3)
  exif = Image.Exif()
  exif[274] = orientation
  path = tmp_path / 'a'
  buffer = io.BytesIO()
  if kind == 'png16':
    deep = samples(3, np.uint16)
    data = imagecodecs.png_encode(deep)
    buffer.write(insert_chunk(data, b'eXIf', exif.tobytes()[6:]))
    array = deep
  elif kind == 'tiff16':
    array = samples(3, np.uint16)
    tifffile.imwrite(
      buffer, array, photometric='rgb', extratags=[(274, 3, 1, orientation)]
    )
  else:
    options = {'lossless': True} if kind == 'webp' else {}
    Image.fromarray(array).save(buffer, kind, exif=exif, **options)
    with Image.open(buffer) as image:
      array = np.asarray(image.convert('RGB'))
  path.write_bytes(buffer.getvalue())

  # Let Pillow reorder the index of every pixel.
  height, width = 7, 5
  index = Image.fromarray(np.arange(35, dtype=np.uint8).reshape(7, 5))
  index.getexif()[274] = orientation
  order = np.asarray(ImageOps.exif_transpose(index))
  if kind == 'tiff':  # Pillow has already applied the orientation.
    expected = array
    assert expected.shape[:2] == order.shape
  else:
    expected = array.reshape(height * width, -1)[order]
  np.testing.assert_array_equal(images.read_image(path).pixels, expected)
