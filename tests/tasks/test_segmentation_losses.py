"""Segmentation losses against Optax, their definitions and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from autoencoder.tasks import segmentation_losses as losses

K = 4


@pytest.fixture(scope='module')
def case():
  """Returns logits, labels with ignored pixels but no last class, weights."""
  rng = np.random.default_rng(0)
  logits = 3 * rng.standard_normal((3, 6, 5, K)).astype(np.float32)
  labels = rng.integers(0, K - 1, (3, 6, 5)).astype(np.int32)
  labels[rng.random(labels.shape) < 0.3] = 255
  return logits, labels, np.array([0.5, 2, 1, 3], np.float32)


def softmax(logits):
  powers = np.exp(logits.astype(np.float64))
  return powers / powers.sum(-1, keepdims=True)


@pytest.mark.parametrize('weighted', [False, True])
def test_cross_entropy_equals_the_weighted_mean_of_optax(case, weighted):
  logits, labels, weights = case
  weights = weights if weighted else None
  actual = jax.jit(losses.cross_entropy)(logits, labels, weights)
  for i in range(len(logits)):
    kept = labels[i] != 255
    label = labels[i][kept]
    each = optax.softmax_cross_entropy_with_integer_labels(
      logits[i][kept], label
    )
    weight = None if weights is None else weights[label]
    expected = np.average(each, weights=weight)
    np.testing.assert_allclose(actual[i], expected, rtol=1e-5)


@pytest.mark.parametrize('gamma', [1.0, 2.0])
def test_focal_follows_its_equation(case, gamma):
  logits, labels, weights = case
  actual = losses.focal(logits, labels, weights, gamma=gamma)
  for i in range(len(logits)):
    kept = labels[i] != 255
    label = labels[i][kept]
    p = softmax(logits[i][kept])[np.arange(len(label)), label]
    values = -((1 - p) ** gamma) * np.log(p)
    expected = np.average(values, weights=weights[label])
    np.testing.assert_allclose(actual[i], expected, rtol=1e-5)


def test_dice_follows_its_definition(case):
  logits, labels, weights = case
  actual = losses.dice(logits, labels, weights)
  for i in range(len(logits)):
    kept = labels[i] != 255
    p, label = softmax(logits[i][kept]), labels[i][kept]
    present = np.unique(label)
    dices = [
      2 * p[label == k, k].sum() / (p[:, k].sum() + (label == k).sum())
      for k in present
    ]
    expected = 1 - np.average(dices, weights=weights[present])
    np.testing.assert_allclose(actual[i], expected, rtol=1e-5)


def test_losses_of_uniform_logits_have_closed_forms():
  labels = jnp.array([[[0, 1], [2, 3]]])
  even = jnp.zeros((1, 2, 2, K))
  np.testing.assert_allclose(
    losses.cross_entropy(even, labels), np.log(4), rtol=1e-6
  )
  np.testing.assert_allclose(
    losses.focal(even, labels), 0.75**2 * np.log(4), rtol=1e-6
  )
  # For each class, the sums of guess and truth are 1 pixel, and their overlap
  # is 1/4.
  np.testing.assert_allclose(losses.dice(even, labels), 0.75, rtol=1e-6)


@pytest.mark.parametrize('name', losses.LOSSES)
def test_certain_and_correct_logits_have_no_loss(name):
  labels = jnp.array([[[0, 1], [2, 3]]])

  def value(logits):
    return losses.LOSSES[name](logits, labels).sum()

  loss, gradient = jax.value_and_grad(value)(200 * jax.nn.one_hot(labels, K))
  np.testing.assert_allclose(loss, 0, atol=1e-6)
  np.testing.assert_allclose(gradient, 0, atol=1e-6)


@pytest.mark.parametrize('name', [*losses.LOSSES, 'cross_entropy+dice'])
def test_ignored_pixels_have_no_gradient(case, name):
  logits, labels, weights = case

  def value(logits):
    return losses.total(name, logits, labels, weights)

  gradient = jax.grad(lambda x: value(x).sum())(logits)
  assert not gradient[labels == 255].any()
  assert (jnp.abs(gradient[labels != 255]).sum(-1) > 0).all()
  changed = np.where((labels == 255)[..., None], 9 * logits, logits)
  np.testing.assert_allclose(value(changed), value(logits), rtol=1e-5)


@pytest.mark.parametrize('name', losses.LOSSES)
def test_an_image_of_ignored_pixels_has_no_loss(case, name):
  logits = case[0]
  labels = np.full(logits.shape[:-1], 255)

  def value(logits):
    return losses.LOSSES[name](logits, labels).sum()

  loss, gradient = jax.value_and_grad(value)(logits)
  assert loss == 0
  assert not gradient.any()


def test_a_sum_of_losses_is_their_sum(case):
  logits, labels, weights = case
  both = losses.total('focal+dice', logits, labels, weights)
  expected = losses.focal(logits, labels, weights) + losses.dice(
    logits, labels, weights
  )
  np.testing.assert_allclose(both, expected, rtol=1e-6)


@pytest.mark.parametrize('name', ['', 'l1', 'dice+', 'dice+dice', 'dice focal'])
def test_unknown_losses_are_refused(name):
  with pytest.raises(ValueError, match="loss takes 'cross_entropy', 'dice'"):
    losses.check(name)
  losses.check('cross_entropy+dice+focal')


def test_shapes_that_do_not_fit_are_refused(case):
  logits, labels, weights = case
  with pytest.raises(ValueError, match='need labels'):
    losses.dice(logits, labels[:, :-1])
  with pytest.raises(ValueError, match='4 classes need weights of'):
    losses.focal(logits, labels, weights[:-1])
