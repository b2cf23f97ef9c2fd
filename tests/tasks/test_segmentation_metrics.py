"""Confusion matrices and their measures, against scikit-learn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from autoencoder.tasks import segmentation_metrics

CLASSES = 5
NAMES = list('abcde')


@pytest.fixture(scope='module')
def pixels():
  """Returns truth and prediction `[16, 9, 7]`: 1/5 ignored, 1/2 correct."""
  generator = np.random.default_rng(0)
  truth = generator.integers(0, CLASSES, (16, 9, 7))
  guess = generator.integers(0, CLASSES, truth.shape)
  predicted = np.where(generator.random(truth.shape) < 0.5, truth, guess)
  truth[generator.random(truth.shape) < 0.2] = 255
  return truth.astype(np.int32), predicted.astype(np.int32)


def reference(truth, predicted, classes=CLASSES):
  counted = truth != 255
  return sklearn_metrics.confusion_matrix(
    truth[counted], predicted[counted], labels=range(classes)
  )


def test_confusion_of_each_image_equals_that_of_scikit_learn(pixels):
  confusion = jax.jit(segmentation_metrics.confusion_matrix, static_argnums=2)(
    *pixels, CLASSES
  )
  assert confusion.dtype == jnp.int32
  expected = [reference(*image) for image in zip(*pixels)]
  np.testing.assert_array_equal(confusion, expected)


def test_images_that_pad_the_batch_are_not_counted(pixels):
  mask = np.ones(16, np.float32)
  mask[13:] = 0
  confusion = segmentation_metrics.confusion_matrix(*pixels, CLASSES, mask)
  whole = reference(*(x[:13] for x in pixels))
  np.testing.assert_array_equal(confusion.sum(axis=0), whole)
  assert not confusion[13:].any()


def test_vmap_pmap_and_a_mesh_give_the_same_counts(pixels):
  def count(truth, predicted, mask):
    return segmentation_metrics.confusion_matrix(
      truth, predicted, CLASSES, mask
    )

  mask = (np.arange(16) < 11).astype(np.float32)
  expected = np.asarray(count(*pixels, mask))
  single = jax.vmap(lambda *xs: count(*(x[None] for x in xs))[0])
  np.testing.assert_array_equal(single(*pixels, mask), expected)
  assert jax.device_count() == 8
  summed = jax.pmap(
    lambda *xs: jax.lax.psum(count(*xs).sum(axis=0), 'data'), axis_name='data'
  )(*(x.reshape(8, 2, *x.shape[1:]) for x in (*pixels, mask)))
  np.testing.assert_array_equal(summed[0], expected.sum(axis=0))
  mesh = jax.make_mesh((8,), ('data',), (jax.sharding.AxisType.Auto,))
  split = jax.NamedSharding(mesh, jax.P('data'))
  sharded = jax.jit(lambda *xs: count(*xs).sum(axis=0), in_shardings=split)
  np.testing.assert_array_equal(sharded(*pixels, mask), expected.sum(axis=0))


def test_measures_equal_those_of_scikit_learn(pixels):
  truth, predicted = (x.ravel() for x in pixels)
  predicted, truth = predicted[truth != 255], truth[truth != 255]
  confusion = segmentation_metrics.confusion_matrix(*pixels, CLASSES)
  values = segmentation_metrics.summarise(confusion.sum(axis=0), NAMES)
  assert list(values) == ['miou', 'class_accuracy', 'accuracy', 'per_class']
  iou = sklearn_metrics.jaccard_score(truth, predicted, average=None)
  assert values['per_class'] == pytest.approx(dict(zip(NAMES, iou)))
  assert values['miou'] == pytest.approx(
    sklearn_metrics.jaccard_score(truth, predicted, average='macro')
  )
  assert values['accuracy'] == pytest.approx(
    sklearn_metrics.accuracy_score(truth, predicted)
  )
  assert values['class_accuracy'] == pytest.approx(
    sklearn_metrics.balanced_accuracy_score(truth, predicted)
  )


def test_absent_classes_are_left_out_of_the_means():
  # 'a' is correct, 'b' only predicted, 'c' missed, 'd' in neither.
  confusion = np.zeros((4, 4), np.int64)
  confusion[0, 0], confusion[0, 1], confusion[2, 0] = 6, 2, 4
  values = segmentation_metrics.summarise(confusion, 'abcd')
  assert values['per_class'] == {'a': 0.5, 'b': 0, 'c': 0, 'd': None}
  assert values['miou'] == pytest.approx(0.5 / 3)
  assert values['class_accuracy'] == pytest.approx(0.75 / 2)
  assert values['accuracy'] == 0.5


def test_without_counted_pixels_the_measures_are_nan():
  values = segmentation_metrics.summarise(np.zeros((2, 2), np.int32), 'ab')
  assert np.isnan([values['miou'], values['accuracy']]).all()
  assert values['per_class'] == {'a': None, 'b': None}


def test_median_frequency_weights_balance_the_classes():
  # Frequencies: 0.8, 0.2, 0.2 (of the only image with the class), and none.
  weights = segmentation_metrics.median_frequency_weights(
    np.array([160, 40, 20, 0]), np.array([200, 200, 100, 0])
  )
  np.testing.assert_allclose(weights, [0.25, 1, 1, 0])
  assert weights.dtype == np.float32
