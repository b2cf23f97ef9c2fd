"""The registry of sources: a new kind takes no change in another file."""

import pytest

from autoencoder import data
from autoencoder.data.sources import registry


def test_known_names_are_listed():
  assert data.known_names() == ['folder:PATH', 'sample_photos', 'scenes']


def test_registered_source_is_opened(monkeypatch):
  entries = dict(registry._load_entries())
  monkeypatch.setattr(registry, '_entries', entries)
  monkeypatch.setattr(registry, '_load_entries', lambda: entries)

  @registry.register('zip:FILE', local=True)
  def open_zip(file, split, *, channels, labels):
    return file, split, channels, labels

  @registry.register('noise')
  def open_noise(name, split, *, channels, labels):
    return name, split, channels, labels

  opened = data.open_source('zip:/a:b/c.zip', 'test', channels=3)
  assert opened == ('/a:b/c.zip', 'test', 3, None)
  opened = data.open_source('noise', 'train', channels=1)
  assert opened == ('noise', 'train', 1, None)
  assert data.known_names()[1:] == [
    'noise', 'sample_photos', 'scenes', 'zip:FILE'
  ]  # fmt: skip
  with pytest.raises(ValueError, match="'noise' is registered already"):
    registry.register('noise')(open_noise)


@pytest.mark.parametrize(
  'name, local, short',
  [
    ('folder:/home/me/photos', True, 'folder:photos'),
    ('folder:photos', True, 'folder:photos'),
    ('sample_photos', False, 'sample_photos'),
    ('cifar10:3.0.2', False, 'cifar10:3.0.2'),
  ],
)
def test_path_is_taken_out_of_a_name(name, local, short):
  assert data.is_local(name) == local
  assert data.without_path(name) == short
