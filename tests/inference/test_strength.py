"""The strength of a restoration, and 12 bits stored in 16."""

from flax import nnx
import numpy as np
import pytest

from autoencoder import errors
from autoencoder import inference
from autoencoder.config import run as config_lib
from autoencoder.photos import images
from autoencoder.tasks import task as task_lib


class Darker(nnx.Module):
  """Answers with the picture less a tenth."""

  stride, receptive_radius, in_channels, scale = 1, 0, 3, 1

  def __call__(self, x):
    return x - 0.1


def make_restorer(**options):
  task = task_lib.Task(make_example=None, loss=None, metrics=None, picture=None)
  config = config_lib.Config()
  return inference.make_photo_restorer(Darker(), task, config, **options)


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('strength', [0.0, 0.5, 1.0, 1.5])
def test_strength_scales_the_correction(strength, channels):
  pixels = np.full((4, 5, channels), 200, np.uint8)
  restored = make_restorer(strength=strength)(pixels)
  assert restored.shape == pixels.shape
  expected = 200 - strength * 25.5
  np.testing.assert_allclose(restored, expected, atol=0.51)


def test_a_strength_out_of_range_is_refused():
  with pytest.raises(errors.UserError, match='takes 0 to 1.5'):
    make_restorer(strength=1.6)


def test_strength_is_refused_for_other_tasks():
  task = task_lib.Task(
    make_example=None, loss=None, metrics=None, picture=None, uses_mask=True
  )
  with pytest.raises(errors.UserError, match='correct a picture in place'):
    inference.make_photo_restorer(
      Darker(), task, config_lib.Config(), strength=0.5
    )


@pytest.mark.parametrize('stretch', [False, True])
def test_twelve_bits_in_sixteen_are_noted_and_scaled(
  source, output, save, capsys, stretch
):
  pixels = np.full((4, 5, 3), 4095, np.uint16)
  save(source / 'scan.png', pixels)
  save(source / 'full.png', pixels * 16)
  seen = []

  def restore(pixels, on_tile):
    on_tile(1, 1)
    seen.append(int(pixels.max()))
    return pixels

  inference.apply_files(restore, source, output, stretch=stretch)
  lines = capsys.readouterr().out.splitlines()
  dark = next(line for line in lines if 'scan.png' in line)
  full = next(line for line in lines if 'full.png' in line)
  assert 'brightest pixel at 6.2% of the range' in dark
  assert ('multiplied by 16' if stretch else '--stretch multiplies') in dark
  assert 'brightest' not in full
  top = images.read_image(output / 'scan.png').pixels.max()
  assert top == (65520 if stretch else 4095)
  assert sorted(seen) == [top, 65520]
