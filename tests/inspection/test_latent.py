"""Entropies and dead channels, against closed forms."""

import numpy as np
import pytest

from autoencoder.inspection import latent as latent_lib


def test_entropy_of_known_distributions():
  # Four equally frequent symbols, two of unequal frequency, and one.
  values = np.array([[0, 0, 7], [1, 0, 7], [2, 0, 7], [3, 1, 7]], float)
  found = latent_lib.describe(values, np.ones(3))
  skewed = -(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25))
  np.testing.assert_allclose(found.bits, [2.0, skewed, 0.0], atol=1e-12)
  np.testing.assert_allclose(found.mean, [1.5, 0.25, 7.0])


@pytest.mark.parametrize('step', [0.25, 0.5])
def test_a_gaussian_has_its_differential_entropy(step):
  values = np.random.default_rng(0).normal(3.0, 2.0, (200_000, 1))
  found = latent_lib.describe(values, np.array([step]))
  expected = np.log2(2.0 * np.sqrt(2 * np.pi * np.e) / step)
  assert found.bits[0] == pytest.approx(expected, abs=0.01)


def test_the_default_step_is_a_sixteenth_of_the_typical_deviation():
  rng = np.random.default_rng(0)
  values = rng.normal(0.0, 1.0, (100_000, 2)) * [1.0, 7.0]
  found = latent_lib.describe(values)
  np.testing.assert_allclose(found.step, 5.0 / 16, rtol=0.01)
  one = latent_lib.describe(values[:, :1])
  assert one.bits[0] == pytest.approx(6.05, abs=0.02)


def test_channels_that_hardly_vary_are_dead():
  rng = np.random.default_rng(0)
  values = rng.normal(0.0, 1.0, (1000, 4)) * [1.0, 0.0, 1e-4, 0.1] + 5
  found = latent_lib.describe(values)
  assert found.dead.tolist() == [False, True, True, False]
  assert found.bits[1] == 0 and found.bits[2] < 0.1


def test_a_constant_latent_has_no_bits():
  found = latent_lib.describe(np.full((10, 3), 2.0))
  assert found.dead.all() and not found.bits.any()
