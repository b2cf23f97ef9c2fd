"""Crops, scales, symmetries and colours on the device, against NumPy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder.data import augment

# Compiling one program is faster than one for each operation.
ZOOM = jax.jit(augment.zoom, static_argnums=(1, 2))

KEYS = jax.vmap(jax.random.key)(jnp.arange(400))


def symmetries(x):
  """Returns the eight symmetries of a square, by rotations and one flip."""
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


def ramp(height, width):
  """Returns an image whose values encode their position, and its labels."""
  rows, columns = np.mgrid[:height, :width]
  image = np.stack([rows, columns, rows * 0], axis=-1).astype(np.float32)
  return {'image': image, 'label': label_of(image).astype(np.int32)}


def label_of(image):
  """Returns the label of values of `ramp`: the number of a 4 x 4 tile."""
  rows, columns = (np.floor((image[..., i] + 0.5) / 4) for i in (0, 1))
  return rows * 100 + columns


def box(top, left, side, size=(40, 40)):
  return {
    'box': jnp.array([top, left, side], jnp.float32),
    'size': jnp.array(size),
  }


@pytest.mark.parametrize('side', [6.3, 16, 24.7, 31.9])
def test_label_is_that_of_the_zoomed_image(side):
  """Interpolating a ramp gives a ramp, so that its labels can be made again.

  Exactly where it is enlarged; smoothing is as good as its few taps.
  """
  window = ramp(40, 40) | box(3.21, 4.34, side)
  result = jax.jit(augment.zoom, static_argnums=(1, 2))(window, 16, 0.5)
  assert result['image'].shape == (16, 16, 3)
  assert result['label'].dtype == jnp.int32
  image = np.asarray(result['image'])
  expected = 3.21 + (np.arange(16) + 0.5) * side / 16 - 0.5
  # But for the window's border, where the triangle is cut.
  image, expected = image[:14, :14], expected[:14]
  label = np.asarray(result['label'])[:14, :14]
  error = 2e-4 if side <= 16 else 0.05
  np.testing.assert_allclose(image[:, 0, 0], expected, atol=error)
  again = {float(shift): label_of(image + shift) for shift in (-error, error)}
  clear = again[-error] == again[error]
  assert clear.mean() > 0.8
  np.testing.assert_array_equal(label[clear], again[error][clear])


def test_zoom_without_a_change_of_scale_is_a_crop():
  window = ramp(12, 15) | box(2, 5, 8, (12, 15))
  result = ZOOM(window, 8, 1.0)
  for name in ('image', 'label'):
    np.testing.assert_array_equal(result[name], window[name][2:10, 5:13])


def test_zoom_is_pillows_resize():
  from PIL import Image

  pixels = np.random.default_rng(0).integers(0, 256, (32, 32), np.uint8)
  for crop in (8, 20, 50):
    result = ZOOM(
      {'image': pixels[..., None]} | box(4, 2, 24, (32, 32)), crop, 0.3
    )
    expected = Image.fromarray(pixels).resize(
      (crop, crop), Image.BILINEAR, (2, 4, 26, 28)
    )
    # Pillow rounds, and takes no pixel from outside of the box.
    inner = np.s_[2:-2, 2:-2]
    np.testing.assert_allclose(
      result['image'][..., 0][inner], np.asarray(expected)[inner], atol=1
    )


def test_zoom_sees_the_picture_alone():
  """Pixels of the window outside the picture have no influence."""
  window = ramp(40, 40) | box(0, 0, 9.5, (10, 11))
  poisoned = dict(window)
  outside = np.ones((40, 40), bool)
  outside[:10, :11] = False
  for name in ('image', 'label'):
    poisoned[name] = window[name].copy()
    poisoned[name][outside] = -10_000
  result = ZOOM(poisoned, 20, 0.5)
  assert result['image'].min() >= 0 and result['label'].min() >= 0


@pytest.mark.parametrize('size', [(40, 30), (17, 16)])
def test_random_windows_hold_every_place_and_scale(size):
  pool = {
    'image': np.zeros((2, 48, 48, 3), np.uint8),
    'size': np.int32([[48, 48], size]),
  }
  pool['image'][1, ..., 0], pool['image'][1, ..., 1] = np.mgrid[:48, :48]
  scales = (0.5, 2.0)

  def draw(key):
    return augment.random_window(key, pool, jnp.int32(1), 16, scales)

  windows = jax.tree.map(np.asarray, jax.jit(jax.vmap(draw))(KEYS))
  side = windows['box'][:, 2]
  corner = np.asarray(windows['image'][:, 0, 0, :2], np.float32)
  place = corner + windows['box'][:, :2]  # In the image.
  assert windows['image'].shape[1:3] == (33, 33)
  assert (place >= -1e-4).all()
  assert (place + side[:, None] <= np.array(size) + 1e-4).all()
  inside = windows['box'][:, :2] + side[:, None]
  assert (inside <= np.asarray(windows['size']) + 1e-4).all()
  assert (windows['box'] >= 0).all()
  assert np.isclose(side.min(), 8, atol=0.2)
  assert np.isclose(side.max(), min(32, *size), atol=0.5)
  # Half of the factors are above 1, their geometric mean.
  assert np.mean(side < 16) == pytest.approx(0.5, abs=0.08)
  # Places fill what they may, evenly.
  part = place / (np.array(size) - side[:, None] + 1e-6)
  part = part[side < 15]
  assert part.mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.06)
  assert (part < 0.1).any() and (part > 0.9).any()


def test_tone_jitter_keeps_hues_and_its_limits():
  import colorsys

  image = np.random.default_rng(0).uniform(0.3, 0.6, (6, 6, 3))
  image = image.astype(np.float32)
  jitter = jax.vmap(lambda key: augment.tone_jitter(key, image, 0.2))
  changed = np.asarray(jitter(KEYS[:50]))
  assert changed.min() >= 0 and changed.max() <= 1
  brightness = changed.mean(axis=(1, 2, 3)) / image.mean()
  assert 0.8 <= brightness.min() < 0.85 and 1.15 < brightness.max() <= 1.2001
  grey = changed.mean(axis=-1)
  spread = grey.std(axis=(1, 2)) / brightness / image.mean(axis=-1).std()
  assert 0.8 <= spread.min() < 0.85 and 1.15 < spread.max() <= 1.2001
  # The order of the channels, which the hue is made of, is never changed.
  flat = augment.tone_jitter(KEYS[3], jnp.full((4, 4, 3), 0.5), 0.2)
  assert np.ptp(np.asarray(flat)) < 1e-6
  pixel = jnp.array([[[0.5, 0.4, 0.3]]])
  for key in KEYS[:10]:
    hue = colorsys.rgb_to_hsv(*augment.tone_jitter(key, pixel, 0.2)[0, 0])[0]
    assert hue == pytest.approx(colorsys.rgb_to_hsv(0.5, 0.4, 0.3)[0], abs=1e-5)


def test_no_strength_changes_nothing():
  image = np.random.default_rng(0).uniform(size=(4, 4, 1)).astype(np.float32)
  np.testing.assert_allclose(
    augment.tone_jitter(KEYS[0], image, 0.0), image, atol=1e-6
  )
