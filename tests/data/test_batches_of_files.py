"""Batches of files that are small, unreadable or many, and their notes."""

import jax
import numpy as np
import pytest

KEY = jax.random.key(7)

both = pytest.mark.parametrize('resident', [True, False])


@both
def test_small_images_are_mirrored_and_counted(
  make, take, array_source, resident
):
  items = [
    {
      'image': np.uint8([[[1], [2]]]),  # 1 x 2
      'label': np.int32([[1, 2]]),
    },
    {'image': np.full((6, 6, 1), 7, np.uint8), 'label': np.full((6, 6), 7)},
  ]
  batches = make(array_source(items), resident, batch_size=2)
  (batch,) = take(batches, 1)
  read = batches.read(batch, KEY, batches.pool)
  pixels = np.rint(read['image'][..., 0] * 255)
  small = int(np.argmin(pixels[:, 0, 0]))
  np.testing.assert_array_equal(pixels[small], [[1, 2, 2, 1, 1]] * 5)
  expected = np.full((5, 5), 255)
  expected[0, :2] = [1, 2]
  np.testing.assert_array_equal(read['label'][small], expected)
  assert batches.notes == [
    '1 image is smaller than the 5-pixel crop and padded by mirroring.'
  ]


def test_unreadable_files_are_left_out_of_the_pool(
  make, shown, images, array_source
):
  items = images(6)
  items[2] = items[5] = None
  batches = make(array_source(items))
  assert sorted(shown(batches, 1)) == [0, 1, 3, 4]
  assert batches.notes == [
    '2 images were skipped. bad2.png cannot be read. bad5.png cannot be read.'
  ]
  assert batches.describe().startswith('4 images, ')


def test_unreadable_files_are_replaced_in_the_stream(
  make, shown, images, array_source
):
  items = images(6)
  items[2] = items[3] = items[5] = None
  source = array_source(items)
  runs = []
  for workers in (0, 3):
    batches = make(source, resident=False, batch_size=6, workers=workers)
    runs.append(shown(batches, 2))
  assert runs[0] == runs[1]
  # The next readable of 2, 3 and 4 is 4, of 5 and 0 it is 0.
  assert sorted(runs[0]) == [0] * 4 + [1] * 2 + [4] * 6
  assert batches.notes[0].startswith('3 images were skipped. bad2.png')


def test_long_lists_of_unreadable_files_are_cut(make, images, array_source):
  batches = make(array_source(images(1) + [None] * 1007))
  (note,) = batches.notes
  assert note.startswith('1,007 images were skipped. bad1.png')
  assert note.endswith('bad5.png cannot be read. And 1,002 more.')


@both
def test_nothing_readable_is_an_error(make, take, array_source, resident):
  with pytest.raises(ValueError, match='None of the 3 images of arrays'):
    take(make(array_source([None] * 3), resident), 1)


def test_size_decides_and_large_sets_are_not_read(make, images, array_source):
  # 1 MiB is 8 images of 256 x 171 x 3 = 131,328 bytes, less 2,048.
  small = array_source(images(7, (256, 171)))
  assert make(small, resident_mib=1).pool is not None
  large = array_source(images(8, (256, 171)))
  assert make(large, resident_mib=1).pool is None
  assert large.reads == 1


def test_description(make, images, array_source):
  resident = make(array_source(images(2, (512, 1024), 1)))
  assert resident.describe() == '2 images, 1.0 MiB, resident on the device'
  streamed = make(array_source(images(1) * 12345), resident=False, workers=4)
  assert streamed.describe() == '12,345 images, streamed by 4 threads'
  single = make(array_source(images(1)), resident=False, workers=1)
  assert single.describe() == '1 image, streamed by 1 thread'


def test_wrong_arguments_are_explained(make, images, array_source):
  source = array_source(images(1))
  for kwargs, words in (
    ({'augment': 'flips'}, "none, flip, dihedral; got 'flips'"),
    ({'crop': 0}, 'crop must be at least 1; got 0'),
    ({'batch_size': 0}, 'batch_size must be at least 1'),
    ({'seed': -1}, 'seed must be at least 0'),
  ):
    with pytest.raises(ValueError, match=words):
      make(source, **kwargs)


@both
def test_labels_are_counted_by_class(make, noise, array_source, resident):
  generator = np.random.default_rng(0)
  items = [
    noise(i, (9, 7)) | {'label': generator.integers(0, 3, (9, 7), np.int32)}
    for i in range(4)
  ]
  items[1]['label'][:] = 2
  items[2]['label'][3:] = 255
  small = {'image': noise(5, (2, 2))['image'], 'label': np.ones((2, 2), int)}
  batches = make(array_source([*items, small, None]), resident)
  pixels, area = batches.count_classes(4)
  labels = [item['label'] for item in [*items, small]]
  for c in range(4):
    assert pixels[c] == sum((label == c).sum() for label in labels)
    assert area[c] == sum(
      (label != 255).sum() for label in labels if (label == c).any()
    )
