"""Classes of the ab plane against the definitions of Zhang et al. 2016."""

import jax
import jax.numpy as jnp
import numpy as np
from skimage import color as oracle

from autoencoder.tasks import colourisation_classes


def some_ab(*shape):
  rng = np.random.default_rng(0)
  return rng.normal(0, 30, (*shape, 2)).astype(np.float32)


def test_the_centers_are_the_bins_inside_the_srgb_gamut():
  level = np.linspace(0, 1, 300)
  u, v = np.meshgrid(level, level)
  faces = [
    np.insert(np.stack([u, v], -1), axis, side, axis=-1)
    for axis in range(3)
    for side in (0.0, 1.0)
  ]
  inner = np.linspace(0, 1, 32)
  inner = np.stack(np.meshgrid(inner, inner, inner), -1).reshape(1, -1, 3)
  bins = set()
  for rgb in [*faces, inner]:
    ab = np.rint(oracle.rgb2lab(rgb)[..., 1:] / 10).reshape(-1, 2)
    bins |= set(map(tuple, 10 * np.unique(ab, axis=0)))
  assert bins == set(map(tuple, colourisation_classes.CENTERS))
  assert len(bins) == colourisation_classes.CLASSES == 262


def encode_by_definition(ab):
  """Section 2.2: a Gaussian of sigma 5 on the 5 nearest neighbours."""
  centers = colourisation_classes.CENTERS.astype(np.float64)
  shares = np.zeros((len(ab), len(centers)))
  for row, point in zip(shares, ab.astype(np.float64)):
    distances = np.sqrt(((centers - point) ** 2).sum(-1))
    nearest = np.argsort(distances)[:5]
    gaussian = np.exp(-(distances[nearest] ** 2) / (2 * 5**2))
    row[nearest] = gaussian / gaussian.sum()
  return shares


def test_soft_encoding_follows_its_definition():
  ab = some_ab(200)
  shares = np.asarray(colourisation_classes.soft_encode(jnp.asarray(ab)))
  assert shares.dtype == np.float32
  np.testing.assert_allclose(shares, encode_by_definition(ab), atol=1e-5)


def test_soft_encoding_outside_the_gamut_takes_the_nearest_bins():
  far = np.array([900.0, -500.0])
  shares = colourisation_classes.soft_encode(jnp.float32(far))
  np.testing.assert_allclose(shares.sum(), 1, rtol=1e-6)
  distances = ((colourisation_classes.CENTERS - far) ** 2).sum(-1)
  assert shares.argmax() == distances.argmin()


def test_weights_follow_their_definition():
  rng = np.random.default_rng(1)
  p = rng.dirichlet(np.full(colourisation_classes.CLASSES, 0.1))
  # Equation 4: w = ((1 - lambda) p + lambda / Q)^-1, E[w] = 1.
  expected = np.array([1 / (0.5 * x + 0.5 / len(p)) for x in p])
  expected /= sum(x * w for x, w in zip(p, expected))
  np.testing.assert_allclose(
    colourisation_classes.rebalancing_weights(p), expected
  )


def test_the_prior_depends_on_the_chroma_alone():
  prior = colourisation_classes.prior()
  np.testing.assert_allclose(prior.sum(), 1, rtol=1e-6)
  at = {tuple(c): p for c, p in zip(colourisation_classes.CENTERS, prior)}
  np.testing.assert_allclose(at[0, 30] / at[0, 0], np.exp(-30 / 11), 1e-5)
  np.testing.assert_allclose(at[30, 40], at[0, -50], 1e-5)


def test_the_loss_follows_its_definition():
  ab = some_ab(2, 4, 3)
  rng = np.random.default_rng(2)
  logits = rng.normal(0, 2, (2, 4, 3, colourisation_classes.CLASSES))
  # Equation 2, v(Z) = w of the most probable class; the mean over pixels.
  shares = encode_by_definition(ab.reshape(-1, 2))
  z = np.exp(logits.reshape(shares.shape))
  log_z = np.log(z / z.sum(-1, keepdims=True))
  w = colourisation_classes.rebalancing_weights(colourisation_classes.prior())
  v = w[shares.argmax(-1)]
  expected = -(v * (shares * log_z).sum(-1)).reshape(2, 12).mean(1)
  loss = jax.jit(colourisation_classes.classification_loss)(logits, ab)
  np.testing.assert_allclose(loss, expected, rtol=1e-4)


def test_the_annealed_mean_follows_its_definition():
  rng = np.random.default_rng(3)
  logits = rng.normal(0, 2, (5, colourisation_classes.CLASSES))
  z = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
  # Equation 5: exp(log z / T), normalised; the expectation of the centres.
  annealed = np.exp(np.log(z) / 0.38)
  annealed /= annealed.sum(-1, keepdims=True)
  expected = annealed @ colourisation_classes.CENTERS
  mean = colourisation_classes.annealed_mean(jnp.float32(logits))
  np.testing.assert_allclose(mean, expected, atol=1e-3)


def test_certain_logits_give_exactly_one_center():
  for center in ((0, 0), (-40, 30)):
    logits = colourisation_classes.certain_logits(*center)
    mean = colourisation_classes.annealed_mean(jnp.asarray(logits))
    np.testing.assert_array_equal(mean, center)


def test_gradient_descent_reduces_the_loss():
  ab = jnp.asarray(some_ab(1, 3, 3))
  logits = jnp.zeros((1, 3, 3, colourisation_classes.CLASSES))

  def loss(logits):
    return colourisation_classes.classification_loss(logits, ab)[0]

  step = jax.jit(jax.value_and_grad(loss))
  before, gradient = step(logits)
  assert jnp.isfinite(gradient).all()
  after, _ = step(logits - 5 * gradient)
  assert after < before
