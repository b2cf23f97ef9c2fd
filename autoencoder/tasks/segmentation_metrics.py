"""Measures of a class per pixel, all from one confusion matrix of a whole set.

Its rows are the true classes, its columns the predicted ones. A set's matrix is
the sum of its images'; a mean of images' own mIoU would be another number.
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
  """Counts the pixels of each true class that got each predicted one.

  Runs under `jit`, `vmap` and `pmap`; sums over devices and batches are exact.

  Args:
    truth: integers `[N, H, W]`; pixels that are no class, such as 255, are left
      out.
    predicted: integers `[N, H, W]`, each in 0..classes - 1.
    classes: how many.
    mask: `[N]`, 0 for rows that only fill a batch up; None where none does.

  Returns:
    `[N, classes, classes]` int32; [i, j, k] are the pixels of image i that are
    j and were taken for k.

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
  # Each image has its own cells, and all share one that nobody looks at.
  size = classes * classes
  cell = (jnp.arange(count)[:, None, None] * classes + truth) * classes
  cell = jnp.where(counted, cell + predicted, count * size)
  cells = jnp.bincount(cell.ravel(), length=count * size + 1)
  return cells[:-1].reshape(count, classes, classes).astype(jnp.int32)


def summarise(
  confusion: np.ndarray, names: Sequence[str]
) -> dict[str, float | dict[str, float | None]]:
  """Returns the standard measures of a summed confusion matrix.

  With n_jk the pixels of class j taken for k (Long, Shelhamer and Darrell,
  "Fully convolutional networks", CVPR 2015, section 5), all in [0, 1]:

  - `miou`: mean over classes of n_jj / (sum_k n_jk + sum_k n_kj - n_jj);
  - `class_accuracy`: mean over classes of n_jj / sum_k n_jk;
  - `accuracy`: sum_j n_jj / sum_jk n_jk;
  - `per_class`: the first by the class's name.

  NOTE: A class that is neither in the truth nor predicted has no IoU, None in
  `per_class`, and one that is not in the truth no accuracy: means are over the
  other classes. They are NaN where nothing is left.

  Args:
    confusion: `[classes, classes]`, rows true.
    names: of the classes.

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
  """Returns how much a pixel of each class counts in a balanced loss.

  The median of the classes' frequencies over the class's own (Eigen and Fergus,
  "Predicting depth, surface normals and semantic labels", ICCV 2015, section
  4.3; SegNet takes the same). A class without a pixel counts 0.

  Args:
    pixels: `[classes]`, how many are of each class.
    area: `[classes]`, how many, of whatever class, the images have that show
      the class.

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
  """`part / whole`, NaN where `whole` is 0."""
  safe = np.where(whole == 0, 1, whole)
  return np.where(whole == 0, np.nan, part / safe)


def _mean(values: np.ndarray) -> float:
  """The mean of what is not NaN."""
  values = values[~np.isnan(values)]
  return float(values.mean()) if values.size else float('nan')
