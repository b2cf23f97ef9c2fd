"""Scenes have exact labels; training and test share no photo and no digit."""

import numpy as np
import pytest
from scipy import ndimage
from sklearn import datasets

from autoencoder import data
from autoencoder.data.sources import scenes
from autoencoder.image import palettes

CLASSES = data.LabelFormat(palettes.find('scenes'))

# Pixels of each class in the first five test scenes.
COUNTS = [69156, 1366, 571, 3292, 1596, 0, 0, 561, 0, 3341, 2037]


@pytest.fixture(scope='module')
def train():
  return data.open_source('scenes', 'train', channels=3, labels=CLASSES)


@pytest.fixture(scope='module')
def test():
  return data.open_source('scenes', 'test', channels=3)


def test_scenes_depend_on_their_number_alone(train, test):
  assert (len(train), len(test)) == (6000, 100)
  assert train.name == test.name == 'scenes'
  item = train[7]
  assert item['name'] == 'train_0007'
  assert item['image'].shape == (128, 128, 3)
  assert item['image'].dtype == np.uint8
  assert item['label'].shape == (128, 128) and item['label'].dtype == np.int32
  train[8]
  again = data.open_source('scenes', 'train', channels=3)[np.int64(7)]
  np.testing.assert_array_equal(again['image'], item['image'])
  np.testing.assert_array_equal(again['label'], item['label'])
  assert (test[7]['label'] != item['label']).any()
  with pytest.raises(IndexError):
    test[100]


def test_the_test_set_is_the_one_that_results_were_measured_on(test):
  # No other version of a package may change it by more than rounding.
  labels = np.stack([test[i]['label'] for i in range(5)])
  counts = np.bincount(labels.ravel(), minlength=11)
  np.testing.assert_allclose(counts, COUNTS, atol=8)


def test_all_classes_are_common(test):
  labels = np.stack([item['label'] for item in test])
  share = np.bincount(labels.ravel(), minlength=11) / labels.size
  assert len(share) == 11
  assert 0.75 < share[0] < 0.9
  assert share[1:].min() > 0.01


def test_labels_end_where_the_ink_ends(monkeypatch):
  """On a black photo, all pixels that are not black are digits or edges."""
  source = data.open_source('scenes', 'test', channels=3)
  black = np.zeros((scenes.SIDE, scenes.SIDE, 3), np.float32)
  monkeypatch.setattr(source, '_background', lambda generator: black.copy())
  for i in range(20):
    item = source[i]
    ink = (item['image'] > 0).any(axis=-1)
    digits = item['label'] > 0
    assert not (digits & ~ink).any()
    edge = ndimage.binary_dilation(digits, iterations=3)
    assert not (ink & ~edge).any()


def test_digits_have_the_colors_they_are_seen_by(test):
  """Every digit of a scene differs from the photo around it."""
  for i in range(20):
    item = test[i]
    image = item['image'] / 255
    regions, count = ndimage.label(item['label'])
    for region in range(1, count + 1):
      inside = regions == region
      ring = ndimage.binary_dilation(inside, iterations=4) & (regions == 0)
      if inside.sum() < 100 or ring.sum() < 50:
        continue
      difference = np.median(image[inside], 0) - np.median(image[ring], 0)
      assert np.linalg.norm(difference) > 0.15


def test_photos_and_digits_are_disjoint(train, test):
  digits = datasets.load_digits()
  shown = [source._digits * 16 for source in (train, test)]
  assert sum(map(len, shown)) == len(digits.images)
  np.testing.assert_array_equal(np.concatenate(shown), digits.images)
  assert len(train._photos) == 7 and len(test._photos) == 3


@pytest.mark.parametrize('turn', [-20, 0, 15])
def test_enlarged_digits_are_scipys(turn):
  """The digit equals one enlarged by a spline of order 1, except at edges."""
  digit = datasets.load_digits().images[3] / 16
  coverage = scenes.render_digit(digit, 48, turn)
  side = len(coverage)
  enlarged = ndimage.zoom(
    np.pad(digit, 2), 6, order=1, mode='grid-constant', grid_mode=True
  )
  turned = ndimage.rotate(enlarged, turn, reshape=False, order=1)
  first = (72 - side) // 2
  expected = turned[first : first + side, first : first + side] > scenes.INK
  both = expected & (coverage > 0.5)
  either = expected | (coverage > 0.5)
  assert both.sum() > 0.85 * either.sum()


def test_grey_scenes_are_the_luma_of_the_colored(test):
  grey = data.open_source('scenes', 'test', channels=1)[3]
  luma = test[3]['image'] @ [0.299, 0.587, 0.114]
  np.testing.assert_allclose(grey['image'][..., 0], luma, atol=1)
  np.testing.assert_array_equal(grey['label'], test[3]['label'])


def test_other_classes_are_refused():
  words = 'names 21 classes, but scenes has 11 .* give'
  with pytest.raises(ValueError, match=words):
    data.open_source(
      'scenes', 'test', channels=3,
      labels=data.LabelFormat(palettes.find('voc')),
    )  # fmt: skip
