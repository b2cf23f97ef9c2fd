"""Losses of a class per pixel, one value per image; the caller reduces.

Logits are float32 `[N, H, W, K]`; labels are integers `[N, H, W]`, 0 to K - 1,
and 255 where a pixel does not count: there every loss has a gradient of exactly
0. Every function returns `[N]`, and 0 for an image of ignored pixels alone.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from autoencoder import errors

Weights = jax.Array | np.ndarray


def cross_entropy(
  logits: jax.Array, labels: jax.Array, weights: Weights | None = None
) -> jax.Array:
  """Returns the mean of -log p of the true class, each pixel by its class.

  As `torch.nn.functional.cross_entropy` of each image alone: the sum over
  pixels is divided by the sum of their weights.

  Args:
    logits: `[N, H, W, K]`.
    labels: `[N, H, W]`.
    weights: `[K]`, of each class, not negative; None for 1 each.

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
  """Returns the cross-entropy, each pixel times (1 - p)^gamma.

  Pixels that are already right count for little, so that rare and thin things
  are heard.

  Args:
    logits: `[N, H, W, K]`.
    labels: `[N, H, W]`.
    weights: `[K]`, the paper's alpha; None for 1 each.
    gamma: at least 1; 2 is what the paper found best.

  Reference:
    Lin et al., "Focal loss for dense object detection", ICCV 2017
    (arXiv:1708.02002), equation 5, for K classes in place of two.
  """
  surprise = _surprise(logits, labels)
  # At p = 1 this is 0, not below it by a rounding: a power has no NaN there.
  doubt = jnp.maximum(-jnp.expm1(-surprise), 0)
  values = doubt**gamma * surprise
  return _class_mean(values, labels, weights, logits.shape[-1])


def dice(
  logits: jax.Array, labels: jax.Array, weights: Weights | None = None
) -> jax.Array:
  """Returns 1 - the mean soft Dice coefficient of the classes in the image.

  A class counts by its coefficient, whatever its size, which is near to what
  the mean IoU counts. Classes that an image does not hold have no part in its
  mean: drawn there, they take their pixels from one that has.

  Args:
    logits: `[N, H, W, K]`.
    labels: `[N, H, W]`.
    weights: `[K]`, of each class, not negative; None for 1 each.

  Reference:
    Milletari et al., "V-Net", 3DV 2016 (arXiv:1606.04797), with the sums of
    Sudre et al., arXiv:1707.03237, not squared.
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
  """Raises `ValueError` unless `name` is a loss or a sum of different ones."""
  terms = name.split('+')
  if not set(terms) <= LOSSES.keys() or len(set(terms)) < len(terms):
    raise errors.UserError(
      f'loss takes {", ".join(map(repr, LOSSES))}, or different ones added up, '
      f"such as 'cross_entropy+dice'; got {name!r}."
    )


def total(
  name: str,
  logits: jax.Array,
  labels: jax.Array,
  weights: Weights | None = None,
) -> jax.Array:
  """Returns the loss, or the sum of losses, that `name` says, `[N]`.

  Args:
    name: a name in `LOSSES`, or several with '+' between.
    logits: `[N, H, W, K]`.
    labels: `[N, H, W]`.
    weights: `[K]` or None.

  Example:

    value = total('cross_entropy+dice', logits, labels)
  """
  return sum(LOSSES[term](logits, labels, weights) for term in name.split('+'))


def _check_sizes(logits: jax.Array, labels: jax.Array) -> None:
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
  # A sum, not a look-up: the gradient of that is a slow scatter. And of the
  # logits, not of log p, which would be written out: 8x360x480 with 11 classes
  # and its gradient, 45 ms instead of 59.
  log_sum = jnp.log(jnp.exp(x).sum(-1))
  surprise = log_sum - jnp.where(is_true, x, 0).sum(-1)
  return jnp.where(_counts(labels, x.shape[-1]), surprise, 0)


def _counts(labels: jax.Array, classes: int) -> jax.Array:
  """Returns which pixels count, bool `[N, H, W]`."""
  return (labels >= 0) & (labels < classes)


def _class_mean(
  values: jax.Array, labels: jax.Array, weights: Weights | None, classes: int
) -> jax.Array:
  """Returns the mean over pixels, each by the weight of its class."""
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
      f'{classes} classes need as many weights; got {weights.shape}.'
    )
  return weights


def _at_least_tiny(x: jax.Array) -> jax.Array:
  return jnp.maximum(x, jnp.finfo(jnp.float32).tiny)
