"""A source of arrays, some of them unreadable, and its batches."""

import itertools

import jax
import numpy as np
import pytest

from autoencoder import data


class ArraySource:
  """A source of given items; None stands for an unreadable file."""

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


@pytest.fixture(scope='session')
def images():
  """`images(count)`: the value of every pixel is the number of its image."""
  return lambda count, size=(9, 11), channels=3: [
    {'image': np.full((*size, channels), i, np.uint8)} for i in range(count)
  ]


@pytest.fixture(scope='session')
def noise():
  """`noise(i, size, labels)`: a random item; labels equal the red channel."""

  def noise(i, size, labels=False):
    generator = np.random.default_rng(i)
    item = {'image': generator.integers(0, 256, (*size, 3), dtype=np.uint8)}
    if labels:
      item['label'] = item['image'][..., 0].astype(np.int32)
    return item

  return noise


@pytest.fixture(scope='session')
def make():
  """`make(source, resident, **options)`: small batches of small crops."""

  def make(source, resident=True, **kwargs):
    options = {'batch_size': 4, 'crop': 5, 'workers': 2}
    options['resident_mib'] = 64 if resident else 0
    return data.Batches(source, **(options | kwargs))

  return make


@pytest.fixture(scope='session')
def take():
  """`take(batches, count, start)`: a list of `count` batches."""
  return lambda batches, count, start=0: list(
    itertools.islice(batches.iterate(start), count)
  )


@pytest.fixture(scope='session')
def shown(take):
  """`shown(batches, count)`: the number of the image of every example."""

  def shown(batches, count):
    values, read = [], jax.jit(batches.read)
    for batch in take(batches, count):
      items = read(batch, jax.random.key(7), batches.pool)
      values += [int(x) for x in np.rint(items['image'][:, 0, 0, 0] * 255)]
    return values

  return shown
