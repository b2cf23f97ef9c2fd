"""Photos with a mask, through a task that fills holes."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import inference
from autoencoder.config import Config
from autoencoder.config import DataConfig
from autoencoder.image import fill
from autoencoder.runs import experiment as experiment_lib


@pytest.fixture(scope='module')
def task():
  return experiment_lib.load('experiments/inpainting.py').TASK


def holed_photo(height, width, channels, dtype=np.uint8, rate=0.3):
  top = np.iinfo(dtype).max
  rng = np.random.default_rng(5)
  shape = (height, width, channels)
  pixels = rng.integers(0, top, shape, dtype, endpoint=True)
  mask = np.where(rng.random((height, width, 1)) < rate, top, 0)
  return np.concatenate([pixels, mask.astype(dtype)], axis=-1)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('model_channels', [1, 3])
@pytest.mark.parametrize('channels', [1, 3])
def test_known_pixels_are_kept_exactly(
  make_model, task, dtype, model_channels, channels
):
  model = make_model(model_channels + 1, model_channels)
  config = Config(data=DataConfig(channels=model_channels))
  restore = inference.make_photo_restorer(model, task, config)
  pixels = holed_photo(40, 31, channels, dtype)
  restored = restore(pixels)
  image, known = pixels[..., :-1], pixels[..., -1] == 0
  assert restored.shape == image.shape and restored.dtype == dtype
  np.testing.assert_array_equal(restored[known], image[known])
  assert (restored[~known] != image[~known]).mean() > 0.9


def test_the_pixels_in_the_holes_do_not_matter(make_model, task):
  restore = inference.make_photo_restorer(make_model(4, 3), task, Config())
  pixels = holed_photo(20, 20, 3)
  other = pixels.copy()
  other[pixels[..., -1] > 0, :3] = 0
  np.testing.assert_array_equal(restore(pixels), restore(other))


def test_tiled_equals_whole_within_rounding(make_model, task):
  model = make_model(4, 3)
  # In large holes the fill reaches across the borders of tiles.
  pixels = holed_photo(760, 60, 3, rate=0.0)
  pixels[60:720, 5:55, -1] = 255
  pixels[::90, ::20, -1] = 0
  calls = []
  whole = inference.make_photo_restorer(model, task, Config())(pixels)
  tiled = inference.make_photo_restorer(model, task, Config(), tile=64)(
    pixels, lambda *call: calls.append(call)
  )
  assert len(calls) > 1 and task.prepare_radius == fill.REACH
  assert np.ptp(whole) > 100
  assert np.abs(whole.astype(int) - tiled).max() <= 1
  # Without the reach of the fill in `prepare_radius` there is a seam.
  near = dataclasses.replace(task, prepare_radius=0)
  seam = inference.make_photo_restorer(model, near, Config(), tile=64)(pixels)
  assert np.abs(whole.astype(int) - seam).max() > 1


def test_prepare_sees_a_mask_of_exact_ones(make_model, task):
  """In a compiled program, 255 / 255 may differ from 1 in the last bit."""
  exact = dataclasses.replace(
    task,
    finish=lambda outputs, inputs, config: jnp.broadcast_to(
      (inputs[..., -1:] == 1.0) | (inputs[..., -1:] == 0.0), outputs.shape
    ),
  )
  restore = inference.make_photo_restorer(make_model(4, 3), exact, Config())
  assert (restore(holed_photo(20, 20, 3)) == 255).all()


@pytest.mark.parametrize('channels', [1, 3])
def test_an_array_without_its_mask_is_refused(make_model, task, channels):
  restore = inference.make_photo_restorer(make_model(4, 3), task, Config())
  with pytest.raises(ValueError, match=r'\[H, W, 2 or 4\], its mask last'):
    restore(np.zeros((4, 4, channels), np.uint8))
