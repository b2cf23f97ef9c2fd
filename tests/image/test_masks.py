"""Masks of holes: shapes, densities, any size, equal with jit and vmap."""

import functools

import jax
import numpy as np
import pytest
from scipy import ndimage

from autoencoder.image import masks

MAKERS = {
  'pixels': functools.partial(masks.random_pixels, rate=0.5),
  'blocks': functools.partial(masks.blocks, side=8),
  'strokes': functools.partial(masks.strokes, side=16),
  'centre': functools.partial(masks.center_square, side=6),
}


def draw(kind, height, width, seed=0):
  mask = jax.jit(lambda key: MAKERS[kind](key, height, width))(
    jax.random.key(seed)
  )
  assert mask.shape == (height, width, 1) and mask.dtype == np.float32
  assert set(np.unique(mask)) <= {0, 1}
  return np.asarray(mask[..., 0])


def batch(kind, count, height, width):
  keys = jax.random.split(jax.random.key(7), count)
  make = jax.jit(jax.vmap(lambda key: MAKERS[kind](key, height, width)))
  return np.asarray(make(keys))[..., 0]


@pytest.mark.parametrize('kind', MAKERS)
@pytest.mark.parametrize('size', [(1, 1), (1, 9), (7, 2), (33, 50)])
def test_any_size(kind, size):
  draw(kind, *size)


@pytest.mark.parametrize('kind', MAKERS)
def test_a_batch_draws_what_single_images_do(kind):
  together = batch(kind, 2, 24, 40)
  keys = jax.random.split(jax.random.key(7), 2)
  single = jax.jit(lambda key: MAKERS[kind](key, 24, 40)[..., 0])
  for key, mask in zip(keys, together):
    np.testing.assert_array_equal(single(key), mask)
  assert (together[0] != together[1]).any() == (kind != 'centre')


@pytest.mark.parametrize('rate', [0.0, 0.2, 0.8, 1.0])
def test_pixels_are_missing_at_the_rate_asked_for(rate):
  mask = masks.random_pixels(jax.random.key(0), 200, 200, rate)
  # Five standard deviations; none at all for certain events.
  assert abs(float(mask.mean()) - rate) <= 5 * (rate * (1 - rate)) ** 0.5 / 200


def test_every_cell_has_one_whole_block():
  for seed in range(3):
    mask = draw('blocks', 48, 64, seed)
    for top in range(0, 48, 16):
      for left in range(0, 64, 16):
        rows, columns = np.nonzero(mask[top : top + 16, left : left + 16])
        assert len(rows) == 64
        assert np.ptp(rows) == np.ptp(columns) == 7


def test_blocks_go_everywhere():
  share = batch('blocks', 400, 16, 16).mean(axis=0)
  assert share.min() > 0 and share[7, 7] > 0.5


def test_blocks_leave_half_of_a_small_image():
  mask = draw('blocks', 10, 64)
  assert set(mask.sum(axis=0)) == {0, 5}


def test_strokes_are_as_dense_everywhere():
  """The density is equal at borders of the image and of cells, and inside."""
  drawn = batch('strokes', 200, 64, 64)
  assert 0.18 < drawn.mean() < 0.25
  for axis in (1, 2):
    lines = drawn.mean(axis=(0, axis))
    # About four standard deviations; a stroke cut at a cell border exceeds it.
    assert np.abs(lines - drawn.mean()).max() < 0.035


def test_strokes_are_of_a_round_brush():
  drawn = jax.jit(masks.strokes, static_argnums=(1, 2, 3))
  mask = np.asarray(drawn(jax.random.key(3), 300, 300, 64))[..., 0] > 0
  y, x = np.mgrid[-3:4, -3:4]
  # The thinnest brush is 8 pixels wide; a disc of 6 fits wherever it went,
  # but for single pixels at the rim.
  swept = ndimage.binary_opening(mask, y**2 + x**2 <= 9)
  inside = np.s_[8:-8, 8:-8]
  assert (swept != mask)[inside].sum() < 0.005 * mask[inside].sum()
  assert ndimage.label(mask)[1] > 5


@pytest.mark.parametrize(
  'size, rows, columns',
  [
    ((20, 30), slice(7, 13), slice(12, 18)),
    ((21, 8), slice(7, 13), slice(2, 6)),
    ((1, 30), slice(0, 0), slice(0, 0)),
  ],
)
def test_the_square_in_the_middle(size, rows, columns):
  expected = np.zeros(size)
  expected[rows, columns] = 1
  np.testing.assert_array_equal(draw('centre', *size), expected)


def test_of_several_kinds_one_is_drawn():
  options = masks.Options(('pixels', 'centre'), rate=1.0, side=4)
  keys = jax.random.split(jax.random.key(0), 40)
  draw_mean = jax.vmap(lambda key: masks.draw(key, 8, 8, options).mean())
  drawn = jax.jit(draw_mean)(keys)
  assert set(np.asarray(drawn)) == {1.0, 0.25}
  assert options.for_evaluation().kinds == ('pixels',)


@pytest.mark.parametrize(
  'options, message',
  [
    ({'kinds': ('holes',)}, 'pixels, blocks, strokes, centre; got holes'),
    ({'kinds': ()}, 'got none'),
    ({'rate': 1.5}, r'rate must be in \[0, 1\]; got 1.5'),
    ({'rate': float('nan')}, 'rate must be'),
    ({'side': 0}, 'side must be at least 1; got 0'),
  ],
)
def test_impossible_options(options, message):
  with pytest.raises(ValueError, match=message):
    masks.Options(**options).validate()
