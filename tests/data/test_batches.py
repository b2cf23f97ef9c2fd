"""Training batches: the same contract for resident and streamed sets."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import data

P = jax.sharding.PartitionSpec
KEY = jax.random.key(7)


def images(count, size=(9, 11), channels=3):
  """Images whose every pixel says which image it belongs to."""
  return [
    {'image': np.full((*size, channels), i, np.uint8)} for i in range(count)
  ]


def noise(i, size, labels=False):
  generator = np.random.default_rng(i)
  item = {'image': generator.integers(0, 256, (*size, 3), dtype=np.uint8)}
  if labels:
    item['label'] = item['image'][..., 0].astype(np.int32)
  return item


def make(source, resident=True, **kwargs):
  options = {'batch_size': 4, 'crop': 5, 'workers': 2}
  options['resident_mib'] = 64 if resident else 0
  return data.Batches(source, **(options | kwargs))


def take(batches, count, start=0):
  return list(itertools.islice(batches.iterate(start), count))


def shown(batches, count, key=KEY):
  """Which image each example of the first `count` batches shows."""
  values, read = [], jax.jit(batches.read)
  for batch in take(batches, count):
    items = read(batch, key, batches.pool)
    values += [int(x) for x in np.rint(items['image'][:, 0, 0, 0] * 255)]
  return values


def is_window(crop, image):
  windows = np.lib.stride_tricks.sliding_window_view(image, crop.shape)
  return (windows == crop).all(axis=(-3, -2, -1)).any()


both = pytest.mark.parametrize('resident', [True, False])


@both
@pytest.mark.parametrize('count, batch_size', [(8, 16), (7, 3), (1, 2), (5, 5)])
def test_every_epoch_visits_each_image_once(
  array_source, resident, count, batch_size
):
  batches = make(
    array_source(images(count)), resident, batch_size=batch_size, seed=3
  )
  assert (batches.pool is not None) == resident
  epochs = 4
  values = shown(batches, -(-epochs * count // batch_size))
  orders = np.reshape(values[: epochs * count], (epochs, count))
  for order in orders:
    assert sorted(order) == list(range(count))
  if count > 4:
    assert len(np.unique(orders, axis=0)) == epochs


def test_streamed_and_resident_sets_share_their_order(array_source):
  source = array_source(images(6))
  orders = [shown(make(source, r, seed=5), 6) for r in (True, False)]
  assert orders[0] == orders[1]
  assert orders[0] != shown(make(source, seed=6), 6)


@both
@pytest.mark.parametrize('start', [1, 3, 10])
def test_starting_later_equals_skipping(array_source, resident, start):
  source = array_source([noise(i, (9, 11), labels=True) for i in range(6)])
  first = take(make(source, resident, seed=2), start + 3)[start:]
  later = take(make(source, resident, seed=2, workers=0), 3, start)
  for step, (a, b) in enumerate(zip(first, later, strict=True), start):
    assert a.keys() == b.keys()
    for name in a:
      np.testing.assert_array_equal(a[name], b[name])
      assert a[name].dtype == b[name].dtype
    np.testing.assert_array_equal(a['index'], 4 * step + np.arange(4))
    assert a['index'].dtype == np.int32


def test_contents_of_a_resident_batch(array_source):
  sizes = [(9, 11), (12, 6), (5, 5)]
  items = [noise(i, size, labels=True) for i, size in enumerate(sizes)]
  batches = make(array_source(items))
  assert batches.pool['image'].shape == (3, 12, 11, 3)
  assert batches.pool['image'].dtype == batches.pool['label'].dtype == np.uint8
  np.testing.assert_array_equal(batches.pool['size'], sizes)
  assert batches.pool['size'].dtype == np.int32
  (batch,) = take(batches, 1)
  assert batch.keys() == {'index', 'item'}
  assert batch['item'].shape == (4,) and batch['item'].dtype == np.int32
  read = jax.jit(batches.read)(batch, KEY, batches.pool)
  check_read(read, batch, items, batch['item'])


def test_contents_of_a_streamed_batch(array_source):
  items = [noise(i, (9, 11), labels=True) for i in range(3)]
  batches = make(array_source(items), resident=False)
  (batch,) = take(batches, 1)
  assert batch.keys() == {'index', 'image', 'label'}
  assert batch['image'].shape == (4, 5, 5, 3)
  assert batch['image'].dtype == np.uint8
  assert batch['label'].shape == (4, 5, 5)
  assert batch['label'].dtype == np.int32
  order = make(array_source(items)).iterate(0)
  read = jax.jit(batches.read)(batch, KEY, None)
  check_read(read, batch, items, next(order)['item'])


def check_read(read, batch, items, rows):
  assert read.keys() == {'image', 'label'}
  assert read['image'].shape == (4, 5, 5, 3)
  assert read['image'].dtype == jnp.float32
  assert read['label'].shape == (4, 5, 5)
  assert read['label'].dtype == jnp.int32
  pixels = np.asarray(read['image']) * 255
  np.testing.assert_allclose(pixels, np.rint(pixels), atol=1e-4)
  pixels = np.rint(pixels).astype(np.uint8)
  np.testing.assert_array_equal(pixels[..., 0], read['label'])
  for crop, row in zip(pixels, rows, strict=True):
    assert is_window(crop, items[row]['image'])


def test_streamed_crops_differ_between_epochs(array_source):
  source = array_source([noise(0, (40, 40))])
  batches = make(source, resident=False, batch_size=8)
  crops = np.concatenate([x['image'] for x in take(batches, 2)])
  assert len(np.unique(crops.reshape(16, -1), axis=0)) > 12


def test_examples_depend_on_their_own_index_and_key(array_source):
  source = array_source([noise(0, (30, 30))])
  batches = make(source, batch_size=8, augment='dihedral')
  (batch,) = take(batches, 1)
  read = jax.jit(batches.read)
  whole = np.asarray(read(batch, KEY, batches.pool)['image'])
  assert len(np.unique(whole.reshape(8, -1), axis=0)) == 8
  half = jax.tree.map(lambda x: x[4:], batch)
  np.testing.assert_array_equal(
    read(half, KEY, batches.pool)['image'], whole[4:]
  )
  other = read(batch, jax.random.key(8), batches.pool)['image']
  assert (np.asarray(other) != whole).any(axis=(1, 2, 3)).all()


@both
def test_jit_over_a_mesh_and_pmap_agree(array_source, resident):
  source = array_source(
    [noise(i, (9 + i, 12), labels=True) for i in range(5)]
  )
  batches = make(source, resident, batch_size=16, augment='dihedral')
  (batch,) = take(batches, 1)
  expected = batches.read(batch, KEY, batches.pool)
  devices = jax.device_count()
  assert devices == 8
  mesh = jax.make_mesh((devices,), ('data',), (jax.sharding.AxisType.Auto,))
  everywhere = jax.NamedSharding(mesh, P())
  split = jax.NamedSharding(mesh, P('data'))
  sharded = jax.jit(
    batches.read, in_shardings=(split, everywhere, everywhere)
  )(batch, KEY, batches.pool)
  mapped = jax.pmap(batches.read, in_axes=(0, None, None))(
    jax.tree.map(lambda x: x.reshape(devices, -1, *x.shape[1:]), batch),
    KEY,
    batches.pool,
  )
  for name, x in expected.items():
    np.testing.assert_array_equal(x, sharded[name])
    np.testing.assert_array_equal(x, mapped[name].reshape(x.shape))


@both
def test_small_images_are_mirrored_and_counted(array_source, resident):
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
    '1 image is smaller than the 5-pixel crop and continued by mirroring.'
  ]


def test_unreadable_files_are_left_out_of_the_pool(array_source):
  items = images(6)
  items[2] = items[5] = None
  batches = make(array_source(items))
  assert sorted(shown(batches, 1)) == [0, 1, 3, 4]
  assert batches.notes == [
    '2 images were skipped. bad2.png cannot be read. bad5.png cannot be read.'
  ]
  assert batches.describe().startswith('4 images, ')


def test_unreadable_files_are_replaced_in_the_stream(array_source):
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


def test_long_lists_of_unreadable_files_are_cut(array_source):
  batches = make(array_source(images(1) + [None] * 1007))
  (note,) = batches.notes
  assert note.startswith('1,007 images were skipped. bad1.png')
  assert note.endswith('bad5.png cannot be read. And 1,002 more.')


@both
def test_nothing_readable_is_an_error(array_source, resident):
  with pytest.raises(ValueError, match='None of the 3 images of arrays'):
    take(make(array_source([None] * 3), resident), 1)


def test_size_decides_and_large_sets_are_not_read(array_source):
  # 1 MiB is 8 images of 256 x 171 x 3 = 131,328 bytes, less 2,048.
  small = array_source(images(7, (256, 171)))
  assert make(small, resident_mib=1).pool is not None
  large = array_source(images(8, (256, 171)))
  assert make(large, resident_mib=1).pool is None
  assert large.reads == 1


def test_description(array_source):
  resident = make(array_source(images(2, (512, 1024), 1)))
  assert resident.describe() == '2 images, 1.0 MiB, resident on the device'
  streamed = make(array_source(images(1) * 12345), resident=False, workers=4)
  assert streamed.describe() == '12,345 images, streamed by 4 threads'
  single = make(array_source(images(1)), resident=False, workers=1)
  assert single.describe() == '1 image, streamed by 1 thread'


def test_wrong_arguments_are_explained(array_source):
  source = array_source(images(1))
  for kwargs, words in (
    ({'augment': 'flips'}, "none, flip, dihedral; got 'flips'"),
    ({'crop': 0}, 'crop must be at least 1; got 0'),
    ({'batch_size': 0}, 'batch_size must be at least 1'),
    ({'seed': -1}, 'seed must be at least 0'),
  ):
    with pytest.raises(ValueError, match=words):
      make(source, **kwargs)


def test_folder_of_files_streams_as_it_is(tmp_path):
  from PIL import Image

  for i in range(3):
    Image.fromarray(noise(i, (20, 30))['image']).save(tmp_path / f'{i}.png')
  (tmp_path / '1b.png').write_bytes(b'broken')
  source = data.open_source(f'folder:{tmp_path}', 'train', channels=3)
  batches = make(source, resident=False, batch_size=8)
  for batch in take(batches, 2):
    for crop in batch['image']:
      assert any(is_window(crop, noise(i, (20, 30))['image']) for i in range(3))
  assert '1b.png cannot be read' in batches.notes[0]


@both
def test_zoomed_crops_are_parts_of_their_images_with_their_labels(
  array_source, resident
):
  # Tiles of 8 x 8 pixels, one class each, whose grey level says which.
  tiles = np.kron(np.arange(25).reshape(5, 5), np.ones((8, 8), int))
  items = [
    {'image': np.uint8(tiles * 10)[:size, :, None].repeat(3, -1),
     'label': np.int32(tiles)[:size]}
    for size in (40, 12)
  ]  # fmt: skip
  batches = make(
    array_source(items), resident, crop=12, batch_size=16,
    scale_range=(0.5, 2.0), augment='dihedral',
  )  # fmt: skip
  read = jax.jit(batches.read)
  blurred = shares = 0
  for batch in take(batches, 3):
    result = read(batch, KEY, batches.pool)
    assert result['image'].shape == (16, 12, 12, 3)
    assert result['label'].dtype == jnp.int32
    level, label = np.asarray(result['image'][..., 0]) * 25.5, result['label']
    assert label.min() >= 0 and label.max() <= 24
    exact = np.isclose(level, label, atol=1e-3)
    blurred += (~exact).sum()
    shares += exact.mean(axis=(1, 2))
  # Only pixels at the edges of tiles are mixed from several.
  assert (shares / 3 > 0.4).all() and blurred > 0


def test_zoomed_crops_are_the_same_however_they_are_run(array_source):
  source = array_source([noise(i, (30, 40), labels=True) for i in range(3)])
  for resident in (True, False):
    batches = make(
      source, resident, crop=9, batch_size=8, scale_range=(0.7, 1.5),
      tone_jitter=0.3,
    )  # fmt: skip
    (batch,) = take(batches, 1)
    expected = jax.jit(batches.read)(batch, KEY, batches.pool)
    assert len(np.unique(expected['image'][:, 0, 0, 0])) == 8
    mapped = jax.pmap(batches.read, in_axes=(0, None, None))(
      jax.tree.map(lambda x: x.reshape(8, 1, *x.shape[1:]), batch),
      KEY,
      batches.pool,
    )
    (again,) = take(batches, 1)
    jax.tree.map(np.testing.assert_array_equal, batch, again)
    for name, x in expected.items():
      np.testing.assert_allclose(
        mapped[name].reshape(x.shape), x, atol=1e-5
      )


@both
def test_labels_are_counted_by_class(array_source, resident):
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
