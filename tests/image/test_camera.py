"""Processing inverts unprocessing; the sensor noise has its variance."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage import data

from autoencoder.image import bayer
from autoencoder.image import camera as camera_lib


@pytest.fixture(scope='module')
def photo():
  return jnp.asarray(data.astronaut()[:48, 200:256], jnp.float32) / 255


def test_the_tone_curve_and_its_inverse():
  x = jnp.linspace(0, 1, 101)
  y = camera_lib.tone_curve(x)
  np.testing.assert_allclose(y, 3 * x**2 - 2 * x**3, atol=1e-6)
  np.testing.assert_allclose(camera_lib.inverse_tone_curve(y), x, atol=2e-3)


@pytest.mark.parametrize('tone', [False, True])
@pytest.mark.parametrize('seed', range(3))
def test_processing_undoes_unprocessing(photo, tone, seed):
  camera = camera_lib.draw_camera(jax.random.key(seed))
  raw = camera_lib.unprocess(photo, camera, tone)
  again = camera_lib.process(raw, camera, tone)
  np.testing.assert_allclose(again, photo, atol=1e-3)


def test_cameras_keep_grey_grey_and_differ():
  cameras = [camera_lib.draw_camera(jax.random.key(s)) for s in range(4)]
  for camera in cameras:
    np.testing.assert_allclose(camera.matrix.sum(axis=1), 1, atol=1e-6)
    assert (np.diag(camera.matrix) >= 1.3).all()
    assert camera.gains[1] == 1
  assert len({float(camera.gains[0]) for camera in cameras}) == 4


def test_sensor_noise_has_the_variance_of_its_definition():
  """Variance is shot * light + read, at three brightnesses."""
  for light in (0.0, 0.2, 0.9):
    raw = jnp.full((256, 256, 1), light)
    noisy = camera_lib.shot_and_read_noise(jax.random.key(0), raw, 4e-3, 1e-4)
    # 65,536 samples: five standard errors of a variance are 2.8 %.
    variance = float(jnp.var(noisy))
    assert variance == pytest.approx(4e-3 * light + 1e-4, rel=0.028)


def test_levels_follow_the_line_of_brooks_et_al():
  keys = jax.random.split(jax.random.key(0), 2000)
  shot, read = jax.vmap(camera_lib.draw_levels)(keys)
  assert shot.min() >= 1e-4 and shot.max() <= 1.2e-2
  rest = jnp.log(read) - (2.18 * jnp.log(shot) + 1.2)
  assert abs(float(rest.mean())) < 0.03
  assert float(rest.std()) == pytest.approx(0.26, rel=0.1)


@pytest.mark.parametrize('phase', [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_the_mosaic_keeps_one_colour_per_pixel(photo, phase):
  phase = jnp.array(phase)
  pattern = bayer.mosaic(photo, phase)
  row, column = phase
  blue = (row + 1) % 2, (column + 1) % 2
  np.testing.assert_array_equal(
    pattern[row::2, column::2, 0], photo[row::2, column::2, 0]
  )
  np.testing.assert_array_equal(
    pattern[blue[0] :: 2, blue[1] :: 2, 0], photo[blue[0] :: 2, blue[1] :: 2, 2]
  )
  np.testing.assert_array_equal(
    pattern[row::2, blue[1] :: 2, 0], photo[row::2, blue[1] :: 2, 1]
  )


@pytest.mark.parametrize('malvar', [0.0, 1.0])
@pytest.mark.parametrize('phase', [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_demosaicing_is_exact_on_a_grey_ramp(malvar, phase):
  """Linear interpolation reproduces a linear ramp, in every phase."""
  ramp = jnp.arange(12.0)[:, None] + 2 * jnp.arange(14.0)[None]
  image = jnp.broadcast_to(ramp[..., None], (12, 14, 3))
  phase = jnp.array(phase)
  again = bayer.demosaic(bayer.mosaic(image, phase), phase, malvar)
  np.testing.assert_allclose(again[2:-2, 2:-2], image[2:-2, 2:-2], atol=1e-4)


def test_malvar_is_sharper_than_bilinear(photo):
  phase = jnp.array([0, 1])
  pattern = bayer.mosaic(photo, phase)
  errors = [
    float(jnp.mean((bayer.demosaic(pattern, phase, m) - photo) ** 2))
    for m in (0.0, 1.0)
  ]
  assert errors[1] < 0.7 * errors[0]


def test_without_noise_the_photo_stays_as_it_is(photo):
  key = jax.random.key(3)
  camera = camera_lib.draw_camera(key)
  same = camera_lib.camera_noise(key, photo, camera, 0.0, 0.0, tone=True)
  np.testing.assert_allclose(same, photo, atol=1e-3)


def test_camera_noise_is_correlated_and_compiles_for_batches(photo):
  """Demosaicing correlates neighbours, and the colour matrix channels."""
  flat = jnp.full((64, 64, 3), 0.5)

  @jax.jit
  @jax.vmap
  def shoot(key):
    camera = camera_lib.draw_camera(key)
    return camera_lib.camera_noise(key, flat, camera, 1e-3, 1e-6, malvar=0.0)

  noise = np.asarray(shoot(jax.random.split(jax.random.key(0), 8)) - flat[None])
  assert noise.std() > 0.005
  red = noise[..., 0]
  neighbours = (red[:, :, 1:] * red[:, :, :-1]).mean() / (red**2).mean()
  assert neighbours > 0.2
