"""Denoising: the noise follows the options, and so does the level channel."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder.evaluation import baselines
from autoencoder.runs import experiment as experiment_lib

denoising = experiment_lib.load('experiments/denoising.py')


def example(config, image, seed=0):
  make = jax.jit(
    lambda key: denoising.make_example(key, {'image': image}, config)
  )
  return make(jax.random.key(seed))


@pytest.mark.parametrize('sigma, photon', [(25.0, 0.0), (5.0, 5.0), (0.0, 9.0)])
def test_the_variance_is_that_of_the_options(sigma, photon):
  config = denoising.get_config()
  config.sigma, config.photon = sigma, photon
  for light in (0.1, 0.9):
    image = jnp.full((128, 128, 3), light)
    noise = np.asarray(example(config, image).inputs - image)
    expected = (sigma / 255) ** 2 + photon / 255 * light
    # With 49,152 samples the variance is known to about 0.7 %.
    np.testing.assert_allclose(noise.var(), expected, rtol=0.035)
    assert abs(noise.mean()) < 5 * (expected / noise.size) ** 0.5


def test_photons_are_counted():
  config = denoising.get_config()
  config.sigma, config.photon = 0.0, 51.0  # Five photons are white.
  counts = np.asarray(example(config, jnp.full((32, 32, 1), 0.5)).inputs) * 5
  np.testing.assert_allclose(counts, np.round(counts), atol=1e-5)
  assert len(np.unique(np.round(counts))) > 3


def test_the_level_is_the_last_channel():
  config = denoising.get_config('flexible')
  image = jnp.full((64, 64, 3), 0.5)
  levels = set()
  for seed in range(3):
    inputs = np.asarray(example(config, image, seed).inputs)
    assert inputs.shape == (64, 64, 4)
    assert len(np.unique(inputs[..., 3])) == 1
    levels.add(255 * inputs[0, 0, 3])
    deviation = 255 * (inputs[..., :3] - 0.5).std()
    assert deviation == pytest.approx(255 * inputs[0, 0, 3], rel=0.03)
  assert len(levels) == 3 and min(levels) >= 5 and max(levels) <= 55
  measured = config.for_evaluation()
  assert example(measured, image).inputs[0, 0, 3] == pytest.approx(25 / 255)
  prepared = denoising.TASK.prepare(image, measured)
  np.testing.assert_allclose(prepared[..., 3], 25 / 255, rtol=1e-6)
  # Only then does sigma have an effect in --mode=apply.
  assert denoising.TASK.applied(measured) == ('sigma',)
  assert denoising.TASK.applied(denoising.get_config('blind')) == ()


def test_baselines_get_the_picture_without_its_level_channel():
  config = denoising.get_config('flexible').for_evaluation()
  config.photon = 10.0
  one = example(config, jnp.full((32, 32, 3), 0.5))
  seen = {}

  def method(noisy, sigma):
    seen.update(shape=noisy.shape, sigma=sigma)
    return noisy

  baselines.denoiser(method)(one, config)
  assert seen['shape'] == (32, 32, 3)
  expected = ((25 / 255) ** 2 + 10 / 255 * 0.5) ** 0.5
  assert seen['sigma'] == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
  'changes',
  [
    {'blind': (5.0,)},
    {'blind': (9.0, 5.0)},
    {'blind': (1.0, 2.0, 3.0)},
    {'blind': (float('nan'), 5.0)},
    {'sigma': -1.0},
    {'sigma': float('inf')},
    {'photon': float('nan')},
  ],
  ids=str,
)
def test_impossible_noise_is_refused(changes):
  config = denoising.get_config()
  for name, value in changes.items():
    setattr(config, name, value)
  with pytest.raises(ValueError, match='sigma and photon take 0 to 255'):
    config.validate()


@pytest.mark.parametrize(
  'variant', ['grey', 'blind', 'flexible', 'photons', 'benchmark', 'smoke']
)
def test_variants_are_valid(variant):
  denoising.get_config(variant).validate()


def test_classical_methods_are_told_how_strong_real_noise_is():
  config = denoising.get_config('real').for_evaluation()
  real = example(config, jnp.full((64, 64, 3), 0.5))
  told = []
  method = baselines.denoiser(lambda noisy, sigma: told.append(sigma) or noisy)
  method(jax.tree.map(np.asarray, real), config)
  deviation = float(np.sqrt(((real.inputs - real.target) ** 2).mean()))
  assert told == pytest.approx([deviation])


def test_real_noise_can_be_white_at_sigma_to_measure():
  config = denoising.get_config('real')
  config.mixture.measured = 'white'
  image = jnp.full((64, 64, 3), 0.5)
  white = example(config.for_evaluation(), image)
  assert (white.inputs - image).std() == pytest.approx(25 / 255, rel=0.03)


def test_real_noise_is_of_colour_photos():
  config = denoising.get_config('real')
  config.data.channels = 1
  with pytest.raises(ValueError, match='data.channels=3'):
    config.validate()
