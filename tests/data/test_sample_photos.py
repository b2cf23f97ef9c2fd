"""The sample photos are complete, and prepared once, quietly and atomically."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import skimage.data
import sklearn.datasets

from autoencoder import data
from autoencoder.data import sample_photos

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def cache(tmp_path, monkeypatch):
  monkeypatch.delenv('TFDS_DATA_DIR', raising=False)
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
  return tmp_path / 'autoencoder'


def test_photos_are_the_packages_own(cache, capfd):
  train = data.open_source('sample_photos', 'train', channels=3)
  test = data.open_source('sample_photos', 'test', channels=3)
  assert capfd.readouterr() == ('', '')
  photos = {item['name']: item['image'] for item in train}
  assert list(photos) == [
    'astronaut',
    'chelsea',
    'china',
    'grace_hopper',
    'hubble_deep_field',
    'motorcycle_left',
    'motorcycle_right',
  ]
  held_out = {item['name']: item['image'] for item in test}
  assert list(held_out) == ['rocket', 'coffee', 'flower']
  assert train.name == test.name == 'sample_photos'
  photos |= held_out
  for name in ('astronaut', 'chelsea', 'coffee'):
    np.testing.assert_array_equal(photos[name], getattr(skimage.data, name)())
  np.testing.assert_array_equal(
    photos['flower'], sklearn.datasets.load_sample_image('flower.jpg')
  )
  for name, image in photos.items():
    assert np.ptp(image.astype(int), axis=2).max() > 30, f'{name} has no colour'


def test_environment_chooses_the_folder(cache, tmp_path, monkeypatch):
  assert sample_photos.cache_folder() == cache
  monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path / 'shared'))
  sample_photos.prepare()
  assert os.listdir(tmp_path / 'shared/sample_photos') == ['1.0.0']
  assert os.listdir(tmp_path / 'shared') == ['sample_photos']
  monkeypatch.delenv('TFDS_DATA_DIR')
  monkeypatch.delenv('XDG_CACHE_HOME')
  home = pathlib.Path.home()
  assert sample_photos.cache_folder() == home / '.cache/autoencoder'


def test_second_call_prepares_nothing(cache, monkeypatch):
  sample_photos.prepare()
  monkeypatch.setattr(sample_photos, '_prepare_in', None)
  assert sample_photos.prepare().info.splits['train'].num_examples == 7


def test_interrupted_preparation_leaves_nothing(cache, monkeypatch):
  original = sample_photos._find

  def interrupt(file):
    if file == 'motorcycle_left.png':
      raise KeyboardInterrupt
    return original(file)

  with monkeypatch.context() as patch:
    patch.setattr(sample_photos, '_find', interrupt)
    with pytest.raises(KeyboardInterrupt):
      sample_photos.prepare()
  assert list(cache.iterdir()) == []
  assert len(data.open_source('sample_photos', 'train', channels=3)) == 7


def test_processes_may_prepare_at_once(cache):
  code = (
    'from autoencoder import data\n'
    "source = data.open_source('sample_photos', 'test', channels=3)\n"
    'print(len([item for item in source]))\n'
  )
  runs = [
    subprocess.Popen(
      [sys.executable, '-W', 'error', '-c', code],
      cwd=ROOT,
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )
    for _ in range(2)
  ]
  assert [run.communicate() for run in runs] == [('3\n', '')] * 2
  assert os.listdir(cache) == ['sample_photos']


def test_slower_process_keeps_the_faster_ones_data(cache, monkeypatch):
  original = os.rename

  def lose(source, target):
    if cache / 'sample_photos' not in pathlib.Path(target).parents:
      return original(source, target)  # TFDS's own, in the temporary folder.
    with monkeypatch.context() as patch:
      patch.setattr(os, 'rename', original)
      sample_photos._prepare_in(cache)
    winner = os.stat(target).st_ino
    with pytest.raises(OSError):
      original(source, target)
    assert os.stat(target).st_ino == winner
    raise OSError('Directory not empty')

  monkeypatch.setattr(sample_photos.os, 'rename', lose)
  assert sample_photos.prepare().info.splits['test'].num_examples == 3


def test_unwritable_cache_says_what_to_do(tmp_path, monkeypatch):
  (tmp_path / 'file').touch()
  monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path / 'file/below'))
  with pytest.raises(
    ValueError, match='set TFDS_DATA_DIR to a writable folder'
  ):
    sample_photos.prepare()


def test_missing_photo_is_named(monkeypatch):
  monkeypatch.setattr(sample_photos, 'PACKAGES', {'skimage': 'nowhere'})
  with pytest.raises(ValueError, match='coffee.png is missing'):
    sample_photos._find('coffee.png')


def test_import_is_light():
  code = (
    'import sys, autoencoder.data\n'
    "heavy = {'tensorflow_datasets', 'grain', 'skimage', 'sklearn'}\n"
    'assert not heavy & set(sys.modules), heavy & set(sys.modules)\n'
  )
  subprocess.run([sys.executable, '-c', code], cwd=ROOT, check=True)
