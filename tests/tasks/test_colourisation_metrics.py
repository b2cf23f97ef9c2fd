"""Colour metrics against their definitions in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
from skimage import color as oracle
from skimage import data
from skimage.metrics import peak_signal_noise_ratio

from autoencoder.tasks import colourisation_metrics


def two_ab():
  rng = np.random.default_rng(0)
  target = rng.normal(0, 30, (2, 12, 9, 2)).astype(np.float32)
  outputs = target + rng.normal(0, 40, target.shape).astype(np.float32)
  outputs[0, 0] = target[0, 0]
  outputs[1, 0, 0] = target[1, 0, 0] + [
    180,
    0,
  ]  # Larger than the last threshold.
  outputs[1, 0, 1] = target[1, 0, 1] + [0, 150]
  return outputs, target


def test_psnr_ab_has_a_peak_of_255():
  outputs, target = two_ab()
  expected = [
    peak_signal_noise_ratio(t, o, data_range=255)
    for o, t in zip(outputs, target)
  ]
  psnr = colourisation_metrics.psnr_ab(
    jnp.asarray(outputs), jnp.asarray(target)
  )
  np.testing.assert_allclose(psnr, expected, rtol=1e-5)


def test_auc_ab_integrates_the_cumulative_errors():
  outputs, target = two_ab()
  expected = []
  for o, t in zip(outputs.astype(np.float64), target.astype(np.float64)):
    errors = np.sqrt(((o - t) ** 2).sum(-1))
    curve = [(errors <= threshold).mean() for threshold in range(151)]
    expected.append(np.trapezoid(curve) / 150)
  auc = jax.jit(colourisation_metrics.auc_ab)(outputs, target)
  np.testing.assert_allclose(auc, expected, atol=1e-4)


def test_auc_ab_of_constant_errors():
  target = jnp.zeros((5, 2, 2, 2))
  errors = jnp.array([0.0, 30.0, 150.0, 151.0, 1e4])
  outputs = target.at[..., 1].add(errors.reshape(5, 1, 1))
  expected = [1, 120.5 / 150, 0.5 / 150, 0, 0]
  auc = colourisation_metrics.auc_ab(outputs, target)
  np.testing.assert_allclose(auc, expected, atol=1e-6)


def test_colorfulness_follows_its_definition():
  photo = data.chelsea()
  for rgb in (photo, photo[..., ::-1], oracle.gray2rgb(photo[..., 0])):
    red, green, blue = np.moveaxis(rgb.astype(np.float64), -1, 0)
    rg, yb = red - green, (red + green) / 2 - blue
    expected = np.hypot(rg.std(), yb.std())
    expected += 0.3 * np.hypot(rg.mean(), yb.mean())
    value = colourisation_metrics.colorfulness(jnp.float32(rgb[None] / 255))
    np.testing.assert_allclose(value, [expected], rtol=1e-4, atol=1e-4)
