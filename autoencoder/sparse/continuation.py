"""Infers sparse maps for p below 1, by the continuation method of the paper."""

import jax
import jax.numpy as jnp

from autoencoder.sparse import fista
from autoencoder.sparse import operator
from autoencoder.sparse import shrinkage

# The last threshold, as a share of the largest coefficient. Lower ones take
# longer and do not lower the objective.
_LAST = 0.02
# Conjugate gradient steps at each threshold; each stage continues the last one.
_STEPS = 2


def infer(
  image: jax.Array,
  filters: jax.Array,
  weight: jax.Array | float,
  power: float,
  *,
  stages: int = 12,
) -> jax.Array:
  """Returns maps near a minimum of `fista.objective` for a power below 1.

  Half-quadratic splitting: copies x of the maps z carry the sparsity, and the
  term `beta / 2 * ||z - x||^2` couples the two. The method alternates between
  `x = shrink(z)` and the solution z of the linear equations `(weight * D^T D +
  beta) z = weight * D^T y + beta * x` by conjugate gradients, where D is
  `synthesise`. The threshold of `shrink` falls from the largest coefficient of
  an image as beta grows, so strong features are decided first.

  NOTE: At the last beta, x and z still differ, and x is not exactly at a
  minimum. `fista.infer` with the same power, started from x, finds it. Started
  from zeros, it finds an equally good one
  (benchmarks/deconvolutional_inference.py).

  Args:
    image: `[N, H, W, C]`.
    filters: `[h, w, C, K]`.
    weight: lambda of the paper, above 0.
    power: p of the paper, in (0, 1).
    stages: number of values of beta.

  Returns:
    `[N, H + h - 1, W + w - 1, K]`, with exact zeros and without a gradient.

  Raises:
    ValueError: the weight is out of range.

  References:
    Zeiler, Krishnan, Taylor, Fergus, "Deconvolutional networks", CVPR 2010,
    on inference; Geman and Yang, "Nonlinear image recovery with
    half-quadratic regularization", IEEE TIP 1995.
  """
  shrinkage.check_weight(weight)
  image, filters = jax.lax.stop_gradient((image, filters))
  correlation = operator.correlate(image, filters)
  start = correlation / operator.squared_norm(filters, image.shape[1:3])
  # For an image of zeros any beta works, if it is finite.
  largest = jnp.maximum(
    jnp.abs(start).max((1, 2, 3), keepdims=True), jnp.finfo(image.dtype).eps
  )

  def solve(right, z, beta):
    def multiply(z):
      image = operator.synthesise(z[None], filters)
      return weight * operator.correlate(image, filters)[0] + beta * z

    return jax.scipy.sparse.linalg.cg(
      multiply, right, z, maxiter=_STEPS, tol=0.0
    )[0]

  def stage(z, share):
    beta = shrinkage.weight_of(share * largest, power)
    x = shrinkage.shrink(z, beta, power)
    # Conjugate gradients take inner products, so each image is solved alone.
    z = jax.vmap(solve)(weight * correlation + beta * x, z, beta)
    return z, None

  shares = jnp.geomspace(1.0, _LAST, stages)
  z, _ = jax.lax.scan(stage, start, shares)
  beta = shrinkage.weight_of(_LAST * largest, power)
  return shrinkage.shrink(z, beta, power)


def infer_and_refine(
  image: jax.Array,
  filters: jax.Array,
  weight: jax.Array | float,
  power: float,
  *,
  iterations: int,
) -> jax.Array:
  """Returns maps at a local minimum, found by continuation, refined by FISTA.

  Args:
    image: `[N, H, W, C]`.
    filters: `[h, w, C, K]`.
    weight: lambda of the paper, above 0.
    power: p of the paper, in (0, 1]. For 1 there is one minimum, and FISTA
      alone finds it.
    iterations: of FISTA. The continuation has a third as many stages.

  Returns:
    `[N, H + h - 1, W + w - 1, K]`, without a gradient.

  Raises:
    ValueError: the weight or the power is out of range.
  """
  shrinkage.check_power(power)
  start = None
  if power < 1:
    stages = max(2, iterations // 3)
    start = infer(image, filters, weight, power, stages=stages)
  return fista.infer(
    image, filters, weight, power, start=start, iterations=iterations
  ).maps
