"""Colour spaces against scikit-image."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage import color as oracle

from autoencoder.image import color

# The white of the matrix and tabulated D65 differ in the fifth digit.
AB_TOLERANCE = 0.02


def random_rgb():
  rgb = np.random.default_rng(0).random((40, 30, 3))
  rgb[0] = np.linspace(0, 1, 30)[:, None]  # Greys, black and white.
  rgb[1] *= 0.02  # Where the curves are straight.
  rgb[2] = np.eye(3)[np.arange(30) % 3]  # Corners of the gamut.
  return rgb


@pytest.fixture(scope='module')
def rgb():
  return random_rgb()


def test_lab_is_that_of_scikit_image(rgb):
  lab = color.rgb_to_lab(rgb)
  assert lab.dtype == jnp.float32
  expected = oracle.rgb2lab(rgb)
  np.testing.assert_allclose(lab[..., 0], expected[..., 0], atol=1e-4)
  np.testing.assert_allclose(lab, expected, atol=AB_TOLERANCE)


def test_lab_to_rgb_is_that_of_scikit_image(rgb):
  lab = oracle.rgb2lab(rgb)
  np.testing.assert_allclose(color.lab_to_rgb(lab), rgb, atol=1e-3)


def test_greys_have_no_chroma(rgb):
  lab = np.asarray(color.rgb_to_lab(rgb[0]))
  np.testing.assert_allclose(lab[:, 1:], 0, atol=1e-4)
  np.testing.assert_allclose(lab[[0, -1], 0], [0, 100], atol=1e-4)


def test_ycbcr_is_that_of_scikit_image(rgb):
  ycbcr = np.asarray(color.rgb_to_ycbcr(rgb))
  np.testing.assert_allclose(255 * ycbcr, oracle.rgb2ycbcr(rgb), atol=1e-4)


@pytest.mark.parametrize(
  'there, back',
  [
    (color.rgb_to_lab, color.lab_to_rgb),
    (color.rgb_to_lab, color.lab_to_gamut_rgb),
  ],
)
def test_there_and_back(rgb, there, back):
  np.testing.assert_allclose(back(there(rgb)), rgb, atol=3e-5)


def any_lab():
  rng = np.random.default_rng(1)
  lab = rng.uniform([0, -130, -130], [100, 130, 130], (5000, 3))
  lab[:3, 0] = 0, 100, 100
  lab[2, 1:] = 0
  return lab.astype(np.float32)


def test_gamut_keeps_lightness_and_hue_as_mixing_with_grey_does():
  lab = any_lab()
  rgb = np.asarray(color.lab_to_gamut_rgb(lab), np.float64)
  assert rgb.min() >= 0 and rgb.max() <= 1
  np.testing.assert_allclose(oracle.rgb2lab(rgb)[:, 0], lab[:, 0], atol=2e-3)

  # By bisection in float64: the largest share of the colour that fits.
  def linear(values):
    low = values <= 0.04045
    return np.where(low, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)

  raw = np.asarray(color.lab_to_rgb(lab), np.float64)
  raw = np.where(raw < 0, raw / 12.92, linear(np.abs(raw)))
  grey = oracle.lab2rgb(lab * [1, 0, 0]).astype(np.float64)
  grey = linear(grey)
  low, high = np.zeros((len(lab), 1)), np.ones((len(lab), 1))
  for _ in range(40):
    middle = (low + high) / 2
    mixed = grey + middle * (raw - grey)
    fits = ((mixed > -1e-6) & (mixed < 1 + 1e-6)).all(-1, keepdims=True)
    low, high = np.where(fits, middle, low), np.where(fits, high, middle)
  expected = grey + high * (raw - grey)
  inside = (lab[:, 0] > 1) & (lab[:, 0] < 99)
  assert ((high < 0.99)[inside]).mean() > 0.3
  np.testing.assert_allclose(linear(rgb)[inside], expected[inside], atol=5e-4)


def test_eight_bits_keep_the_lightness_of_every_level():
  """The lightness of a stored 8-bit file differs only by rounding."""
  levels = np.arange(256, dtype=np.uint8).repeat(3).reshape(256, 1, 3)
  lightness = color.rgb_to_lab(levels / np.float32(255))[..., :1]
  ab = np.random.default_rng(2).normal(0, 60, (256, 20, 2)).astype(np.float32)
  lab = jnp.concatenate([lightness.repeat(20, 1), ab], -1)
  rgb = np.rint(255 * np.asarray(color.lab_to_gamut_rgb(lab))) / 255
  # Half a level of each channel, where lightness rises fastest.
  error = oracle.rgb2lab(rgb)[..., :1] - np.asarray(lightness)
  assert np.abs(error).max() < 0.3


@pytest.mark.parametrize(
  'function', [color.rgb_to_lab, color.lab_to_rgb, color.lab_to_gamut_rgb]
)
def test_gradients_are_finite(function):
  points = jnp.array(
    [[0, 0, 0], [1, 1, 1], [0, 1, 0], [100, 0, 0], [50, 200, -200]]
    + [[0, 20, 20], [100, 20, 20]],
    jnp.float32,
  )
  gradients = jax.jit(jax.vmap(jax.jacobian(function)))(points)
  assert jnp.isfinite(gradients).all()


@pytest.mark.parametrize(
  'function, reference',
  [(color.rgb_to_lab, oracle.rgb2lab), (color.lab_to_rgb, oracle.lab2rgb)],
)
def test_gradients_are_those_of_differences(rgb, function, reference):
  point = 0.1 + 0.8 * rgb[5, 0]
  if reference is oracle.lab2rgb:
    point = oracle.rgb2lab(point)
  step = 1e-5 * np.eye(3)
  expected = (reference(point + step) - reference(point - step)) / 2e-5
  gradient = jax.jacobian(function)(jnp.float32(point))
  np.testing.assert_allclose(gradient, expected.T, rtol=1e-3, atol=0.05)
