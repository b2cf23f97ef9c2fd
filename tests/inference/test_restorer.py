"""Photos through a task and a model, in the integer type of the photo."""

import dataclasses

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import inference
from autoencoder.config import Config
from autoencoder.config import DataConfig
from autoencoder.tasks import task as task_lib

PLAIN = task_lib.Task(make_example=None, loss=None, metrics=None, picture=None)
COLOR = Config()
GREY = Config(data=DataConfig(channels=1))


class Scaled(nnx.Module):
  """Multiplies channel i by `gains[i]`; enlarges by `scale`."""

  stride, receptive_radius = 4, 4

  def __init__(self, *gains, scale=1):
    self.gains = nnx.Param(jnp.asarray(gains, jnp.float32))
    self.in_channels = self.out_channels = len(gains)
    self.scale = scale

  def __call__(self, x):
    x = x * self.gains[...].reshape(1, 1, 1, -1)
    return x.repeat(self.scale, 1).repeat(self.scale, 2)


def photo(*shape, dtype=np.uint8):
  top = np.iinfo(dtype).max
  rng = np.random.default_rng(5)
  return rng.integers(0, top, shape, dtype, endpoint=True)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('config', [COLOR, GREY])
def test_the_identity_keeps_every_level(dtype, channels, config):
  model = Scaled(*[1.0] * config.data.channels)
  restore = inference.make_photo_restorer(model, PLAIN, config, tile=32)
  pixels = photo(70, 41, channels, dtype=dtype)
  restored = restore(pixels)
  assert restored.dtype == dtype
  # The mean of three equal floats may differ from them in the last bit.
  np.testing.assert_array_equal(restored, pixels)


def test_a_color_model_averages_a_grey_photo_back():
  restore = inference.make_photo_restorer(Scaled(0.9, 0.3, 0.0), PLAIN, COLOR)
  pixels = photo(9, 7, 1)
  np.testing.assert_array_equal(restore(pixels), np.round(pixels * 0.4))


def test_a_grey_model_restores_each_channel_by_itself(
  make_model,
):
  model = make_model(1, 1)
  restore = inference.make_photo_restorer(model, PLAIN, GREY, tile=80)
  pixels = photo(90, 30, 3)
  separate = [restore(pixels[..., i : i + 1]) for i in range(3)]
  # A value near one half may round to the other level.
  difference = restore(pixels).astype(int) - np.concatenate(separate, -1)
  assert np.abs(difference).max() <= 1
  assert (difference == 0).mean() > 0.99


def test_values_out_of_range_are_clipped_not_wrapped():
  task = dataclasses.replace(
    PLAIN, finish=lambda outputs, inputs, config: 3 * inputs - 1
  )
  restore = inference.make_photo_restorer(Scaled(1, 1, 1), task, COLOR)
  levels = np.array([[[0, 50, 85], [128, 170, 255]]], np.uint8)
  expected = [[[0, 0, 0], [129, 255, 255]]]
  np.testing.assert_array_equal(restore(levels), expected)


def test_prepare_and_finish_see_the_configuration():
  @dataclasses.dataclass
  class Darker(Config):
    factor: float = 0.5

  task = dataclasses.replace(
    PLAIN,
    prepare=lambda image, config: image * config.factor,
    finish=lambda outputs, inputs, config: outputs - inputs + config.factor,
  )
  restore = inference.make_photo_restorer(Scaled(1, 1, 1), task, Darker())
  assert (restore(photo(5, 5, 3)) == 128).all()


def test_colorization_of_a_grey_photo_stays_in_color():
  """The model sees one channel; `finish` makes the colours."""
  task = dataclasses.replace(
    PLAIN,
    keeps_colors=False,
    prepare=lambda image, config: image.mean(-1, keepdims=True),
    finish=lambda outputs, inputs, config: jnp.concatenate(
      [inputs, outputs, 0 * inputs], -1
    ),
  )
  restore = inference.make_photo_restorer(Scaled(0.2), task, COLOR, tile=32)
  pixels = photo(50, 40, 1)
  levels = pixels[..., 0].astype(float)
  expected = np.stack([levels, np.round(levels * 0.2), 0 * levels], -1)
  np.testing.assert_array_equal(restore(pixels), expected)


@pytest.mark.parametrize('config', [COLOR, GREY])
def test_enlarging_tasks(config):
  model = Scaled(*[1.0] * config.data.channels, scale=2)
  restore = inference.make_photo_restorer(model, PLAIN, config, tile=32)
  pixels = photo(61, 50, 3)
  expected = pixels.repeat(2, 0).repeat(2, 1)
  np.testing.assert_array_equal(restore(pixels), expected)


@pytest.mark.parametrize('dtype, bound', [(np.uint8, 1), (np.uint16, 2)])
def test_tiled_equals_whole_within_rounding(make_model, dtype, bound):
  model = make_model()
  pixels = photo(150, 170, 3, dtype=dtype)
  whole = inference.make_photo_restorer(model, PLAIN, COLOR)(pixels)
  calls = []
  tiled = inference.make_photo_restorer(model, PLAIN, COLOR, tile=80)(
    pixels, lambda *call: calls.append(call)
  )
  assert calls[-1][0] == calls[-1][1] == len(calls) > 4
  assert np.ptp(whole) > np.iinfo(dtype).max / 4
  assert np.abs(whole.astype(int) - tiled).max() <= bound


def test_an_output_that_is_not_finite_is_an_error():
  model = Scaled(1.0, np.nan, 1.0)
  restore = inference.make_photo_restorer(model, PLAIN, COLOR)
  with pytest.raises(ValueError, match='not finite'):
    restore(photo(4, 4, 3))


def test_a_grey_model_must_output_one_channel():
  task = dataclasses.replace(
    PLAIN, finish=lambda outputs, inputs, config: outputs.repeat(3, -1)
  )
  restore = inference.make_photo_restorer(Scaled(1.0), task, GREY)
  with pytest.raises(ValueError, match='must output 1 channel; .* returns 3'):
    restore(photo(4, 4, 1))


@pytest.mark.parametrize(
  'pixels',
  [
    np.zeros((4, 4), np.uint8),
    np.zeros((4, 4, 4), np.uint8),
    np.zeros((4, 4, 3), np.float32),
  ],
)
def test_other_arrays_are_refused(pixels):
  restore = inference.make_photo_restorer(Scaled(1, 1, 1), PLAIN, COLOR)
  with pytest.raises(ValueError, match='uint8 or uint16'):
    restore(pixels)


def test_integers_and_not_floats_are_sent_to_the_device():
  """Only tiles exist as float images, so memory stays bounded."""
  seen = []

  def finish(outputs, inputs, config):
    seen.append(inputs.shape)
    assert isinstance(inputs, jax.core.Tracer)
    return outputs

  restore = inference.make_photo_restorer(
    Scaled(1, 1, 1), dataclasses.replace(PLAIN, finish=finish), COLOR, tile=32
  )
  restore(photo(200, 200, 3))
  (shape,) = seen
  assert max(shape) <= 32
