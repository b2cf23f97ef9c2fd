"""The initial kernels of the learned codec."""

import jax
import numpy as np
import scipy.fft

from autoencoder.models import transform_init


def test_the_dct_is_that_of_scipy():
  signal = np.random.default_rng(0).normal(size=8)
  np.testing.assert_allclose(
    transform_init.dct(8) @ signal, scipy.fft.dct(signal, norm='ortho')
  )


def test_transforms_are_orthonormal():
  for transform in transform_init.block_transforms((4, 2, 2), (48, 96, 64)):
    matrix = transform.reshape(-1, transform.shape[-1])
    np.testing.assert_allclose(
      matrix.T @ matrix, np.eye(matrix.shape[1]), atol=1e-12
    )


def test_channels_beyond_all_frequencies_are_zero():
  (transform,) = transform_init.block_transforms((2,), (15,))
  norms = np.linalg.norm(transform.reshape(-1, 15), axis=0)
  np.testing.assert_allclose(norms, 12 * [1] + 3 * [0])


def test_the_first_channel_is_the_mean_of_the_luma():
  first, second = transform_init.block_transforms((2, 2), (6, 6))
  whole = np.einsum('yxab,bc->yxac', second, np.eye(6))
  np.testing.assert_allclose(first[..., 0], 1 / 12**0.5)
  np.testing.assert_allclose(whole[..., 0, 0], 0.5)


def test_the_transform_is_in_the_centre_of_the_kernel():
  (transform,) = transform_init.block_transforms((4,), (48,))
  init = transform_init.centered(transform)
  kernel = np.asarray(init(jax.random.key(0), (8, 8, 3, 48)))
  noise = kernel - np.pad(transform, [(2, 2), (2, 2), (0, 0), (0, 0)])
  assert 0 < np.abs(noise).max() < 0.05
