"""Training batches: the same contract for resident and streamed sets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import data

P = jax.sharding.PartitionSpec
KEY = jax.random.key(7)


def is_window(crop, image):
  windows = np.lib.stride_tricks.sliding_window_view(image, crop.shape)
  return (windows == crop).all(axis=(-3, -2, -1)).any()


both = pytest.mark.parametrize('resident', [True, False])


@both
@pytest.mark.parametrize('count, batch_size', [(8, 16), (7, 3), (1, 2), (5, 5)])
def test_every_epoch_visits_each_image_once(
  make, shown, images, array_source, resident, count, batch_size
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


def test_streamed_and_resident_sets_share_their_order(
  make, shown, images, array_source
):
  source = array_source(images(6))
  orders = [shown(make(source, r, seed=5), 6) for r in (True, False)]
  assert orders[0] == orders[1]
  assert orders[0] != shown(make(source, seed=6), 6)


@both
@pytest.mark.parametrize('start', [1, 3, 10])
def test_starting_later_equals_skipping(
  make, take, noise, array_source, resident, start
):
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


def test_contents_of_a_resident_batch(make, take, noise, array_source):
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


def test_contents_of_a_streamed_batch(make, take, noise, array_source):
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


def test_streamed_crops_differ_between_epochs(make, take, noise, array_source):
  source = array_source([noise(0, (40, 40))])
  batches = make(source, resident=False, batch_size=8)
  crops = np.concatenate([x['image'] for x in take(batches, 2)])
  assert len(np.unique(crops.reshape(16, -1), axis=0)) > 12


def test_examples_depend_on_their_own_index_and_key(
  make, take, noise, array_source
):
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
def test_jit_over_a_mesh_and_pmap_agree(
  make, take, noise, array_source, resident
):
  source = array_source([noise(i, (9 + i, 12), labels=True) for i in range(5)])
  batches = make(source, resident, batch_size=16, augment='dihedral')
  (batch,) = take(batches, 1)
  expected = batches.read(batch, KEY, batches.pool)
  devices = jax.device_count()
  assert devices == 8
  mesh = jax.make_mesh((devices,), ('data',), (jax.sharding.AxisType.Auto,))
  everywhere = jax.NamedSharding(mesh, P())
  split = jax.NamedSharding(mesh, P('data'))
  sharded = jax.jit(batches.read, in_shardings=(split, everywhere, everywhere))(
    batch, KEY, batches.pool
  )
  mapped = jax.pmap(batches.read, in_axes=(0, None, None))(
    jax.tree.map(lambda x: x.reshape(devices, -1, *x.shape[1:]), batch),
    KEY,
    batches.pool,
  )
  for name, x in expected.items():
    np.testing.assert_array_equal(x, sharded[name])
    np.testing.assert_array_equal(x, mapped[name].reshape(x.shape))


def test_folder_of_files_streams_as_it_is(make, take, noise, tmp_path):
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
  make, take, array_source, resident
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


def test_zoomed_crops_are_the_same_however_they_are_run(
  make, take, noise, array_source
):
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
      np.testing.assert_allclose(mapped[name].reshape(x.shape), x, atol=1e-5)
