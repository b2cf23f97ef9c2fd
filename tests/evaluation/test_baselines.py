"""Classical denoisers and upscalers against scikit-image and definitions."""

import subprocess
import sys

import numpy as np
import pytest
from skimage import data
from skimage import restoration

from autoencoder.evaluation import baselines

METHODS = [baselines.non_local_means, baselines.total_variation]


def noisy_photo(sigma, channels=3, size=96):
  clean = data.astronaut()[40 : 40 + size, 180 : 180 + size]
  clean = (clean / 255).astype(np.float32)[..., :channels]
  noise = np.random.default_rng(0).normal(size=clean.shape)
  return clean, clean + np.float32(sigma) * noise.astype(np.float32)


def psnr(outputs, clean):
  return -10 * np.log10(np.mean((outputs.astype(np.float64) - clean) ** 2))


def test_non_local_means_uses_the_gallery_settings():
  sigma = 25 / 255
  _, noisy = noisy_photo(sigma)
  settings = dict(patch_size=5, patch_distance=6, fast_mode=True)
  expected = restoration.denoise_nl_means(
    noisy, h=0.8 * sigma, sigma=sigma, channel_axis=-1, **settings
  )
  restored = baselines.non_local_means(noisy, sigma)
  np.testing.assert_array_equal(restored, expected)
  grey = baselines.non_local_means(noisy[..., :1], sigma)
  expected = restoration.denoise_nl_means(
    noisy[..., 0], h=0.8 * sigma, sigma=sigma, **settings
  )
  np.testing.assert_array_equal(grey[..., 0], expected)


@pytest.mark.parametrize(
  'sigma, channels', [(15 / 255, 3), (25 / 255, 1), (50 / 255, 3)]
)
def test_total_variation_is_close_to_the_best_weight(sigma, channels):
  # The weight is fitted to means over photos; single photos differ a little.
  clean, noisy = noisy_photo(sigma, channels)
  best = max(
    psnr(
      restoration.denoise_tv_chambolle(
        noisy, weight=factor * sigma, eps=1e-5, channel_axis=-1
      ),
      clean,
    )
    for factor in (0.4, 0.6, 0.8, 1.0, 1.2, 1.4)
  )
  restored = baselines.total_variation(noisy, sigma)
  assert psnr(restored, clean) > best - 0.5


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('channels', [1, 3])
def test_baselines_remove_noise(method, channels):
  clean, noisy = noisy_photo(25 / 255, channels)
  restored = method(noisy, 25 / 255)
  assert restored.dtype == np.float32
  assert psnr(restored, clean) > psnr(noisy, clean) + 5


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('shape', [(1, 1, 1), (1, 1, 3), (1, 9, 3), (9, 1, 1)])
def test_any_size_keeps_its_shape(method, shape):
  noisy = np.random.default_rng(0).uniform(size=shape).astype(np.float32)
  restored = method(noisy, 0.1)
  assert restored.shape == shape
  assert np.isfinite(restored).all()


@pytest.mark.parametrize('method', METHODS)
def test_without_noise_nothing_changes(method):
  clean, _ = noisy_photo(0.1, size=16)
  np.testing.assert_array_equal(method(clean, 0.0), clean)


@pytest.mark.parametrize('method', METHODS)
def test_wrong_arguments_are_refused(method):
  with pytest.raises(ValueError, match=r'\[H, W, 3\]; got \[4, 4\]'):
    method(np.zeros((4, 4)), 0.1)
  with pytest.raises(ValueError, match=r'got \[4, 4, 4\]'):
    method(np.zeros((4, 4, 4)), 0.1)
  with pytest.raises(ValueError, match='sigma must be at least 0; got -1'):
    method(np.zeros((4, 4, 3)), -1)


def test_importing_evaluation_imports_no_heavy_library():
  code = (
    'import sys, autoencoder.evaluation; '
    "print([m for m in ('skimage', 'matplotlib', 'jinja2') "
    'if m in sys.modules])'
  )
  output = subprocess.run(
    [sys.executable, '-c', code], capture_output=True, text=True, check=True
  )
  assert output.stdout.strip() == '[]'


@pytest.mark.parametrize('scale', [2, 3])
def test_lanczos_weighs_six_pixels_by_a_windowed_sinc(scale):
  """Away from borders, weights are sinc(x) sinc(x / 3), normalised."""
  image = noisy_photo(0.1, size=16)[1]

  def enlarge(rows):
    result = []
    for i in range(3 * scale, (16 - 3) * scale):
      offsets = np.arange(16) - ((i + 0.5) / scale - 0.5)
      weights = np.sinc(offsets) * np.sinc(offsets / 3) * (abs(offsets) < 3)
      result.append(np.tensordot(weights, rows, 1) / weights.sum())
    return np.array(result)

  expected = enlarge(enlarge(image).swapaxes(0, 1)).swapaxes(0, 1)
  result = baselines.lanczos(image, scale)
  assert result.shape == (16 * scale, 16 * scale, 3)
  inside = slice(3 * scale, -3 * scale)
  np.testing.assert_allclose(result[inside, inside], expected, atol=1e-5)
