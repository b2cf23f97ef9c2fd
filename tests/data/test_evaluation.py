"""Held-out crops are fixed, spread evenly, and have labels."""

import numpy as np
import pytest

from autoencoder import data


def item(i, size, label=False):
  image = np.full((*size, 3), i, np.uint8)
  return {'image': image} | (
    {'label': np.full(size, i, np.int32)} if label else {}
  )


def places(height, width):
  """Returns an image whose values encode their position."""
  image = np.stack(np.mgrid[:height, :width], axis=-1).astype(np.uint8)
  return {'image': np.concatenate([image, image[..., :1]], axis=-1)}


def test_one_crop_is_the_centre(array_source):
  crops = data.center_crops(array_source([places(21, 41)]), 11, 1)['image']
  np.testing.assert_array_equal(
    crops, places(21, 41)['image'][None, 5:16, 15:26]
  )


def test_crops_cover_the_image_evenly(array_source):
  source = array_source([places(101, 201)])
  crops = data.center_crops(source, 11, 64)['image']
  assert crops.shape == (64, 11, 11, 3) and crops.dtype == np.uint8
  corners = crops[:, 0, 0, :2].astype(float)
  assert len(np.unique(corners, axis=0)) == 64
  # Each cell of a 4 x 4 grid gets its share of 4, give or take 2.
  cells = (corners / (91, 191) * 4).astype(int)
  _, counts = np.unique(cells, axis=0, return_counts=True)
  assert len(counts) == 16 and counts.min() >= 2 and counts.max() <= 6
  again = data.center_crops(source, 11, 64)['image']
  np.testing.assert_array_equal(crops, again)


@pytest.mark.parametrize('count', [1, 3, 7, 10, 25])
def test_crops_are_spread_over_the_images(array_source, count):
  source = array_source([item(i, (20, 20)) for i in range(10)])
  shown = data.center_crops(source, 4, count)['image'][:, 0, 0, 0]
  _, counts = np.unique(shown, return_counts=True)
  assert len(shown) == count
  assert len(counts) == min(count, 10)
  assert np.ptp(counts) <= 1
  assert source.reads == min(count, 10)
  if 1 < count < 10:
    assert (np.diff(shown.astype(int)) >= 10 // count).all()


def test_crops_of_small_and_unreadable_images(array_source):
  source = array_source([None, item(5, (1, 2))])
  crops = data.center_crops(source, 4, 3)['image']
  assert crops.shape == (3, 4, 4, 3)
  assert (crops == 5).all()


def test_labels_are_cut_with_their_images(array_source):
  source = array_source([item(i, (9, 9), True) for i in range(3)])
  crops = data.center_crops(source, 4, 5)
  assert crops['label'].shape == (5, 4, 4) and crops['label'].dtype == np.int32
  np.testing.assert_array_equal(crops['label'], crops['image'][..., 0])
