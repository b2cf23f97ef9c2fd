"""Local contrast normalisation against SciPy, and of constant images."""

import numpy as np
import pytest
from scipy import ndimage

from autoencoder.sparse import normalisation


def smooth(image, deviation):
  return ndimage.gaussian_filter(
    image, (0, deviation, deviation, 0), mode='mirror', truncate=3
  )


@pytest.mark.parametrize('channels', [1, 3])
def test_it_matches_scipy(channels):
  rng = np.random.default_rng(0)
  image = rng.random((2, 30, 26, channels)).astype(np.float32)
  image[:, :, :13] *= 0.05  # Contrast partly below the floor.
  found = normalisation.normalise(image, deviation=2.0, floor=0.1)
  detail = image - smooth(image, 2.0)
  contrast = smooth(np.square(detail).mean(-1, keepdims=True), 2.0) ** 0.5
  assert (contrast < 0.1).any() and (contrast > 0.1).any()
  expected = detail / np.maximum(contrast, 0.1)
  np.testing.assert_allclose(found.image, expected, atol=2e-5)
  np.testing.assert_allclose(found.restore(found.image), image, atol=1e-5)


@pytest.mark.parametrize('level', [0.0, 0.1, 1 / 3, 1.0])
def test_a_constant_image_becomes_exactly_zero(level):
  image = np.full((1, 20, 17, 1), level, np.float32)
  found = normalisation.normalise(image, deviation=3.0, floor=0.05)
  assert (np.asarray(found.image) == 0).all()
  assert (np.asarray(found.restore(found.image)) == image).all()


def test_an_image_smaller_than_the_window_is_refused():
  with pytest.raises(ValueError, match='at least 10 x 10 pixels; got 30 x 9'):
    normalisation.normalise(np.ones((1, 30, 9, 1)), deviation=3.0, floor=0.1)
