"""A source made of arrays, some of them unreadable."""

import pytest

from autoencoder import data


class ArraySource:
  """Items given as dicts; None stands for an unreadable file."""

  name = 'arrays'

  def __init__(self, items):
    self.items = items
    self.reads = 0

  def __len__(self):
    return len(self.items)

  def __getitem__(self, i):
    self.reads += 1
    if self.items[i] is None:
      raise data.UnreadableImage(f'bad{i}.png cannot be read.')
    return {'name': f'{i}.png'} | self.items[i]


@pytest.fixture
def array_source():
  return ArraySource
