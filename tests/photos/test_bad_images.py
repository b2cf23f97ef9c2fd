"""Broken, huge and missing files, and photos that cannot be written."""

import errno
import io
import pathlib
import struct
import zlib

import imagecodecs
import numpy as np
from PIL import Image
import pytest
import tifffile

from autoencoder.photos import decoding
from autoencoder.photos import images


@pytest.fixture
def encoded(samples):
  """`encoded(kind)`: the content of a file with a noise image."""

  def encoded(kind):
    buffer = io.BytesIO()
    array = samples(3, np.uint16 if kind.endswith('16') else np.uint8, 64, 64)
    if kind == 'png16':
      return imagecodecs.png_encode(array)
    if kind.startswith('tiff'):
      tifffile.imwrite(buffer, array, photometric='rgb', compression='zlib')
    else:
      Image.fromarray(array).save(buffer, kind)
    return buffer.getvalue()

  return encoded


@pytest.mark.parametrize('kept', [0.1, 0.5, 0.98])
@pytest.mark.parametrize(
  'kind', ['png', 'png16', 'jpeg', 'webp', 'bmp', 'tiff', 'tiff16']
)
def test_truncated_files(encoded, tmp_path, kind, kept):
  data = encoded(kind)
  path = tmp_path / 'short.any'
  path.write_bytes(data[: int(len(data) * kept)])
  with pytest.raises(ValueError, match=r'short\.any: .+\.$') as error:
    images.read_image(path)
  assert '\n' not in str(error.value)


@pytest.mark.parametrize('kind', ['png', 'png16'])
@pytest.mark.parametrize('lost', [8, 12, 20])
def test_png_without_its_end(encoded, tmp_path, kind, lost):
  path = tmp_path / 'short.png'
  path.write_bytes(encoded(kind)[:-lost])
  with pytest.raises(ValueError, match='short.png: .*(truncated|damaged)'):
    images.read_image(path)
  path.write_bytes(encoded(kind) + b'left by a camera')
  images.read_image(path)


@pytest.mark.parametrize('kind', ['png', 'png16', 'tiff', 'tiff16'])
def test_damaged_files(encoded, tmp_path, kind, capfd):
  data = bytearray(encoded(kind))
  middle = len(data) // 2
  data[middle : middle + 200] = bytes(200)
  path = tmp_path / 'bad.any'
  path.write_bytes(data)
  with pytest.raises(ValueError, match=r'bad\.any: .+'):
    images.read_image(path)
  assert capfd.readouterr() == ('', '')


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


@pytest.fixture
def png_header(chunk):
  """`png_header(width, height, depth)`: a PNG with almost no pixel data."""

  def png_header(width, height, depth):
    header = struct.pack('>IIBBBBB', width, height, depth, 2, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + b''.join(
      [
        chunk(b'IHDR', header),
        chunk(b'IDAT', zlib.compress(bytes(100))),
        chunk(b'IEND', b''),
      ]
    )

  return png_header


@pytest.mark.parametrize('depth', [8, 16])
def test_ten_gigapixel_header(png_header, tmp_path, depth):
  path = tmp_path / 'bomb.png'
  path.write_bytes(png_header(100_000, 100_000, depth))
  with pytest.raises(ValueError, match='bomb.png: 100000 x 100000 pixels'):
    images.read_image(path)


def test_ten_gigapixel_tiff_header(samples, tmp_path):
  path = tmp_path / 'bomb.tif'
  tifffile.imwrite(path, samples(1, np.uint16)[..., 0])
  with tifffile.TiffFile(path, mode='r+') as tiff:
    for name in ('ImageWidth', 'ImageLength'):
      tag = tiff.pages[0].tags[name]
      tag.overwrite(100_000, dtype='I')
  with pytest.raises(ValueError, match='bomb.tif: 100000 x 100000 pixels'):
    images.read_image(path)


def test_two_hundred_megapixels_pass_pillows_limit(tmp_path):
  """The size is above twice Pillow's limit; one bit per pixel is fast."""
  path = tmp_path / 'large.png'
  limit = Image.MAX_IMAGE_PIXELS
  Image.new('1', (20_000, 10_000), 1).save(path)
  assert 2 * limit < 20_000 * 10_000
  photo = images.read_image(path)
  assert photo.pixels.shape == (10_000, 20_000, 1)
  assert limit == Image.MAX_IMAGE_PIXELS


def test_missing_file_names_the_nearest(tmp_path):
  (tmp_path / 'holiday.jpg').touch()
  with pytest.raises(ValueError, match='holidya.jpg does not .* holiday.jpg'):
    images.read_image(tmp_path / 'holidya.jpg')


def test_folder_instead_of_a_file(tmp_path):
  with pytest.raises(ValueError, match='cannot be read: Is a directory'):
    images.read_image(tmp_path)


def test_profiles_and_oddities_do_not_print(samples, tmp_path, capfd):
  exif = b'Exif\0\0II*\0\x08\0\0\0\xff\xff' + bytes(9)
  Image.fromarray(samples(3)).save(tmp_path / 'a.jpg', exif=exif)
  images.read_image(tmp_path / 'a.jpg')
  assert capfd.readouterr() == ('', '')


@pytest.mark.parametrize(
  'name, channels, dtype, message',
  [
    ('a.pgn', 1, np.uint8, "got '.pgn', did you mean .png"),
    ('a', 1, np.uint8, "got ''"),
    ('a.jpg', 4, np.uint8, 'JPEG files have no transparency'),
    ('a.jpg', 3, np.uint16, 'JPEG files have 8 bits'),
    ('a.webp', 1, np.uint16, 'WEBP files have 8 bits'),
  ],
)
def test_what_cannot_be_written(
  samples, split, tmp_path, name, channels, dtype, message
):
  with pytest.raises(ValueError, match=message):
    images.write_image(tmp_path / name, split(samples(channels, dtype)))
  assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_what_was_there(samples, tmp_path, monkeypatch):
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


def test_names_as_long_as_the_file_system_takes(samples, tmp_path):
  path = tmp_path / ('n' * 251 + '.png')
  images.write_image(path, images.Photo(samples(1)))
  assert path.exists()


def test_out_of_memory_is_named(samples, tmp_path, monkeypatch):
  images.write_image(tmp_path / 'a.png', images.Photo(samples(1, np.uint16)))

  def fail(data):
    raise MemoryError

  monkeypatch.setattr(decoding.imagecodecs, 'png_decode', fail)
  with pytest.raises(ValueError, match='a.png: not enough memory'):
    images.read_image(tmp_path / 'a.png')
