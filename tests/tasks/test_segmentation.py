"""The segmentation task: examples, measures, panels and errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from autoencoder.image import palettes
from autoencoder.tasks import segmentation
from autoencoder.tasks import task as task_lib
from experiments import segmentation as experiment

CLASSES = 11


@pytest.fixture(scope='module')
def config():
  return experiment.get_config()


@pytest.fixture(scope='module')
def case():
  """Returns logits and an example of two images with ignored pixels."""
  rng = np.random.default_rng(0)
  logits = rng.normal(size=(2, 9, 12, CLASSES)).astype(np.float32)
  labels = rng.integers(0, CLASSES, (2, 9, 12, 1)).astype(np.int32)
  labels[:, :2] = 255
  images = rng.random((2, 9, 12, 3), np.float32)
  return logits, task_lib.Example(images, labels)


def test_an_example_has_the_image_and_its_labels(config):
  item = {'image': jnp.ones((4, 6, 3)), 'label': jnp.ones((4, 6), jnp.int32)}
  example = segmentation.make_example(jax.random.key(0), item, config)
  assert example.inputs.shape == (4, 6, 3)
  assert example.target.shape == (4, 6, 1)


def test_measures_equal_those_of_scikit_learn(config, case):
  logits, example = case
  counts = jax.jit(lambda x, e: segmentation.count(x, e, config))(*case)
  summed = {'confusion': np.asarray(counts['confusion']).sum(0)}
  values = segmentation.summarise(summed, config)
  truth, guess = example.target.ravel(), logits.argmax(-1).ravel()
  truth, guess = truth[truth != 255], guess[truth != 255]
  assert values['miou'] == pytest.approx(
    sklearn_metrics.jaccard_score(truth, guess, average='macro')
  )
  assert values['accuracy'] == pytest.approx((truth == guess).mean())
  expected = sklearn_metrics.confusion_matrix(truth, guess, normalize='true')
  rows = [list(row.values()) for row in values['confusion'].values()]
  np.testing.assert_allclose(rows, expected, atol=1e-6)
  each = segmentation.accuracy(logits, example, config)['accuracy']
  assert np.mean(each) == pytest.approx((truth == guess).mean(), abs=1e-6)


def test_classes_that_do_not_occur_have_no_row_of_shares(config):
  confusion = np.zeros((CLASSES, CLASSES), int)
  confusion[2, 3] = 4
  values = segmentation.summarise({'confusion': confusion}, config)
  assert list(values['confusion']) == ['digit 1']
  assert values['confusion']['digit 1']['digit 2'] == 1


def test_the_loss_uses_the_class_weights(config, case):
  logits, example = case
  config = experiment.get_config()
  plain = segmentation.loss(logits, example, config)
  config.data.class_weights = (1.0,) + (0.0,) * (CLASSES - 1)
  only = segmentation.loss(logits, example, config)
  log_p = jax.nn.log_softmax(logits)[..., 0]
  is_zero = example.target[..., 0] == 0
  expected = -(log_p * is_zero).sum((1, 2)) / is_zero.sum((1, 2))
  np.testing.assert_allclose(only, expected, rtol=1e-5)
  assert (plain != only).all()


def test_panels_show_classes_and_errors(config, case):
  logits, example = case
  panels = segmentation.picture(logits, example, config)
  assert list(panels) == ['input', 'output', 'overlay', 'target', 'error']
  palette = palettes.find('scenes')
  truth, guess = example.target[..., 0], logits.argmax(-1)
  output = palettes.colorize(guess, palette) / 255
  np.testing.assert_allclose(panels['output'], output, atol=1e-6)
  np.testing.assert_allclose(
    panels['target'], palettes.colorize(truth, palette) / 255, atol=1e-6
  )
  overlay = (example.inputs + output) / 2
  np.testing.assert_allclose(panels['overlay'], overlay, atol=1e-6)
  colors = np.rint(np.asarray(panels['error']) * 255).astype(int)
  is_wrong = (colors == segmentation.WRONG).all(-1)
  is_uncounted = (colors == segmentation.UNCOUNTED).all(-1)
  np.testing.assert_array_equal(is_wrong, (guess != truth) & (truth != 255))
  np.testing.assert_array_equal(is_uncounted, truth == 255)
  legend = segmentation.legend(config)
  assert list(legend)[:CLASSES] == list(palette.names)
  assert legend['error: wrong'] == segmentation.WRONG


@pytest.mark.parametrize(
  'changes, words',
  [
    ({'loss': 'l1'}, "loss takes 'cross_entropy'"),
    ({'data.classes': '', 'data.balance': 0.0}, 'needs --config.data.classes'),
    ({'data.classes': 'animals'}, 'data.classes takes'),
    ({'model.out_channels': 3}, 'scenes has 11 classes: leave it at 0'),
    ({'model.residual': True}, 'takes model.residual=False'),
    ({'model.scale': 2}, 'model.scale=1'),
  ],
  ids=str,
)
def test_errors_name_impossible_options(changes, words):
  config = experiment.get_config()
  for path, value in changes.items():
    *parents, name = path.split('.')
    owner = getattr(config, parents[0]) if parents else config
    setattr(owner, name, value)
  with pytest.raises(ValueError, match=words):
    config.validate()


def test_an_error_names_both_numbers_of_classes(config, case):
  logits, example = case
  with pytest.raises(ValueError, match='model has 5 classes.*scenes has 11'):
    segmentation.count(logits[..., :5], example, config)
