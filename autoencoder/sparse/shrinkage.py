"""The proximal operators of `|x|^p`, which make coefficients sparse."""

import jax
import jax.numpy as jnp
import numpy as np

# Newton's method doubles the digits with each step. From anywhere above the
# threshold, six steps are exact in float32 for any p.
_STEPS = 6


def soft_threshold(v: jax.Array, threshold: jax.Array | float) -> jax.Array:
  """Returns the x that minimises `threshold * |x| + (x - v)^2 / 2`.

  Example:

    >>> soft_threshold(jnp.array([-3.0, 0.5, 2.0]), 1.0).tolist()
    [-2.0, 0.0, 1.0]
  """
  return jnp.sign(v) * jnp.maximum(jnp.abs(v) - threshold, 0.0)


def shrink(v: jax.Array, weight: jax.Array | float, power: float) -> jax.Array:
  """Returns the x that minimises `|x|^power + weight / 2 * (x - v)^2`.

  For `|v|` below a threshold it is 0. Above, it is the larger root of
  `x + power / weight * x^(power - 1) = |v|`. Newton's method starts at `|v|`,
  where the left side is convex, and approaches the root from above.

  NOTE: For a power below 1 the result jumps from 0 to the larger root at the
  threshold.

  Args:
    v: any shape, float32.
    weight: above 0, a scalar or an array that broadcasts to `v`.
    power: in (0, 1].

  Returns:
    The shape of `v`.

  Raises:
    ValueError: the power is out of range.

  References:
    Krishnan and Fergus, "Fast image deconvolution using hyper-Laplacian
    priors", NIPS 2009, which looks the root up in a table; the threshold is
    from Marjanovic and Solo, "On l_q optimization and matrix completion", IEEE
    TSP 2012.

  Example:

    >>> [round(x, 4) for x in shrink(jnp.array([1.0, 2.0]), 1.0, 0.5).tolist()]
    [0.0, 1.6055]
  """
  check_power(power)
  if power == 1:
    return soft_threshold(v, 1 / weight)
  threshold = _threshold(weight, power)
  slope = power / weight
  size = jnp.abs(v)
  x = jnp.maximum(size, threshold)  # Below the threshold there may be no root.
  target = x
  for _ in range(_STEPS):
    pull = slope * x ** (power - 1)
    x = x - (x + pull - target) / (1 + (power - 1) * pull / x)
  return jnp.where(size > threshold, jnp.sign(v) * x, 0.0)


def _threshold(weight: jax.Array | float, power: float) -> jax.Array | float:
  """Returns the magnitude of `v` above which `shrink` is not 0."""
  jump = (2 * (1 - power) / weight) ** (1 / (2 - power))
  return jump * (2 - power) / (2 * (1 - power))


def weight_of(threshold: jax.Array | float, power: float) -> jax.Array | float:
  """Returns the weight at which `shrink` has a given threshold.

  Example:

    >>> weight = weight_of(0.5, 0.8)
    >>> [bool(shrink(jnp.array(v), weight, 0.8)) for v in (0.499, 0.501)]
    [False, True]
  """
  if power == 1:
    return 1 / threshold
  jump = threshold * 2 * (1 - power) / (2 - power)
  return 2 * (1 - power) / jump ** (2 - power)


def penalty(maps: jax.Array, power: float) -> jax.Array:
  """Returns `sum |z|^power` for each image's maps, `[N, H, W, K]` to `[N]`."""
  size = jnp.abs(maps)
  return (size if power == 1 else size**power).sum((1, 2, 3))


def check_weight(weight: jax.Array | float) -> None:
  """Raises `ValueError` unless `weight` is above 0 and finite.

  Inside a compiled function the value is unknown and not checked; a wrong
  weight then gives maps of zeros.
  """
  if not isinstance(weight, jax.core.Tracer) and not (
    np.all(np.asarray(weight) > 0) and np.all(np.isfinite(weight))
  ):
    raise ValueError(
      'The weight of the error, lambda, must be above 0 and finite; got '
      f'{weight}.'
    )


def check_power(power: float) -> None:
  """Raises `ValueError` unless `power` is in (0, 1]."""
  if not 0 < power <= 1:
    raise ValueError(
      f'The power of the sparsity term must be in (0, 1]; got {power}. 1 is '
      'convex; the paper uses 0.8.'
    )
