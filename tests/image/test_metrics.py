"""Metrics against NumPy in float64 and scikit-image."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal
from skimage import color
from skimage import metrics as reference

from autoencoder.image import metrics


def pair(shape, sigma=0.1, seed=0):
  rng = np.random.default_rng(seed)
  target = rng.uniform(size=shape).astype(np.float32)
  noise = rng.normal(size=shape).astype(np.float32)
  return target + sigma * noise, target


def reference_ssim(outputs, target):
  return reference.structural_similarity(
    outputs.astype(np.float64),
    target.astype(np.float64),
    gaussian_weights=True,
    sigma=1.5,
    use_sample_covariance=False,
    data_range=1,
    channel_axis=-1,
  )


def test_psnr_of_a_known_error():
  target = jnp.full((2, 4, 5, 3), 0.5)
  outputs = target + jnp.array([0.1, 0.01]).reshape(2, 1, 1, 1)
  np.testing.assert_allclose(
    jax.jit(metrics.psnr)(outputs, target), [20, 40], atol=1e-3
  )


def test_psnr_of_a_photo_sized_image_keeps_its_digits():
  outputs, target = pair((1, 427, 640, 3))
  error = np.mean((outputs.astype(np.float64) - target) ** 2)
  np.testing.assert_allclose(
    metrics.psnr(outputs, target), [-10 * np.log10(error)], atol=1e-4
  )


def test_psnr_of_identical_images_is_100():
  _, target = pair((2, 5, 5, 1))
  np.testing.assert_allclose(metrics.psnr(target, target), [100, 100])


@pytest.mark.parametrize('weight_channels', [1, 3])
@pytest.mark.parametrize('scale', [1.0, 7.0])
def test_psnr_counts_pixels_by_their_weight(weight_channels, scale):
  outputs, target = pair((2, 6, 7, 3))
  weight = np.zeros((2, 6, 7, weight_channels), np.float32)
  weight[:, 1:4, 2:5] = scale
  inside = (slice(None), slice(1, 4), slice(2, 5))
  np.testing.assert_allclose(
    jax.jit(metrics.psnr)(outputs, target, weight),
    metrics.psnr(outputs[inside], target[inside]),
    rtol=1e-5,
  )


def test_psnr_without_any_weight_is_100_and_leaves_other_images_alone():
  outputs, target = pair((2, 6, 7, 3))
  weight = np.ones((2, 6, 7, 1), np.float32)
  weight[0] = 0
  values = metrics.psnr(outputs, target, weight)
  np.testing.assert_allclose(
    values, [100, metrics.psnr(outputs, target)[1]], rtol=1e-6
  )


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('size', [(11, 11), (11, 30), (37, 16)])
@pytest.mark.parametrize('sigma', [0.0, 0.02, 0.5])
def test_ssim_equals_scikit_image(channels, size, sigma):
  outputs, target = pair((2, *size, channels), sigma)
  expected = [reference_ssim(o, t) for o, t in zip(outputs, target)]
  values = jax.jit(metrics.ssim)(outputs, target)
  assert values.dtype == jnp.float32
  np.testing.assert_allclose(values, expected, atol=1e-5)


def test_ssim_is_exact_on_nearly_flat_bright_images():
  rng = np.random.default_rng(0)
  noise = rng.normal(size=(2, 1, 32, 32, 3)) * 2e-3
  outputs, target = (0.95 + noise).astype(np.float32)
  expected = [reference_ssim(outputs[0], target[0])]
  np.testing.assert_allclose(
    jax.jit(metrics.ssim)(outputs, target), expected, atol=1e-4
  )


def test_ssim_of_one_pixel_compares_its_level():
  a, b = 0.3, 0.7
  expected = (2 * a * b + 1e-4) / (a**2 + b**2 + 1e-4)
  value = metrics.ssim(jnp.full((1, 1, 1, 1), a), jnp.full((1, 1, 1, 1), b))
  np.testing.assert_allclose(value, [expected], rtol=1e-5)


def test_ssim_of_a_small_image_is_one_window_cut_to_it():
  (x,), (y,) = pair((1, 5, 8, 1))
  x, y = x[..., 0].astype(np.float64), y[..., 0].astype(np.float64)
  rows, columns = np.mgrid[-2:3, -3.5:4.5]
  window = np.exp(-(rows**2 + columns**2) / (2 * 1.5**2))
  window /= window.sum()
  mx, my = (window * x).sum(), (window * y).sum()
  vx = (window * (x - mx) ** 2).sum()
  vy = (window * (y - my) ** 2).sum()
  cov = (window * (x - mx) * (y - my)).sum()
  c1, c2 = 0.01**2, 0.03**2
  expected = ((2 * mx * my + c1) * (2 * cov + c2)) / (
    (mx**2 + my**2 + c1) * (vx + vy + c2)
  )
  outputs, target = pair((1, 5, 8, 1))
  np.testing.assert_allclose(
    metrics.ssim(outputs, target), [expected], rtol=1e-5
  )


@pytest.mark.parametrize('metric', [metrics.psnr, metrics.ssim])
@pytest.mark.parametrize('size', [1, 6, 16])
@pytest.mark.parametrize('level', [0.0, 0.4])
def test_gradients_are_finite_on_flat_images(metric, size, level):
  target = jnp.full((1, size, size, 3), 0.4)
  outputs = jnp.full((1, size, size, 3), level)
  total = jax.jit(jax.value_and_grad(lambda x: metric(x, target).sum()))
  value, gradient = total(outputs)
  assert jnp.isfinite(value)
  assert jnp.isfinite(gradient).all()


@pytest.mark.parametrize('metric', [metrics.psnr, metrics.ssim])
def test_an_image_has_the_same_value_alone_and_in_a_batch(metric):
  outputs, target = pair((3, 16, 12, 3))
  metric = jax.jit(metric)
  alone = [metric(outputs[i : i + 1], target[i : i + 1])[0] for i in range(3)]
  np.testing.assert_allclose(metric(outputs, target), alone, rtol=1e-5)


@pytest.mark.parametrize('metric', [metrics.psnr, metrics.ssim])
@pytest.mark.parametrize(
  'shapes', [((1, 4, 4, 3), (1, 4, 4, 1)), ((4, 4, 3), (4, 4, 3))]
)
def test_shapes_that_would_broadcast_are_refused(metric, shapes):
  with pytest.raises(ValueError, match='of equal shape; got'):
    metric(*map(jnp.zeros, shapes))


def test_a_weight_that_would_broadcast_is_refused():
  image = jnp.zeros((2, 4, 4, 3))
  with pytest.raises(ValueError, match='weight must be'):
    metrics.psnr(image, image, jnp.zeros((1, 4, 4, 1)))


def test_luma_metrics_are_those_of_the_tables():
  """scikit-image's Y of 16 to 235 and its PSNR and SSIM of 255 levels."""
  outputs, target = pair((2, 24, 20, 3))
  expected_psnr, expected_ssim = [], []
  for x, y in zip(outputs.astype(np.float64), target.astype(np.float64)):
    x, y = color.rgb2ycbcr(x)[..., 0], color.rgb2ycbcr(y)[..., 0]
    expected_psnr.append(
      reference.peak_signal_noise_ratio(y, x, data_range=255)
    )
    expected_ssim.append(
      reference.structural_similarity(
        y,
        x,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
      )
    )
  np.testing.assert_allclose(
    jax.jit(metrics.psnr_y)(outputs, target), expected_psnr, atol=1e-3
  )
  np.testing.assert_allclose(
    jax.jit(metrics.ssim_y)(outputs, target), expected_ssim, atol=1e-5
  )


@pytest.mark.parametrize('name', ['psnr', 'ssim'])
def test_a_single_channel_is_its_own_luma(name):
  outputs, target = pair((1, 12, 12, 1))
  plain, luma = getattr(metrics, name), getattr(metrics, name + '_y')
  np.testing.assert_array_equal(
    jax.jit(luma)(outputs, target), jax.jit(plain)(outputs, target)
  )


def test_grey_errors_count_less_in_luma():
  target = jnp.full((1, 4, 4, 3), 0.5)
  difference = metrics.psnr_y(target + 0.1, target) - 20
  np.testing.assert_allclose(difference, 20 * np.log10(255 / 219), atol=1e-3)


@pytest.mark.parametrize('metric', [metrics.psnr_y, metrics.ssim_y])
@pytest.mark.parametrize(
  'channels, words', [((3, 1), 'of equal shape'), ((2, 2), '1 or 3')]
)
def test_luma_of_other_channels_is_refused(metric, channels, words):
  with pytest.raises(ValueError, match=words):
    metric(*(jnp.zeros((1, 4, 4, c)) for c in channels))


def test_quantize_is_what_a_file_keeps():
  values = jnp.array([-0.1, 0.0, 0.4 / 255, 0.6 / 255, 1.2])
  np.testing.assert_allclose(
    metrics.quantize(values), [0, 0, 0, 1 / 255, 1], rtol=1e-6
  )


def test_shave_cuts_every_side():
  image = jnp.arange(5 * 7).reshape(1, 5, 7, 1)
  np.testing.assert_array_equal(
    metrics.shave(image, 2)[0, ..., 0], [[16, 17, 18]]
  )
  np.testing.assert_array_equal(metrics.shave(image, 0), image)
  with pytest.raises(ValueError, match='leaves nothing of 5 x 7'):
    metrics.shave(image, 3)


def reference_ms_ssim(outputs, target):
  """Wang et al. 2003 from the definition, float64, one image."""
  weights = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]
  values = []
  for channel in range(target.shape[-1]):
    x, y = (im[..., channel].astype(float) for im in (outputs, target))
    value = 1.0
    for scale, weight in enumerate(weights):
      window = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
      window = np.outer(window, window) / window.sum() ** 2

      def mean(image):
        return signal.convolve2d(image, window, 'valid')  # noqa: B023

      mean_x, mean_y = mean(x), mean(y)
      var_x, var_y = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2
      covariance = mean(x * y) - mean_x * mean_y
      term = (2 * covariance + 0.03**2) / (var_x + var_y + 0.03**2)
      if scale == 4:
        term *= (2 * mean_x * mean_y + 0.01**2) / (
          mean_x**2 + mean_y**2 + 0.01**2
        )
      value *= term.mean() ** weight
      x, y = (
        signal.convolve2d(im, np.full((2, 2), 0.25), 'valid')[::2, ::2]
        for im in (x, y)
      )
    values.append(value)
  return np.mean(values)


def test_ms_ssim_is_that_of_the_paper():
  outputs, target = pair((2, 177, 200, 3), sigma=0.05)
  actual = jax.jit(metrics.ms_ssim)(outputs, target)
  expected = [reference_ms_ssim(*each) for each in zip(outputs, target)]
  np.testing.assert_allclose(actual, expected, atol=2e-5)


def test_ms_ssim_of_identical_and_of_opposite_images():
  _, target = pair((1, 16, 16, 1))

  @jax.jit
  def measure(x):
    return jax.value_and_grad(lambda x: metrics.ms_ssim(x, target).sum())(x)

  value, gradient = measure(1 - target)
  assert value < 0.1 and np.isfinite(gradient).all()
  np.testing.assert_allclose(measure(target)[0], 1, atol=1e-5)


def test_ms_ssim_names_images_that_are_too_small():
  with pytest.raises(ValueError, match='at least 16 x 16 pixels; got 15 x 40'):
    metrics.ms_ssim(np.zeros((1, 15, 40, 1)), np.zeros((1, 15, 40, 1)))
