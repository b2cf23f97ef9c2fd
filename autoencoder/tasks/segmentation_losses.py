"""Losses for semantic segmentation, one value per image.

Logits are float32 `[N, H, W, K]`. Labels are integers `[N, H, W]`, 0 to K - 1,
or 255 for a pixel that is ignored: the gradient there is exactly 0. All losses
return `[N]`, with 0 for an image whose pixels are all ignored.
"""

from collections.abc import Callable
import functools

import jax
import jax.numpy as jnp
import numpy as np

from autoencoder import errors

Weights = jax.Array | np.ndarray


def cross_entropy(
  logits: jax.Array, labels: jax.Array, weights: Weights | None = None
) -> jax.Array:
  """Returns the mean of -log p of the true class, weighted by class.

  The result is `torch.nn.functional.cross_entropy` of each single image: the
  sum over pixels is divided by the sum of the pixels' weights.

  Args:
    logits: `[N, H, W, K]`.
    labels: `[N, H, W]`.
    weights: `[K]`, nonnegative weight of each class; None is 1 for all.

  Example:

    >>> logits, labels = jnp.zeros((1, 2, 2, 4)), jnp.zeros((1, 2, 2), int)
    >>> cross_entropy(logits, labels)  # log 4
    Array([1.3862944], dtype=float32)
  """
  surprise = _surprise(logits, labels)
  return _class_mean(surprise, labels, weights, logits.shape[-1])


def focal(
  logits: jax.Array,
  labels: jax.Array,
  weights: Weights | None = None,
  *,
  gamma: float = 2.0,
) -> jax.Array:
  """Returns the cross-entropy with each pixel multiplied by (1 - p)^gamma.

  Pixels that are already correct count little, which gives more weight to rare
  classes and thin objects.

  Args:
    logits: `[N, H, W, K]`.
    labels: `[N, H, W]`.
    weights: `[K]`, the paper's alpha; None is 1 for all.
    gamma: at least 1; the paper found 2 best.

  Reference:
    Lin et al., "Focal loss for dense object detection", ICCV 2017
    (arXiv:1708.02002), equation 5, here for K classes instead of two.
  """
  surprise = _surprise(logits, labels)
  # Rounding may make this slightly negative at p = 1, where the power would be
  # NaN.
  doubt = jnp.maximum(-jnp.expm1(-surprise), 0)
  values = doubt**gamma * surprise
  return _class_mean(values, labels, weights, logits.shape[-1])


def dice(
  logits: jax.Array, labels: jax.Array, weights: Weights | None = None
) -> jax.Array:
  """Returns 1 minus the mean soft Dice coefficient of the image's classes.

  All classes count equally whatever their size, similar to the mean IoU. The
  mean is over the classes that occur in the image's labels. Pixels predicted as
  another class still lower the coefficient of their true class.

  Args:
    logits: `[N, H, W, K]`.
    labels: `[N, H, W]`.
    weights: `[K]`, nonnegative weight of each class; None is 1 for all.

  Reference:
    Milletari et al., "V-Net", 3DV 2016 (arXiv:1606.04797). The denominator has
    plain sums instead of squares, as in Sudre et al., arXiv:1707.03237.
  """
  _check_sizes(logits, labels)
  truth = jax.nn.one_hot(labels, logits.shape[-1], dtype=jnp.float32)
  counts = truth.sum(-1, keepdims=True)
  guess = jax.nn.softmax(logits.astype(jnp.float32)) * counts
  both = (guess * truth).sum((1, 2))
  size = truth.sum((1, 2))
  coefficient = 2 * both / jnp.maximum(guess.sum((1, 2)) + size, 1)
  share = (size > 0) * _class_weights(weights, truth.shape[-1])[None]
  return (share * (1 - coefficient)).sum(-1) / _at_least_tiny(share.sum(-1))


LOSSES: dict[str, Callable[..., jax.Array]] = {
  'cross_entropy': cross_entropy,
  'dice': dice,
  'focal': focal,
}


def check(name: str) -> None:
  """Raises `UserError` unless `name` is a loss or a sum of different ones."""
  terms = name.split('+')
  if not set(terms) <= LOSSES.keys() or len(set(terms)) < len(terms):
    raise errors.UserError(
      f'loss takes {", ".join(map(repr, LOSSES))}, or a sum of different '
      f"losses such as 'cross_entropy+dice'; got {name!r}."
    )


def total(
  name: str,
  logits: jax.Array,
  labels: jax.Array,
  weights: Weights | None = None,
) -> jax.Array:
  """Returns the loss called `name`, or the sum of several losses, `[N]`.

  Args:
    name: a name in `LOSSES`, or several joined by '+'.
    logits: `[N, H, W, K]`.
    labels: `[N, H, W]`.
    weights: `[K]` or None.

  Example:

    value = total('cross_entropy+dice', logits, labels)
  """
  terms = [LOSSES[term](logits, labels, weights) for term in name.split('+')]
  return functools.reduce(jnp.add, terms)


def _check_sizes(logits: jax.Array, labels: jax.Array) -> None:
  """Raises `ValueError` unless labels and logits have the same N, H and W."""
  if logits.shape[:-1] != labels.shape:
    raise ValueError(
      f'Logits [N, H, W, K] need labels [N, H, W]; got {logits.shape} and '
      f'{labels.shape}.'
    )


def _surprise(logits: jax.Array, labels: jax.Array) -> jax.Array:
  """Returns -log p of the true class, `[N, H, W]`, 0 where ignored."""
  _check_sizes(logits, labels)
  x = logits.astype(jnp.float32)
  x -= jax.lax.stop_gradient(x.max(-1, keepdims=True))
  is_true = jax.nn.one_hot(labels, x.shape[-1], dtype=bool)
  # Select the true class by a sum instead of indexing, whose gradient is a slow
  # scatter. Select from the logits instead of log p, so that the array of log p
  # is never stored.
  log_sum = jnp.log(jnp.exp(x).sum(-1))
  surprise = log_sum - jnp.where(is_true, x, 0).sum(-1)
  return jnp.where(_counts(labels, x.shape[-1]), surprise, 0)


def _counts(labels: jax.Array, classes: int) -> jax.Array:
  """Returns whether each pixel counts, bool `[N, H, W]`."""
  return (labels >= 0) & (labels < classes)


def _class_mean(
  values: jax.Array, labels: jax.Array, weights: Weights | None, classes: int
) -> jax.Array:
  """Returns the mean over pixels, weighted by their classes, `[N]`."""
  if weights is None:
    share = _counts(labels, classes).astype(jnp.float32)
  else:
    share = jax.nn.one_hot(labels, classes) @ _class_weights(weights, classes)
  return (values * share).sum((1, 2)) / _at_least_tiny(share.sum((1, 2)))


def _class_weights(weights: Weights | None, classes: int) -> jax.Array:
  """Returns the weights of the classes, `[K]` float32."""
  if weights is None:
    return jnp.ones(classes)
  weights = jnp.asarray(weights, jnp.float32)
  if weights.shape != (classes,):
    raise ValueError(
      f'{classes} classes need weights of shape ({classes},); got '
      f'{weights.shape}.'
    )
  return weights


def _at_least_tiny(x: jax.Array) -> jax.Array:
  """Returns a positive divisor: `x`, or the smallest normal number."""
  return jnp.maximum(x, jnp.finfo(jnp.float32).tiny)
