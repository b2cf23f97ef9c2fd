"""Sparse maps of an image for p below 1, by the continuation of the paper."""

import jax
import jax.numpy as jnp

from autoencoder.sparse import fista
from autoencoder.sparse import operator
from autoencoder.sparse import shrinkage

# Thresholds go down to this share of the largest coefficient. Lower ones take
# longer and end no lower.
_LAST = 0.02
# Of conjugate gradients at each threshold, each starting from the last.
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

  Half-quadratic splitting: copies x of the maps z carry the sparsity, and
  `beta / 2 * ||z - x||^2` holds the two together. In turn x is `shrink(z)`, and
  z is the solution of the linear equations
  `(weight * D^T D + beta) z = weight * D^T y + beta * x`, D being `synthesise`,
  by conjugate gradients. With beta the threshold below which x is 0 falls, from
  the largest coefficient of an image on, so that strong features are decided
  first.

  NOTE: At the last beta the two still differ, and x is not quite at a minimum:
  `fista.infer` with the same power, started here, is what finds it. From zeros
  it finds as good a one (benchmarks/deconvolutional_inference.py).

  Args:
    image: `[N, H, W, C]`.
    filters: `[h, w, C, K]`.
    weight: lambda of the paper, above 0.
    power: p of the paper, in (0, 1).
    stages: values of beta.

  Returns:
    `[N, H + h - 1, W + w - 1, K]`, with exact zeros and without a gradient.

  References:
    Zeiler, Krishnan, Taylor, Fergus, "Deconvolutional networks", CVPR 2010,
    on inference; Geman and Yang, "Nonlinear image recovery with
    half-quadratic regularization", IEEE TIP 1995.
  """
  shrinkage.check_weight(weight)
  image, filters = jax.lax.stop_gradient((image, filters))
  correlation = operator.correlate(image, filters)
  start = correlation / operator.squared_norm(filters, image.shape[1:3])
  # An image of zeros has no largest coefficient, and any beta will do.
  largest = jnp.maximum(
    jnp.abs(start).max((1, 2, 3), keepdims=True), jnp.finfo(image.dtype).eps
  )

  def solve(right, z, beta):
    def multiply(z):
      painted = operator.synthesise(z[None], filters)
      return weight * operator.correlate(painted, filters)[0] + beta * z

    return jax.scipy.sparse.linalg.cg(
      multiply, right, z, maxiter=_STEPS, tol=0.0
    )[0]

  def stage(z, share):
    beta = shrinkage.weight_of(share * largest, power)
    x = shrinkage.shrink(z, beta, power)
    # Image by image: conjugate gradients take inner products.
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
  """Returns a minimum's maps: the continuation, then FISTA from there.

  Args:
    image: `[N, H, W, C]`.
    filters: `[h, w, C, K]`.
    weight: lambda of the paper, above 0.
    power: p of the paper, in (0, 1].
    iterations: of FISTA; a third as many stages come before. A power of 1 has
      one minimum, and needs no continuation.

  Returns:
    `[N, H + h - 1, W + w - 1, K]`, without a gradient.

  Raises:
    ValueError: a weight or a power that is out of range.
  """
  shrinkage.check_power(power)
  start = None
  if power < 1:
    stages = max(2, iterations // 3)
    start = infer(image, filters, weight, power, stages=stages)
  return fista.infer(
    image, filters, weight, power, start=start, iterations=iterations
  ).maps
