"""Filling of holes equals the definition of normalised convolution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from autoencoder.image import fill

FILL = jax.jit(fill.fill_holes)


def photo(height, width, channels=3, rate=0.6):
  rng = np.random.default_rng(0)
  image = rng.random((height, width, channels), np.float32)
  mask = (rng.random((height, width, 1)) < rate).astype(np.float32)
  return image, mask


@pytest.mark.parametrize('size', [(1, 1, 1), (5, 40, 1), (37, 20, 3)])
def test_it_is_normalised_convolution(size):
  """The sum over scales of [1, 2, 1] / 4 with gaps, each 1/16 of the last."""
  image, mask = photo(*size)
  mask[0, 0] = 0
  blurred = np.concatenate([image * (1.0 - mask), 1.0 - mask], axis=-1)
  total = 0
  for scale in range(7):
    taps = np.zeros(2 * 2**scale + 1)
    taps[[0, 2**scale, -1]] = 0.25, 0.5, 0.25
    for axis in (0, 1):
      blurred = ndimage.convolve1d(blurred, taps, axis, mode='constant')
    total = total + blurred / 16**scale
  expected = np.where(mask > 0, total[..., :-1] / total[..., -1:], image)
  np.testing.assert_allclose(FILL(image, mask), expected, atol=2e-6)


def test_known_pixels_stay_and_holes_play_no_part():
  image, mask = photo(30, 20)
  filled = FILL(image, mask)
  known = mask[..., 0] == 0
  np.testing.assert_array_equal(filled[known], image[known])
  spoiled = np.where(mask > 0, np.nan, image)
  np.testing.assert_array_equal(FILL(spoiled, mask), filled)


def test_with_nothing_known_it_is_grey_and_with_everything_the_image():
  image, mask = photo(6, 9)
  np.testing.assert_array_equal(FILL(image, 0 * mask), image)
  np.testing.assert_array_equal(FILL(image, 0 * mask + 1), 0 * image + 0.5)


def test_large_holes_have_the_color_around_them():
  mask = np.zeros((200, 200, 1), np.float32)
  mask[10:190, 10:190] = 1
  image = np.full((200, 200, 3), [0.9, 0.2, 0.4], np.float32)
  assert np.abs(FILL(image, mask) - image).max() < 0.02


def test_it_reaches_no_farther_than_it_says():
  image, mask = photo(300, 40, rate=0.9)
  whole = FILL(image, mask)
  reach = fill.REACH
  part = FILL(image[: 160 + reach], mask[: 160 + reach])
  np.testing.assert_array_equal(part[:160], whole[:160])
  alone = np.ones((2 * reach + 1, 1, 1), np.float32)
  alone[0] = 0  # One black pixel, seen faintly from REACH rows away.
  filled = np.asarray(FILL(jnp.zeros_like(alone), alone)).ravel()
  assert filled[reach] < 0.5 and (filled[reach + 1 :] == 0.5).all()


def test_the_answer_counts_in_the_holes_alone_and_is_clipped_there():
  image, mask = photo(4, 4)
  inputs = np.concatenate([image - 1, mask], axis=-1)
  kept = fill.keep_known(jnp.full((4, 4, 3), 1.5), inputs)
  np.testing.assert_array_equal(kept, np.where(mask > 0, 1.0, image - 1))
