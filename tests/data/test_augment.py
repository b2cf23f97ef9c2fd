"""Crops and symmetries on the device, against NumPy's."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder.data import augment

KEYS = jax.vmap(jax.random.key)(jnp.arange(400))


def symmetries(x):
  """The eight symmetries of a square, by quarter turns and one flip."""
  return [np.rot90(y, turns) for y in (x, x[:, ::-1]) for turns in range(4)]


@pytest.fixture
def square():
  return np.arange(5 * 5 * 2, dtype=np.uint8).reshape(5, 5, 2)


@pytest.mark.parametrize(
  'name, expected',
  [('none', [0]), ('flip', [0, 4]), ('dihedral', list(range(8)))],
)
def test_symmetries_are_the_named_ones_equally_often(square, name, expected):
  move = functools.partial(
    augment.random_symmetry, example={'image': square}, augment=name
  )
  moved = np.asarray(jax.jit(jax.vmap(move))(KEYS)['image'])
  allowed = symmetries(square)
  counts = np.zeros(8, int)
  for image in moved:
    counts += [np.array_equal(image, other) for other in allowed]
  assert counts.sum() == len(KEYS)  # Each is one of the eight.
  assert np.flatnonzero(counts).tolist() == expected
  mean = len(KEYS) / len(expected)
  assert (abs(counts[expected] - mean) <= 4 * mean**0.5).all()


def test_label_moves_with_its_image(square):
  example = {'image': square, 'label': square[..., 0].astype(np.int32)}
  move = functools.partial(augment.random_symmetry, augment='dihedral')
  moved = jax.vmap(move, (0, None))(KEYS[:50], example)
  np.testing.assert_array_equal(moved['image'][..., 0], moved['label'])


def test_crops_are_windows_at_every_place_of_the_picture():
  crop, sizes = 3, np.array([[5, 4], [3, 7]], np.int32)
  # Every pixel says where it is; padding would show as 99.
  pool = {'image': np.full((2, 5, 7, 2), 99, np.uint8), 'size': sizes}
  for row, (height, width) in enumerate(sizes):
    places = np.stack(np.mgrid[:height, :width], axis=-1)
    pool['image'][row, :height, :width] = places + 10 * row
  pool['label'] = pool['image'][..., 0]
  cut = jax.jit(
    jax.vmap(functools.partial(augment.random_crop, crop=crop), (0, None, 0))
  )
  item = np.arange(len(KEYS), dtype=np.int32) % 2
  crops = jax.tree.map(np.asarray, cut(KEYS, pool, item))
  assert crops['image'].shape == (len(KEYS), 3, 3, 2)
  assert crops['image'].dtype == np.uint8
  np.testing.assert_array_equal(crops['image'][..., 0], crops['label'])
  corners = crops['image'][:, 0, 0] - 10 * item[:, None]
  window = np.stack(np.mgrid[:crop, :crop], axis=-1)
  np.testing.assert_array_equal(
    crops['image'],
    (corners + 10 * item[:, None])[:, None, None] + window,
  )
  for row, (height, width) in enumerate(sizes):
    places = np.unique(corners[item == row], axis=0, return_counts=True)
    possible = (height - crop + 1) * (width - crop + 1)
    assert len(places[0]) == possible
    mean = (item == row).sum() / possible
    assert (abs(places[1] - mean) <= 4 * mean**0.5).all()


def test_color_jitter_keeps_the_range_and_the_picture():
  rng = np.random.default_rng(0)
  image = rng.random((6, 5, 3), np.float32)
  for seed in range(20):
    out = np.asarray(augment.color_jitter(jax.random.key(seed), image))
    assert out.min() >= 0 and out.max() <= 1 + 1e-6
    # One scale and one offset for all channels, in some order.
    sources = [
      next(
        c
        for c in range(3)
        if abs(np.corrcoef(out[..., k].ravel(), image[..., c].ravel())[0, 1])
        > 0.9999
      )
      for k in range(3)
    ]
    assert sorted(sources) == [0, 1, 2]
    scale, offset = np.polyfit(image[..., sources].ravel(), out.ravel(), 1)
    assert 0.5 - 1e-4 <= scale <= 1 + 1e-4 and offset >= -1e-5
    np.testing.assert_allclose(
      out, image[..., sources] * scale + offset, atol=1e-5
    )
