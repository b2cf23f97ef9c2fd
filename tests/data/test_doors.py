"""A picture file has the same pixels wherever the package reads it."""

import io
import re
import struct
import zlib

import numpy as np
from PIL import Image
from PIL import ImageCms
from PIL import PngImagePlugin
import pytest
import tifffile

from autoencoder import photos
from autoencoder.data import decode
from autoencoder.data import labels
from autoencoder.data import pairs
from autoencoder.data.sources import folder
from autoencoder.image import palettes
from autoencoder.inference import apply
from autoencoder.photos import encoding
from autoencoder.photos import images
from autoencoder.photos import samples

GREY = np.random.default_rng(0).integers(0, 256, (6, 9), dtype=np.uint8)
COLOR = np.random.default_rng(1).integers(0, 256, (6, 9, 3), dtype=np.uint8)
# EXIF with an orientation of 6 and one entry that comes as it should not.
BAD_EXIF = {
  'ascii resolution': (0x11A, 2, 4, b'72\0\0', b''),
  'ascii width': (0x100, 2, 4, b'abc\0', b''),
  'rational unit': (0x128, 5, 1, b'\x26\0\0\0', b'\1\0\0\0\1\0\0\0'),
}


def exif_with(tag, kind, count, value, tail):
  words = b''.join(
    number.to_bytes(size, 'little')
    for number, size in ((tag, 2), (kind, 2), (count, 4))
  )
  start = b'Exif\0\0II*\0\x08\0\0\0\2\0\x12\1\3\0\1\0\0\0\6\0\0\0'
  return start + words + value + b'\0\0\0\0' + tail


def tiff(array, orientation=1, **options):
  file = io.BytesIO()
  tags = [(274, 3, 1, orientation, True)]
  tifffile.imwrite(file, array, extratags=tags, **options)
  return file.getvalue()


def pillow(array, kind='PNG', **options):
  file = io.BytesIO()
  Image.fromarray(array).save(file, kind, **options)
  return file.getvalue()


def wide(array):
  return array.astype(np.uint16) * 257


def turned(array):
  return np.rot90(array, -1)


def xmp_text(orientation):
  text = PngImagePlugin.PngInfo()
  xmp = f'<rdf tiff:Orientation="{orientation}"/>'
  text.add_itxt('XML:com.adobe.xmp', xmp)
  return text


def chunk(kind, body):
  checksum = struct.pack('>I', zlib.crc32(kind + body))
  return struct.pack('>I', len(body)) + kind + body + checksum


def png16(kind, body, color=2):
  """Returns `COLOR` or `GREY` as a 16-bit PNG with a chunk after its header."""
  pixels = wide(COLOR if color == 2 else GREY[..., None])
  data = encoding.encode('.png', pixels, None, None)
  return data[:33] + chunk(kind, body) + data[33:]


def cases():
  """Yields the name, the content and the right 8-bit pixels of each file."""
  black = {'photometric': 'minisblack'}
  for bits, array in (('8', GREY), ('16', wide(GREY))):
    yield f'turned grey {bits}.tif', tiff(array, 6, **black), turned(GREY)
    top = np.iinfo(array.dtype).max
    white = tiff(top - array, photometric='miniswhite')
    yield f'white is zero {bits}.tif', white, GREY
  for bits, array in (('8', COLOR), ('16', wide(COLOR))):
    file = tiff(array, 6, photometric='rgb')
    yield f'turned colour {bits}.tif', file, turned(COLOR)
    file = tiff(
      np.moveaxis(array, -1, 0), photometric='rgb', planarconfig='separate'
    )
    yield f'planar {bits}.tif', file, COLOR
    infrared = np.concatenate([array, array[..., :1]], axis=-1)
    file = tiff(infrared, photometric='rgb', extrasamples=['unspecified'])
    yield f'infrared {bits}.tif', file, COLOR
  integers = tiff(wide(GREY).astype(np.uint32), **black)
  yield 'integers of 32 bits.tif', integers, GREY
  for name, entry in BAD_EXIF.items():
    file = pillow(COLOR, 'WEBP', lossless=True, exif=exif_with(*entry)[6:])
    yield f'{name}.webp', file, turned(COLOR)
    file = pillow(GREY, 'JPEG', exif=exif_with(*entry))
    with Image.open(io.BytesIO(file)) as image:
      stored = np.asarray(image)
    yield f'{name}.jpg', file, turned(stored)
  yield 'xmp 8.png', pillow(COLOR, pnginfo=xmp_text(6)), turned(COLOR)
  xmp = b'XML:com.adobe.xmp\0\0\0\0\0<rdf tiff:Orientation="6"/>'
  yield 'xmp 16.png', png16(b'iTXt', xmp), turned(COLOR)
  key = int(wide(GREY)[2, 3]).to_bytes(2, 'big')
  clear = np.where(GREY[2, 3] == GREY, np.uint8(255), GREY)
  yield 'key 16.png', png16(b'tRNS', key, color=0), clear
  text = PngImagePlugin.PngInfo()
  text.add_text('Comment', 'long ' * 300_000, zip=True)
  yield 'long text.png', pillow(GREY, pnginfo=text), GREY


def test_all_doors_agree(tmp_path):
  expected = {}
  for name, data, pixels in cases():
    (tmp_path / name).write_bytes(data)
    expected[name] = pixels.reshape(*pixels.shape[:2], -1)
  source = folder.FolderSource(str(tmp_path), 'train', channels=3)
  assert len(source) == len(expected)
  for item in source:
    name = item['name']
    right = np.broadcast_to(expected[name], item['image'].shape)
    np.testing.assert_array_equal(item['image'], right, err_msg=name)
    data = decode.read((tmp_path / name).read_bytes())
    from_bytes = decode.to_uint8(data, 3)
    np.testing.assert_array_equal(from_bytes, right, err_msg=name)
    photo = images.read_image(tmp_path / name)
    visible = np.full(photo.pixels.shape[:2], True)
    if photo.alpha is not None:
      visible = photo.alpha > 0
    np.testing.assert_array_equal(
      images.to_eight_bits(photo.pixels)[visible],
      expected[name][visible],
      err_msg=name,
    )


@pytest.mark.parametrize('kind', ['grey', 'palette'])
def test_labels_are_turned(tmp_path, kind):
  classes = (GREY % 3).astype(np.uint8)
  form = labels.LabelFormat(palettes.find('a,b,c'))
  path = tmp_path / 'label.tif'
  if kind == 'grey':
    path.write_bytes(tiff(classes, 6, photometric='minisblack'))
  else:
    image = Image.fromarray(classes)
    image.putpalette(range(9))
    path = tmp_path / 'label.png'
    image.save(path, pnginfo=xmp_text(6))
  read = pairs.read(path, form, (9, 6))
  np.testing.assert_array_equal(read, turned(classes))


def test_infrared_is_no_opacity_and_is_named(tmp_path):
  infrared = np.concatenate([COLOR, COLOR[..., :1]], axis=-1)
  path = tmp_path / 'infrared.tif'
  path.write_bytes(
    tiff(infrared, photometric='rgb', extrasamples=['unspecified'])
  )
  photo = images.read_image(path)
  assert photo.alpha is None
  assert photo.notes == ('1 band besides colour and opacity left out',)


def test_hidden_colours_change_no_result(tmp_path, capsys):
  """A function that mixes neighbours sees no colour of invisible pixels."""
  alpha = np.zeros((6, 9), np.uint8)
  alpha[2:4, 3:6] = 255
  results = []
  for hidden in ((255, 0, 255), (0, 0, 0)):
    pixels = np.where(alpha[..., None] > 0, COLOR, np.uint8(hidden))
    source = tmp_path / f'{hidden[0]}'
    source.mkdir()
    images.write_image(source / 'a.png', photos.Photo(pixels, alpha))
    out = tmp_path / f'out{hidden[0]}'
    seen = []

    def blur(pixels, on_tile, seen=seen):
      seen.append(pixels)
      return pixels

    apply.apply_files(blur, source, out)
    results.append(seen[0])
    back = images.read_image(out / 'a.png')
    np.testing.assert_array_equal(back.alpha, alpha)
    np.testing.assert_array_equal(back.pixels[alpha > 0], COLOR[alpha > 0])
  np.testing.assert_array_equal(*results)


@pytest.mark.parametrize('profile', ['broken', 'rgb'])
def test_profiles_that_do_not_fit_are_left_out(tmp_path, profile):
  content = b'no profile' * 20
  if profile == 'rgb':
    made = ImageCms.createProfile('sRGB')
    content = ImageCms.ImageCmsProfile(made).tobytes()
  path = tmp_path / 'grey.png'
  path.write_bytes(pillow(GREY, icc_profile=content))
  photo = images.read_image(path)
  assert photo.icc_profile is None
  assert photo.notes == ('its colour profile left out',)


def test_one_limit_of_pixels(tmp_path, monkeypatch):
  monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 4)
  (tmp_path / 'a.png').write_bytes(pillow(GREY))
  source = folder.FolderSource(str(tmp_path), 'train', channels=1)
  np.testing.assert_array_equal(source[0]['image'][..., 0], GREY)
  assert Image.MAX_IMAGE_PIXELS == 4
  monkeypatch.setattr(samples, 'MAX_PIXELS', 4)
  with pytest.raises(decode.UnreadableImage, match='9 x 6 pixels'):
    source[0]


def test_broken_link_is_named(tmp_path):
  link = tmp_path / 'gone.png'
  link.symlink_to(tmp_path / 'away.png')
  with pytest.raises(ValueError, match=re.escape(f'{link} is a broken link')):
    images.read_image(link)


def test_jfif_is_found(tmp_path):
  (tmp_path / 'a.jfif').write_bytes(pillow(GREY, 'JPEG'))
  source = folder.FolderSource(str(tmp_path), 'train', channels=1)
  assert len(source) == 1


def test_missing_exif_is_said_once(tmp_path, capsys):
  source = tmp_path / 'in'
  source.mkdir()
  exif = Image.Exif()
  exif[274] = 1
  for name in ('a.jpg', 'b.jpg'):
    (source / name).write_bytes(pillow(GREY, 'JPEG', exif=exif))
  apply.apply_files(lambda pixels, on_tile: pixels, source, tmp_path / 'out')
  assert capsys.readouterr().out.count('EXIF') == 1
