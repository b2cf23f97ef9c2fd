"""Each noise has the variance and the correlation of its definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder.image import noise

KEY = jax.random.key(0)
ZEROS = jnp.zeros((256, 256, 3))


def test_grey_noise_is_one_for_all_channels():
  noisy = np.asarray(noise.grey_noise(KEY, ZEROS, 0.1))
  assert noisy[..., 0].std() == pytest.approx(0.1, rel=0.015)
  np.testing.assert_array_equal(noisy[..., 0], noisy[..., 1])
  np.testing.assert_array_equal(noisy[..., 0], noisy[..., 2])


def test_channel_noise_has_its_covariance():
  covariance = np.array(
    [[0.04, 0.02, -0.01], [0.02, 0.02, 0.0], [-0.01, 0.0, 0.01]]
  )
  noisy = np.asarray(noise.channel_noise(KEY, ZEROS, covariance))
  measured = np.cov(noisy.reshape(-1, 3).T)
  np.testing.assert_allclose(measured, covariance, atol=1e-3)
  # Pixels are independent.
  assert abs((noisy[1:] * noisy[:-1]).mean()) < 5e-4


@pytest.mark.parametrize('width', [0.1, 0.8, 2.0])
def test_smooth_noise_has_its_deviation_and_correlation(width):
  noisy = np.asarray(noise.smooth_noise(KEY, ZEROS, 0.1, width))
  assert noisy.std() == pytest.approx(0.1, rel=0.03)
  border = noisy[[0, -1]].std()  # No weaker, no stronger.
  assert border == pytest.approx(0.1, rel=0.15)
  inside = noisy[16:-16, 16:-16]
  for distance in (1, 2):
    shifted = inside[:, distance:] * inside[:, :-distance]
    expected = np.exp(-(distance**2) / (4 * width**2)) if width > 0.3 else 0
    measured = shifted.mean() / (inside**2).mean()
    assert measured == pytest.approx(expected, abs=0.05)


def test_a_blur_keeps_the_mean_and_flat_images():
  flat = jnp.full((9, 12, 3), 0.7)
  np.testing.assert_allclose(noise.blur(flat, 1.5), flat, atol=1e-6)
  dot = jnp.zeros((33, 33, 1)).at[16, 16].set(1)
  blurred = np.asarray(noise.blur(dot, 1.5))[..., 0]
  assert blurred.sum() == pytest.approx(1, abs=1e-3)
  offsets = np.arange(33) - 16
  variance = (blurred.sum(axis=0) * offsets**2).sum()
  assert variance == pytest.approx(1.5**2, rel=0.01)


def test_enlarging_a_ramp_makes_it_flatter():
  ramp = jnp.broadcast_to(jnp.arange(32.0)[:, None, None], (32, 40, 3))
  larger = noise.enlarge(ramp, 2.0, jnp.array([0.5, 0.0]))
  assert larger.shape == ramp.shape
  np.testing.assert_allclose(jnp.diff(larger[:, 0, 0]), 0.5, atol=1e-4)
  assert float(larger.mean()) == pytest.approx(15.5, abs=1e-3)
  same = noise.enlarge(ramp, 1.0, jnp.array([0.3, 0.9]))
  np.testing.assert_allclose(same, ramp, atol=1e-5)


def test_row_noise_is_one_offset_a_row():
  noisy = np.asarray(noise.row_noise(KEY, jnp.zeros((4096, 3, 3)), 0.1))
  np.testing.assert_array_equal(noisy, noisy[:, :1, :1] + np.zeros_like(noisy))
  assert noisy[:, 0, 0].std() == pytest.approx(0.1, rel=0.06)


def test_the_luma_and_the_rest_add_up():
  image = jax.random.uniform(KEY, (8, 8, 3))
  luma, rest = noise.split_luma(image)
  np.testing.assert_allclose(luma + rest, image, atol=1e-6)
  again, _ = noise.split_luma(rest)
  np.testing.assert_allclose(again, 0, atol=1e-6)


def test_a_resize_round_trip_keeps_smooth_pictures_only():
  ramp = jnp.broadcast_to(jnp.linspace(0, 1, 32)[:, None, None], (32, 40, 3))
  same = noise.resize_round_trip(ramp, 1.0)
  np.testing.assert_allclose(same, ramp, atol=1e-5)
  half = noise.resize_round_trip(ramp, 0.5)
  np.testing.assert_allclose(half[4:-4], ramp[4:-4], atol=0.01)
  white = jax.random.normal(KEY, (32, 40, 3))
  assert noise.resize_round_trip(white, 0.5).std() < 0.6
  traced = jax.jit(noise.resize_round_trip)(white, 0.5)
  np.testing.assert_allclose(
    traced, noise.resize_round_trip(white, 0.5), atol=1e-5
  )


@pytest.mark.parametrize(
  'add',
  [
    lambda key, x: noise.grey_noise(key, x, 0.1),
    lambda key, x: noise.channel_noise(key, x, 0.01 * np.eye(3)),
    lambda key, x: noise.smooth_noise(key, x, 0.1, 1.0),
    lambda key, x: noise.row_noise(key, x, 0.1),
  ],
)
def test_noise_is_a_function_of_the_key_for_batches_too(add):
  keys = jax.random.split(KEY, 2)
  images = jnp.zeros((2, 9, 7, 3))
  batch = jax.jit(jax.vmap(add))(keys, images)
  assert batch.shape == images.shape
  assert not np.array_equal(batch[0], batch[1])
  np.testing.assert_allclose(batch[1], add(keys[1], images[1]), atol=1e-6)
