"""Infers sparse maps of an image by FISTA."""

from typing import Any
from typing import NamedTuple

import jax
import jax.numpy as jnp

from autoencoder.sparse import operator
from autoencoder.sparse import shrinkage


class Inferred(NamedTuple):
  """The maps of a batch of images, and how they were found.

  Attributes:
    maps: `[N, H + h - 1, W + w - 1, K]`, mostly exact zeros.
    objective: `[iterations + 1, N]`, starting with that of `start`. Images that
      have converged keep their last value.
    iterations: int32 scalar, number of iterations until all images converged.
  """

  maps: jax.Array
  objective: jax.Array
  iterations: jax.Array


def objective(
  residual: jax.Array,
  maps: jax.Array,
  weight: jax.Array | float,
  power: float = 1.0,
) -> jax.Array:
  """Returns `weight / 2 * ||residual||^2 + sum |maps|^power`, `[N]`.

  Args:
    residual: `[N, H, W, C]`, the image minus its reconstruction from the maps.
    maps: `[N, h, w, K]`.
    weight: lambda of the paper, above 0; larger values fit the image closer.
    power: p of the paper, in (0, 1].
  """
  error = jnp.square(residual).sum((1, 2, 3))
  return weight / 2 * error + shrinkage.penalty(maps, power)


def infer(
  image: jax.Array,
  filters: jax.Array,
  weight: jax.Array | float,
  power: float = 1.0,
  *,
  start: jax.Array | None = None,
  iterations: int = 100,
  tolerance: float = 1e-3,
) -> Inferred:
  """Minimises `weight / 2 * ||y - sum_k z_k * f_k||^2 + sum |z|^power` over z.

  This is the monotone variant, MFISTA: it rejects an extrapolated step that
  would raise an image's objective, so the objective never rises.
  Reconstructions are linear and updated along with the maps, so an iteration
  needs one synthesis and one correlation. There is no line search; the step is
  1 / L with L from `operator.squared_norm`.

  Images do not influence each other. An image has converged when a step changes
  its maps by less than `tolerance` of their norm. If an image has NaN or
  infinity, all its maps are NaN, because compiled code cannot raise.

  Args:
    image: `[N, H, W, C]`.
    filters: `[h, w, C, K]`.
    weight: lambda of the paper, above 0.
    power: p of the paper, in (0, 1]. Below 1 there are many minima; `start`
      decides which one is found.
    start: maps to start from; None is all zeros.
    iterations: upper bound.
    tolerance: 0 always makes all iterations.

  Returns:
    `Inferred`, without a gradient. At the minimum, the derivative of the
    objective in the filters is that with the maps held fixed.

  Raises:
    ValueError: the weight or the power is out of range.

  References:
    Beck and Teboulle, "A fast iterative shrinkage-thresholding algorithm for
    linear inverse problems", SIAM J. Imaging Sci. 2009; MFISTA: "Fast
    gradient-based algorithms for constrained total variation image denoising
    and deblurring problems", IEEE TIP 2009.

  Example:

    >>> filters = jnp.ones((1, 1, 1, 1))
    >>> image = jnp.array([3.0, -0.25]).reshape(1, 2, 1, 1)
    >>> found = infer(image, filters, 2.0)  # A threshold of 1 / 2.
    >>> [round(z, 3) for z in found.maps.ravel().tolist()]
    [2.5, 0.0]
  """
  shrinkage.check_weight(weight)
  image, filters = jax.lax.stop_gradient((image, filters))
  step = 1 / operator.squared_norm(filters, image.shape[1:3])
  count = image.shape[0]
  if start is None:
    size = operator.map_size(image.shape[1:3], filters)
    start = jnp.zeros((count, *size, filters.shape[-1]), image.dtype)
  first = start, operator.synthesise(start, filters)
  value = objective(image - first[1], start, weight, power)
  history = jnp.zeros((iterations + 1, count), value.dtype).at[0].set(value)
  # best: the maps with the lowest objective; point: where the gradient is
  # taken. Both are pairs of maps and their reconstruction.
  carry: dict[str, Any] = {
    'best': first,
    'point': first,
    'value': value,
    't': jnp.ones((), image.dtype),
    'done': ~jnp.isfinite(value),
    'history': history,
    'index': jnp.zeros((), jnp.int32),
  }

  def unfinished(carry):
    return (carry['index'] < iterations) & ~carry['done'].all()

  def iterate(carry):
    point, made = carry['point']
    moved = point + step * operator.correlate(image - made, filters)
    maps = shrinkage.shrink(moved, weight / step, power)
    proposed = maps, operator.synthesise(maps, filters)
    value = objective(image - proposed[1], maps, weight, power)
    change = jnp.square(maps - point).sum((1, 2, 3))
    size = jnp.square(maps).sum((1, 2, 3))
    better = value < carry['value']
    best = _choose(better & ~carry['done'], proposed, carry['best'])
    t = (1 + jnp.sqrt(1 + 4 * carry['t'] ** 2)) / 2
    ahead, along = carry['t'] / t, (carry['t'] - 1) / t
    point = jax.tree.map(
      lambda new, old, proposed: (
        new + ahead * (proposed - new) + along * (new - old)
      ),
      best,
      carry['best'],
      proposed,
    )
    value = jnp.where(better & ~carry['done'], value, carry['value'])
    index = carry['index'] + 1
    return {
      'best': best,
      'point': point,
      'value': value,
      't': t,
      'done': carry['done'] | (change <= tolerance**2 * size),
      'history': carry['history'].at[index].set(value),
      'index': index,
    }

  carry = jax.lax.while_loop(unfinished, iterate, carry)
  done = (jnp.arange(iterations + 1) <= carry['index'])[:, None]
  history = jnp.where(done, carry['history'], carry['value'][None])
  # Without this, the maps of a NaN image would look valid: those of the start.
  maps = _choose(jnp.isfinite(value), carry['best'][0], jnp.nan)
  return Inferred(maps, history, carry['index'])


def _choose(condition, chosen, otherwise):
  """Returns, for each of N images, one of two trees of `[N, ...]` arrays."""
  where = condition[:, None, None, None]
  return jax.tree.map(lambda a, b: jnp.where(where, a, b), chosen, otherwise)
