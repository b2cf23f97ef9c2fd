"""Folders of images: splits, hidden files, links, formats and mistakes."""

import os

import numpy as np
from PIL import Image
import pytest
import tifffile

from autoencoder import data


def save(path, value=0, size=(4, 3), **kwargs):
  path.parent.mkdir(parents=True, exist_ok=True)
  Image.new('RGB', size, (value,) * 3).save(path, **kwargs)


def open_folder(path, split='train', channels=3):
  return data.open_source(f'folder:{path}', split, channels=channels)


def names(source):
  return [item['name'] for item in source]


@pytest.mark.parametrize('values', ['float', 'alpha', 'nan', 'none'])
def test_tiff_that_pillow_does_not_know(tmp_path, values):
  pixels = np.linspace(0, 1, 4 * 3 * 3, dtype=np.float32).reshape(4, 3, 3)
  expected = np.rint(255 * pixels)
  if values == 'alpha':
    pixels = np.concatenate([pixels, np.zeros((4, 3, 1), np.float32)], -1)
    expected = 255
  if values == 'nan':
    pixels[2, 1, 0] = np.nan
  options = {'extrasamples': ['unassalpha']} if values == 'alpha' else {}
  path = tmp_path / 'a.tif'
  tifffile.imwrite(path, pixels, photometric='rgb', **options)
  if values == 'none':
    path.write_bytes(b'')
  source = open_folder(tmp_path)
  if values in ('nan', 'none'):
    words = {'nan': 'not all finite', 'none': 'the file is empty'}[values]
    with pytest.raises(ValueError, match=f'a.tif cannot be read .*{words}'):
      source[0]
    return
  np.testing.assert_array_equal(source[0]['image'], expected)


def test_finds_images_recursively_sorted_and_nothing_else(tmp_path):
  root = tmp_path / 'my photos'
  for name in ('b.PNG', 'a.jpeg', 'sub/deep/c.webp', 'sub/d.tif', 'e.BMP'):
    save(root / name)
  save(root / '.hidden.png')
  save(root / '.cache/x.png')
  (root / 'notes.txt').write_text('no image')
  source = open_folder(root)
  assert names(source) == [
    'a.jpeg',
    'b.PNG',
    'e.BMP',
    'sub/d.tif',
    'sub/deep/c.webp',
  ]
  assert source.name == 'my_photos'
  assert len(source) == 5
  item = source[0]
  assert item['image'].shape == (3, 4, 3)
  assert item['image'].dtype == np.uint8
  # Without train and test subfolders both splits are the whole tree.
  assert names(open_folder(root, 'test')) == names(source)


def test_follows_links_once(tmp_path):
  save(tmp_path / 'elsewhere/a.png')
  save(tmp_path / 'root/b.png')
  os.symlink(tmp_path / 'elsewhere', tmp_path / 'root/linked')
  os.symlink(tmp_path / 'root', tmp_path / 'root/linked/back')
  assert names(open_folder(tmp_path / 'root')) == ['b.png', 'linked/a.png']


def test_train_and_test_subfolders_are_the_splits(tmp_path):
  save(tmp_path / 'train/a.png', 1)
  save(tmp_path / 'test/b.png', 2)
  save(tmp_path / 'c.png', 3)
  assert names(open_folder(tmp_path)) == ['a.png']
  assert names(open_folder(tmp_path, 'test')) == ['b.png']
  assert open_folder(tmp_path, 'test').name == tmp_path.name


def test_home_is_expanded(tmp_path, monkeypatch):
  monkeypatch.setenv('HOME', str(tmp_path))
  save(tmp_path / 'photos/a.png')
  assert names(open_folder('~/photos')) == ['a.png']


def test_exif_orientation_is_honoured(tmp_path):
  pixels = np.zeros((2, 3, 3), np.uint8)
  pixels[0, 0] = 255
  exif = Image.Exif()
  exif[0x0112] = 6  # The camera was held upright: turn 90 degrees clockwise.
  Image.fromarray(pixels).save(tmp_path / 'a.png', exif=exif)
  image = open_folder(tmp_path)[0]['image']
  np.testing.assert_array_equal(image, np.rot90(pixels, -1))


@pytest.mark.parametrize(
  'content',
  [b'', b'no image at all', b'\x89PNG\r\n\x1a\n' + b'\0' * 40],
)
def test_unreadable_file_is_named(tmp_path, content):
  (tmp_path / 'bad.png').write_bytes(content)
  source = open_folder(tmp_path)
  with pytest.raises(data.UnreadableImage, match='bad.png cannot be read'):
    source[0]


def test_truncated_file_is_named(tmp_path):
  noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
  Image.fromarray(noise).save(tmp_path / 'cut.jpg')
  content = (tmp_path / 'cut.jpg').read_bytes()
  (tmp_path / 'cut.jpg').write_bytes(content[: len(content) // 2])
  with pytest.raises(data.UnreadableImage, match='cut.jpg .* truncated'):
    open_folder(tmp_path)[0]


def test_opening_reads_no_file(tmp_path, monkeypatch):
  save(tmp_path / 'a.png')

  def forbidden(*args, **kwargs):
    raise AssertionError('a file was opened')

  monkeypatch.setattr(Image, 'open', forbidden)
  assert len(open_folder(tmp_path)) == 1


def test_impossible_folders_are_explained(tmp_path):
  save(tmp_path / 'photos/a.png')
  (tmp_path / 'empty').mkdir()
  (tmp_path / 'half/train').mkdir(parents=True)
  for path, words in {
    'photo': 'does not exist .* Did you mean photos?',
    'nowhere/at/all': 'does not exist',
    'empty': 'hold no image.*webp',
    'photos/a.png': 'is a file; give its folder instead: folder:.*photos$',
    'half': "no 'test' subfolder, only 'train': .*test_source=.*half/SUB",
  }.items():
    with pytest.raises(ValueError, match=words):
      open_folder(tmp_path / path, 'test')
  with pytest.raises(ValueError, match='given without a path'):
    open_folder('')


def test_wrong_arguments():
  with pytest.raises(ValueError, match="'train' or 'test'; got 'dev'"):
    data.open_source('sample_photos', 'dev', channels=3)
  with pytest.raises(ValueError, match='1 or 3; got 4'):
    data.open_source('sample_photos', 'train', channels=4)
