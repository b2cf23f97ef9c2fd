"""Every kind of file in, the same pixels out; every broken one a clear error.

Oracles: what was put into the file, and for orientation and conversions
Pillow and tifffile themselves.
"""

import errno
import io
import pathlib
import struct
import zlib

import imagecodecs
import numpy as np
from PIL import Image
from PIL import ImageCms
from PIL import ImageOps
import pytest
import tifffile

from autoencoder.inference import decoding
from autoencoder.inference import images


def samples(channels, dtype=np.uint8, height=7, width=5):
  rng = np.random.default_rng(channels)
  top = np.iinfo(dtype).max
  shape = (height, width, channels)
  return rng.integers(0, top, shape, dtype, endpoint=True)


def joined(photo):
  """Returns the photo's pixels and alpha as one array."""
  if photo.alpha is None:
    return photo.pixels
  return np.concatenate([photo.pixels, photo.alpha[..., None]], -1)


def split(array):
  """Returns a photo of `[H, W, 1 to 4]`."""
  if array.shape[-1] in (2, 4):
    return images.Photo(array[..., :-1], array[..., -1])
  return images.Photo(array)


def chunk(kind, body):
  """Returns a PNG chunk."""
  checksum = struct.pack('>I', zlib.crc32(kind + body))
  return struct.pack('>I', len(body)) + kind + body + checksum


def insert_chunk(data, kind, body):
  """Returns a PNG file with a chunk behind its header."""
  return data[:33] + chunk(kind, body) + data[33:]


@pytest.fixture
def srgb():
  return ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('channels', [1, 2, 3, 4])
@pytest.mark.parametrize('suffix', ['.png', '.tif'])
@pytest.mark.parametrize('size', [(7, 5), (1, 1), (1, 9), (4, 1)])
def test_lossless_round_trip(tmp_path, srgb, suffix, channels, dtype, size):
  array = samples(channels, dtype, *size)
  path = tmp_path / f'photo{suffix}'
  photo = split(array)
  images.write_image(path, images.Photo(photo.pixels, photo.alpha, srgb))
  assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
  back = images.read_image(path)
  np.testing.assert_array_equal(joined(back), array)
  assert joined(back).dtype == dtype
  assert back.icc_profile == srgb
  assert back.format == {'.png': 'PNG', '.tif': 'TIFF'}[suffix]


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('channels', [1, 2, 3, 4])
def test_other_programs_read_what_is_written(tmp_path, srgb, channels, dtype):
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
def test_eight_bit_formats(tmp_path, name, channels):
  array = samples(channels, height=40, width=31)
  path = tmp_path / 'photo.any'
  Image.fromarray(array.squeeze()).save(path, name)
  with Image.open(path) as image:
    expected = np.asarray(image)
  photo = images.read_image(path)
  assert photo.format == name and photo.alpha is None
  expected = expected.reshape(40, 31, -1)
  np.testing.assert_array_equal(photo.pixels, expected)


def test_the_preview_in_a_camera_file_is_no_page(tmp_path):
  large, preview = samples(3, height=32, width=48), samples(3)
  Image.fromarray(large).save(
    tmp_path / 'a.jpg', 'MPO', save_all=True,
    append_images=[Image.fromarray(preview)],
  )
  photo = images.read_image(tmp_path / 'a.jpg')
  assert photo.pixels.shape == large.shape
  assert (photo.format, photo.pages) == ('JPEG', 1)


def test_webp_with_alpha(tmp_path):
  array = samples(4)
  Image.fromarray(array).save(
    tmp_path / 'a.webp', lossless=True, exact=True
  )
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
def test_palettes(tmp_path, kind):
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


def test_transparent_color_of_an_rgb_png(tmp_path):
  array = samples(3)
  Image.fromarray(array).save(
    tmp_path / 'a.png', transparency=tuple(int(v) for v in array[2, 3])
  )
  alpha = images.read_image(tmp_path / 'a.png').alpha
  expected = np.full((7, 5), 255)
  expected[2, 3] = 0
  np.testing.assert_array_equal(alpha, expected)


def test_transparent_color_of_a_16_bit_png(tmp_path):
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
def test_single_bits(tmp_path, suffix):
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
def test_orientation(tmp_path, kind, orientation):
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

  # Pillow's own rule, applied to the index of every pixel.
  height, width = 7, 5
  index = Image.fromarray(np.arange(35, dtype=np.uint8).reshape(7, 5))
  index.getexif()[274] = orientation
  order = np.asarray(ImageOps.exif_transpose(index))
  if kind == 'tiff':  # Pillow has already turned what it returned.
    expected = array
    assert expected.shape[:2] == order.shape
  else:
    expected = array.reshape(height * width, -1)[order]
  np.testing.assert_array_equal(images.read_image(path).pixels, expected)


@pytest.mark.parametrize('compression', [None, 'lzw', 'zlib', 'zstd'])
@pytest.mark.parametrize('planar', ['contig', 'separate'])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_tiff_layouts(tmp_path, compression, planar, dtype):
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


def test_tiff_first_page(tmp_path):
  for dtype in (np.uint8, np.uint16):
    pages = np.stack([samples(1, dtype)[..., 0], 0 * samples(1, dtype)[..., 0]])
    tifffile.imwrite(tmp_path / 'a.tif', pages, photometric='minisblack')
    photo = images.read_image(tmp_path / 'a.tif')
    assert photo.pages == 2
    np.testing.assert_array_equal(photo.pixels[..., 0], pages[0])


def test_tiff_white_is_zero(tmp_path):
  for dtype in (np.uint8, np.uint16):
    array = samples(1, dtype)[..., 0]
    tifffile.imwrite(tmp_path / 'a.tif', array, photometric='miniswhite')
    photo = images.read_image(tmp_path / 'a.tif')
    np.testing.assert_array_equal(photo.pixels[..., 0], ~array)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_tiff_premultiplied_alpha(tmp_path, dtype):
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


def test_tiff_twelve_bits_are_stretched(tmp_path):
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
    (np.zeros((7, 5), np.uint32), 'uint32 samples are not supported'),
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


def encoded(kind):
  """Returns the content of a noise image of some kind."""
  buffer = io.BytesIO()
  array = samples(3, np.uint16 if kind.endswith('16') else np.uint8, 64, 64)
  if kind == 'png16':
    return imagecodecs.png_encode(array)
  if kind.startswith('tiff'):
    tifffile.imwrite(buffer, array, photometric='rgb', compression='zlib')
  else:
    Image.fromarray(array).save(buffer, kind)
  return buffer.getvalue()


@pytest.mark.parametrize('kept', [0.1, 0.5, 0.98])
@pytest.mark.parametrize(
  'kind', ['png', 'png16', 'jpeg', 'webp', 'bmp', 'tiff', 'tiff16']
)
def test_truncated_files(tmp_path, kind, kept):
  data = encoded(kind)
  path = tmp_path / 'short.any'
  path.write_bytes(data[: int(len(data) * kept)])
  with pytest.raises(ValueError, match=r'short\.any: .+\.$') as error:
    images.read_image(path)
  assert '\n' not in str(error.value)


@pytest.mark.parametrize('kind', ['png', 'png16', 'tiff', 'tiff16'])
def test_damaged_files(tmp_path, kind, capfd):
  data = bytearray(encoded(kind))
  middle = len(data) // 2
  data[middle : middle + 200] = bytes(200)
  path = tmp_path / 'bad.any'
  path.write_bytes(data)
  with pytest.raises(ValueError, match=r'bad\.any: .+'):
    images.read_image(path)
  assert capfd.readouterr() == ('', '')


@pytest.mark.parametrize('kind', ['palette', 'cmyk', 'ycbcr'])
def test_tiff_color_spaces(tmp_path, kind):
  """Read by Pillow, itself the oracle; JPEG inside is the usual YCbCr."""
  array = samples(3, height=32, width=32)
  image = Image.fromarray(array)
  image = {
    'palette': image.quantize, 'cmyk': lambda: image.convert('CMYK'),
    'ycbcr': lambda: image,
  }[kind]()
  compression = 'jpeg' if kind == 'ycbcr' else None
  image.save(tmp_path / 'a.tif', compression=compression)
  with Image.open(tmp_path / 'a.tif') as image:
    expected = np.asarray(image.convert('RGB'))
  photo = images.read_image(tmp_path / 'a.tif')
  np.testing.assert_array_equal(photo.pixels, expected)


@pytest.mark.parametrize(
  'content, message',
  [
    (b'', 'the file is empty'),
    (b'\0', 'not an image of a known format'),
    (b'GIF89a' + bytes(50), 'not an image of a known format'),
    (b'just some text, not a picture' * 9, 'not an image of a known format'),
    (b'II*\0' + bytes(4), 'damaged|truncated'),
    (b'II*\0\xff\xff\xff\x7f', 'damaged|truncated'),
    (b'\xff\xd8\xff', 'not an image|damaged|cannot be read'),
  ],
)
def test_not_images(tmp_path, content, message):
  path = tmp_path / 'x.png'
  path.write_bytes(content)
  with pytest.raises(ValueError, match=f'x.png: .*({message})') as error:
    images.read_image(path)
  assert '\n' not in str(error.value)


def png_header(width, height, depth=8):
  """Returns a PNG that declares a size and holds next to nothing."""
  header = struct.pack('>IIBBBBB', width, height, depth, 2, 0, 0, 0)
  return b'\x89PNG\r\n\x1a\n' + b''.join([
    chunk(b'IHDR', header),
    chunk(b'IDAT', zlib.compress(bytes(100))),
    chunk(b'IEND', b''),
  ])


@pytest.mark.parametrize('depth', [8, 16])
def test_ten_gigapixel_header(tmp_path, depth):
  path = tmp_path / 'bomb.png'
  path.write_bytes(png_header(100_000, 100_000, depth))
  with pytest.raises(ValueError, match='bomb.png: 100000 x 100000 pixels'):
    images.read_image(path)


def test_ten_gigapixel_tiff_header(tmp_path):
  path = tmp_path / 'bomb.tif'
  tifffile.imwrite(path, samples(1, np.uint16)[..., 0])
  with tifffile.TiffFile(path, mode='r+') as tiff:
    for name in ('ImageWidth', 'ImageLength'):
      tag = tiff.pages[0].tags[name]
      tag.overwrite(100_000, dtype='I')
  with pytest.raises(ValueError, match='bomb.tif: 100000 x 100000 pixels'):
    images.read_image(path)


def test_two_hundred_megapixels_pass_pillows_limit(tmp_path):
  """Above twice Pillow's own limit; one bit a pixel keeps the test quick."""
  path = tmp_path / 'large.png'
  limit = Image.MAX_IMAGE_PIXELS
  Image.new('1', (20_000, 10_000), 1).save(path)
  assert 20_000 * 10_000 > 2 * limit
  photo = images.read_image(path)
  assert photo.pixels.shape == (10_000, 20_000, 1)
  assert Image.MAX_IMAGE_PIXELS == limit


def test_missing_file_names_the_nearest(tmp_path):
  (tmp_path / 'holiday.jpg').touch()
  with pytest.raises(ValueError, match='holidya.jpg does not .* holiday.jpg'):
    images.read_image(tmp_path / 'holidya.jpg')


def test_folder_instead_of_a_file(tmp_path):
  with pytest.raises(ValueError, match='cannot be read: Is a directory'):
    images.read_image(tmp_path)


def test_profiles_and_oddities_do_not_print(tmp_path, capfd):
  exif = b'Exif\0\0II*\0\x08\0\0\0\xff\xff' + bytes(9)
  Image.fromarray(samples(3)).save(tmp_path / 'a.jpg', exif=exif)
  images.read_image(tmp_path / 'a.jpg')
  assert capfd.readouterr() == ('', '')


@pytest.mark.parametrize(
  'name, array, message',
  [
    ('a.pgn', samples(1), 'got \'.pgn\', did you mean .png'),
    ('a', samples(1), 'got \'\''),
    ('a.jpg', samples(4), 'JPEG holds no transparency'),
    ('a.jpg', samples(3, np.uint16), 'JPEG holds 8 bits only'),
    ('a.webp', samples(1, np.uint16), 'WEBP holds 8 bits only'),
  ],
)
def test_what_cannot_be_written(tmp_path, name, array, message):
  with pytest.raises(ValueError, match=message):
    images.write_image(tmp_path / name, split(array))
  assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
  path = tmp_path / 'a.png'
  images.write_image(path, images.Photo(samples(3)))
  before = path.read_bytes()

  def fail(self, data):
    with open(self, 'wb') as file:
      file.write(data[:10])
    raise OSError(errno.ENOSPC, 'No space left on device')

  monkeypatch.setattr(pathlib.Path, 'write_bytes', fail)
  with pytest.raises(OSError, match='No space'):
    images.write_image(path, images.Photo(samples(1)))
  assert path.read_bytes() == before
  assert [entry.name for entry in tmp_path.iterdir()] == ['a.png']


def test_names_as_long_as_the_file_system_takes(tmp_path):
  path = tmp_path / ('n' * 251 + '.png')
  images.write_image(path, images.Photo(samples(1)))
  assert path.exists()


def test_out_of_memory_is_named(tmp_path, monkeypatch):
  images.write_image(tmp_path / 'a.png', images.Photo(samples(1, np.uint16)))

  def fail(data):
    raise MemoryError

  monkeypatch.setattr(decoding.imagecodecs, 'png_decode', fail)
  with pytest.raises(ValueError, match='a.png: not enough memory'):
    images.read_image(tmp_path / 'a.png')
