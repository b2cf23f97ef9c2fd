"""Simulated JPEG compression agrees with libjpeg, which Pillow uses."""

import functools
import io

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image
import pytest
from skimage import data

from autoencoder.image import jpeg


@pytest.fixture(scope='module')
def photo():
  # No multiples of 8 or 16.
  return data.astronaut()[20:223, 40:251]


def saved(pixels, **options):
  """Returns the pixels of a file that Pillow wrote, and its tables."""
  buffer = io.BytesIO()
  Image.fromarray(pixels).save(buffer, 'jpeg', **options)
  picture = Image.open(buffer)
  return np.asarray(picture, np.float64), picture.quantization


@pytest.mark.parametrize('quality', [1, 20, 50, 75, 90, 95, 100])
def test_the_tables_are_those_of_libjpeg(photo, quality):
  _, tables = saved(photo, quality=quality)
  for ours, theirs in zip(jpeg.tables(quality), tables.values(), strict=True):
    np.testing.assert_array_equal(np.ravel(ours), theirs)


@pytest.mark.parametrize('half_chroma', [False, True])
@pytest.mark.parametrize('quality', [10, 50, 75, 90, 100])
def test_colours_agree_with_libjpeg(photo, quality, half_chroma):
  """Within rounding: half a level on average, and few pixels by more than 2.

  libjpeg computes with integers, so that now and then a coefficient that lies
  halfway between two steps falls to the other side.
  """
  expected, _ = saved(
    photo, quality=quality, subsampling=2 if half_chroma else 0
  )
  image = jnp.asarray(photo, jnp.float32) / 255
  ours = jpeg.compress(image, quality, half_chroma=half_chroma)
  difference = np.abs(255 * np.asarray(ours) - expected)
  assert difference.mean() < 0.5
  assert (difference > 2).mean() < 0.05
  lost = np.abs(photo - expected).mean()
  if quality < 100:
    assert difference.mean() < 0.2 * lost


def test_grey_agrees_with_libjpeg(photo):
  grey = photo[..., 1]
  expected, _ = saved(grey, quality=75)
  image = jnp.asarray(grey, jnp.float32)[..., None] / 255
  ours = 255 * np.asarray(jpeg.compress(image, 75))[..., 0]
  assert np.abs(ours - expected).mean() < 0.2


def test_traced_options_are_those_given(photo):
  image = jnp.asarray(photo[:32, :32], jnp.float32) / 255
  images = jnp.stack([image, image])
  traced = jax.jit(
    jax.vmap(lambda x, q, half: jpeg.compress(x, q, half_chroma=half))
  )(images, jnp.array([30.0, 90.0]), jnp.array([True, False]))
  for got, quality, half in zip(traced, (30, 90), (True, False), strict=True):
    compress = jax.jit(
      functools.partial(jpeg.compress, quality=quality, half_chroma=half)
    )
    expected = compress(image)
    np.testing.assert_allclose(got, expected, atol=1.5 / 255)


def test_gradients_pass_through_rounding():
  """The gradient ignores rounding: that of the sum is 1 per grey pixel."""
  image = jax.random.uniform(jax.random.key(0), (16, 16, 1), minval=0.3)
  image = 0.2 + 0.5 * image
  slopes = jax.grad(lambda x: jpeg.compress(x, 95).sum())(image)
  np.testing.assert_allclose(slopes, 1.0, atol=1e-3)


def test_other_shapes_are_refused():
  with pytest.raises(ValueError, match='JPEG takes'):
    jpeg.compress(jnp.zeros((8, 8, 4)), 75)
