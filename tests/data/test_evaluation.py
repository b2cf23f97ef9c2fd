"""Held-out images come whole, once, in order, in batches of one shape."""

import numpy as np
import pytest

from autoencoder import data


def item(i, size, label=False):
  image = np.full((*size, 3), i, np.uint8)
  return {'image': image} | (
    {'label': np.full(size, i, np.int32)} if label else {}
  )


SIZES = [(4, 6)] * 3 + [(6, 4)] + [(1, 1)] * 2 + [(4, 6)]


@pytest.mark.parametrize('batch_size', [1, 2, 8])
def test_each_image_comes_once_in_order(array_source, batch_size):
  source = array_source([item(i, size, True) for i, size in enumerate(SIZES)])
  seen = []
  for batch in data.evaluation_batches(source, batch_size):
    assert batch['image'].shape[0] == batch_size
    assert batch['image'].dtype == np.uint8
    assert batch['label'].dtype == batch['index'].dtype == np.int32
    assert batch['mask'].dtype == np.float32
    assert batch['mask'].shape == batch['index'].shape == (batch_size,)
    assert len(batch['name']) == batch_size
    real = int(batch['mask'].sum())
    np.testing.assert_array_equal(batch['mask'][:real], 1)
    for i, image, label, name in zip(
      batch['index'], batch['image'], batch['label'], batch['name'], strict=True
    ):
      assert image.shape == (*SIZES[i], 3)
      assert (image == i).all() and (label == i).all()
      assert name == f'{i}.png'
    # Padding repeats a real row, so that no operation sees a strange image.
    assert set(batch['index'][real:]) <= {batch['index'][real - 1]}
    seen += batch['index'][:real].tolist()
  assert seen == list(range(len(SIZES)))


def test_consecutive_images_of_a_shape_share_a_batch(array_source):
  source = array_source([item(i, size) for i, size in enumerate(SIZES)])
  masks = [b['mask'].tolist() for b in data.evaluation_batches(source, 2)]
  assert masks == [[1, 1], [1, 0], [1, 0], [1, 1], [1, 0]]
  assert 'label' not in next(data.evaluation_batches(source, 2))


@pytest.mark.parametrize('limit, expected', [(0, 7), (2, 2), (99, 7)])
def test_max_images(array_source, limit, expected):
  source = array_source([item(i, size) for i, size in enumerate(SIZES)])
  batches = data.evaluation_batches(source, 2, max_images=limit)
  assert sum(batch['mask'].sum() for batch in batches) == expected
  assert source.reads == expected


def test_unreadable_file_is_an_error(array_source):
  source = array_source([item(0, (2, 2)), None])
  with pytest.raises(ValueError, match='bad1.png'):
    list(data.evaluation_batches(source, 1))


def places(height, width):
  """An image whose pixels say where they are."""
  image = np.stack(np.mgrid[:height, :width], axis=-1).astype(np.uint8)
  return {'image': np.concatenate([image, image[..., :1]], axis=-1)}


def test_one_crop_is_the_centre(array_source):
  crops = data.center_crops(array_source([places(21, 41)]), 11, 1)
  np.testing.assert_array_equal(
    crops, places(21, 41)['image'][None, 5:16, 15:26]
  )


def test_crops_cover_the_image_evenly(array_source):
  source = array_source([places(101, 201)])
  crops = data.center_crops(source, 11, 64)
  assert crops.shape == (64, 11, 11, 3) and crops.dtype == np.uint8
  corners = crops[:, 0, 0, :2].astype(float)
  assert len(np.unique(corners, axis=0)) == 64
  # Each cell of a 4 x 4 grid gets its share of 4, give or take 2.
  cells = (corners / (91, 191) * 4).astype(int)
  _, counts = np.unique(cells, axis=0, return_counts=True)
  assert len(counts) == 16 and counts.min() >= 2 and counts.max() <= 6
  np.testing.assert_array_equal(crops, data.center_crops(source, 11, 64))


@pytest.mark.parametrize('count', [1, 3, 7, 10, 25])
def test_crops_are_spread_over_the_images(array_source, count):
  source = array_source([item(i, (20, 20)) for i in range(10)])
  shown = data.center_crops(source, 4, count)[:, 0, 0, 0]
  _, counts = np.unique(shown, return_counts=True)
  assert len(shown) == count
  assert len(counts) == min(count, 10)
  assert np.ptp(counts) <= 1
  assert source.reads == min(count, 10)
  if 1 < count < 10:
    assert (np.diff(shown.astype(int)) >= 10 // count).all()


def test_crops_of_small_and_unreadable_images(array_source):
  source = array_source([None, item(5, (1, 2))])
  crops = data.center_crops(source, 4, 3)
  assert crops.shape == (3, 4, 4, 3)
  assert (crops == 5).all()
