"""The mixture draws each of its parts, and grey photos stay grey."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage import data

from autoencoder.tasks import photo_noise

PHOTO = jnp.asarray(data.astronaut()[:64, 200:264], jnp.float32) / 255
EQUAL = photo_noise.Options(white=1.0, camera=1.0, correlated=1.0)


def draw(options, count=24):
  """`count` noisy and clean crops of one photo."""
  keys = jax.random.split(jax.random.key(1), count)
  corrupt = jax.jit(
    jax.vmap(lambda key: photo_noise.corrupt(key, PHOTO, options))
  )
  return map(np.asarray, corrupt(keys))


def test_all_kinds_are_drawn_and_all_are_finite():
  noisy, clean = draw(EQUAL)
  assert np.isfinite(noisy).all()
  grey = (clean == clean[..., :1]).all(axis=(1, 2, 3))
  assert 0 < grey.sum() < len(grey)
  # What is grey stays grey: a scan has one noise for its three channels.
  assert (np.ptp(noisy[grey], axis=-1) <= 1.01 / 255).all()
  # Some white noise is neither clipped nor rounded, all else is.
  levels = 255 * noisy
  rounded = np.isclose(levels, levels.round(), atol=1e-2).all(axis=(1, 2, 3))
  assert 0 < rounded.sum() < len(rounded)
  strengths = (noisy - clean).std(axis=(1, 2, 3))
  assert strengths.min() < 5 / 255 and strengths.max() > 25 / 255


def test_white_noise_alone_is_the_literature_s():
  options = photo_noise.Options(
    white=1.0, white_sigma=(25.0, 25.0), grey=0.0, flat=0.0, jpeg=0.0,
    rounded=0.0,
  )  # fmt: skip
  noisy, clean = draw(options, 4)
  np.testing.assert_array_equal(clean, np.stack([PHOTO] * 4))
  assert (noisy - clean).std() == pytest.approx(25 / 255, rel=0.02)


def test_flat_crops_have_one_colour():
  _, clean = draw(dataclasses.replace(EQUAL, flat=1.0))
  assert (np.ptp(clean, axis=(1, 2)) == 0).all()
  assert ((clean == 0) | (clean == 1)).all(axis=(1, 2, 3)).any()


def test_every_part_can_be_left_out():
  for options in (
    {'correlated': 0.0, 'soft': 0.0, 'enlarged': 0.0},
    {'camera': 0.0, 'grey': 0.0, 'flat': 0.0, 'jpeg': 0.0, 'rows': 0.0},
    {'white': 0.0, 'smoothed': 0.0, 'rows': 1.0, 'resized': 1.0},
  ):
    noisy, _ = draw(dataclasses.replace(EQUAL, **options), 2)
    assert np.isfinite(noisy).all()


@pytest.mark.parametrize(
  'options, named',
  [
    ({'white_sigma': (3.0,)}, 'mixture.white_sigma'),
    ({'quality': (90.0, 10.0)}, 'mixture.quality'),
  ],
)
def test_impossible_values_are_named(options, named):
  with pytest.raises(ValueError, match=named):
    dataclasses.replace(EQUAL, **options).validate()


def test_measurements_draw_one_strength():
  fixed = EQUAL.for_evaluation()
  fixed.validate()
  noisy, clean = draw(fixed, 3)
  strengths = 255 * (noisy - clean).std(axis=(1, 2, 3))
  assert strengths.min() > 2 and strengths.max() < 30
  off = photo_noise.Options()
  assert off.for_evaluation() is off


def test_white_noise_can_be_measured_instead():
  white = dataclasses.replace(EQUAL, measured='white').for_evaluation()
  assert not white.active
