"""Measures of semantic segmentation, all from one confusion matrix.

Rows of the matrix are true classes, columns are predicted classes. The matrix
of a data set is the sum of the matrices of its images. (The mean of the images'
mIoU would be a different number.)
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np


def confusion_matrix(
  truth: jax.Array,
  predicted: jax.Array,
  classes: int,
  mask: jax.Array | None = None,
) -> jax.Array:
  """Counts the pixels of each pair of true and predicted class.

  Works under `jit`, `vmap` and `pmap`. Sums over devices and batches are exact.

  Args:
    truth: integers `[N, H, W]`. Pixels with another value than a class, such as
      255, are not counted.
    predicted: integers `[N, H, W]`, each in 0..classes - 1.
    classes: number of classes.
    mask: `[N]`, 0 for images that only pad the batch; None if there are none.

  Returns:
    `[N, classes, classes]` int32. Element [i, j, k] is the number of pixels in
    image i with true class j and predicted class k.

  Example:

    >>> truth, predicted = jnp.array([[[[0, 1, 255]]], [[[0, 0, 1]]]])
    >>> confusion_matrix(truth, predicted, 2)
    Array([[[1, 0],
            [1, 0]]], dtype=int32)
  """
  count = truth.shape[0]
  counted = (truth >= 0) & (truth < classes)
  if mask is not None:
    counted &= (mask > 0)[:, None, None]
  # Each image has its own cells. Pixels that do not count go to one extra cell.
  size = classes * classes
  cell = (jnp.arange(count)[:, None, None] * classes + truth) * classes
  cell = jnp.where(counted, cell + predicted, count * size)
  cells = jnp.bincount(cell.ravel(), length=count * size + 1)
  return cells[:-1].reshape(count, classes, classes).astype(jnp.int32)


def summarise(
  confusion: np.ndarray, names: Sequence[str]
) -> dict[str, float | dict[str, float | None]]:
  """Returns the standard measures of a summed confusion matrix.

  All are in [0, 1]. With n_jk the number of pixels of class j predicted as
  class k (Long, Shelhamer and Darrell, "Fully convolutional networks", CVPR
  2015, section 5):

  - `miou`: mean over classes of n_jj / (sum_k n_jk + sum_k n_kj - n_jj);
  - `class_accuracy`: mean over classes of n_jj / sum_k n_jk;
  - `accuracy`: sum_j n_jj / sum_jk n_jk;
  - `per_class`: the IoU of each class, by name.

  NOTE: A class that is neither in the truth nor predicted has no IoU (None in
  `per_class`), and a class that is not in the truth has no accuracy. The means
  are over the remaining classes, and NaN if there are none.

  Args:
    confusion: `[classes, classes]`, one row for each true class.
    names: names of the classes.

  Example:

    >>> summarise(np.array([[3, 1], [0, 4]]), ['cat', 'dog'])['per_class']
    {'cat': 0.75, 'dog': 0.8}
  """
  confusion = np.asarray(confusion, np.float64)
  hits, true = np.diag(confusion), confusion.sum(axis=1)
  union = true + confusion.sum(axis=0) - hits
  iou = _ratio(hits, union)
  return {
    'miou': _mean(iou),
    'class_accuracy': _mean(_ratio(hits, true)),
    'accuracy': float(_ratio(hits.sum(), true.sum())),
    'per_class': {
      name: None if np.isnan(value) else float(value)
      for name, value in zip(names, iou, strict=True)
    },
  }


def median_frequency_weights(
  pixels: np.ndarray, area: np.ndarray
) -> np.ndarray:
  """Returns the weight of each class in a balanced loss.

  A weight is the median of all class frequencies divided by the frequency of
  the class (Eigen and Fergus, "Predicting depth, surface normals and semantic
  labels", ICCV 2015, section 4.3; also in SegNet). A class without pixels has
  weight 0.

  Args:
    pixels: `[classes]`, number of pixels of each class.
    area: `[classes]`, number of counted pixels, of any class, in the images
      that contain the class.

  Returns:
    `[classes]` float32.

  Example:

    >>> pixels, area = np.array([[80, 20, 10], [100, 100, 50]])
    >>> median_frequency_weights(pixels, area)
    array([0.25, 1.  , 1.  ], dtype=float32)
  """
  frequency = _ratio(np.asarray(pixels, np.float64), area)
  present = frequency > 0
  weights = np.zeros(len(frequency))
  weights[present] = np.median(frequency[present]) / frequency[present]
  return weights.astype(np.float32)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
  """Returns `part / whole`, NaN where `whole` is 0."""
  safe = np.where(whole == 0, 1, whole)
  return np.where(whole == 0, np.nan, part / safe)


def _mean(values: np.ndarray) -> float:
  """Returns the mean of the values that are not NaN; NaN without any."""
  values = values[~np.isnan(values)]
  return float(values.mean()) if values.size else float('nan')
