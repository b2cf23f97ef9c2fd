"""Muon: orthogonalised momentum, with few products of tall matrices."""

import math

import jax
import jax.numpy as jnp
import optax

# Coefficients (a, b, c) of the polynomial a s + b s^3 + c s^5 that each step
# applies to the singular values s. After a few steps they are between 0.7 and
# 1.2, which is close enough to 1 (Jordan, 2024).
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_STEPS = 5


def muon(
  learning_rate: optax.ScalarOrSchedule,
  *,
  weight_decay: float = 0.0,
  momentum: float = 0.95,
) -> optax.GradientTransformation:
  """Returns Muon for parameters that are all matrices `[..., C_in, C_out]`.

  The updates equal those of `optax.contrib.muon`, except for the bias
  correction of the momentum in the first steps. A kernel is reshaped to a
  matrix that is much taller than wide. optax multiplies that matrix ten times
  per step, this implementation twice.

  Args:
    learning_rate: a number, or a schedule.
    weight_decay: decoupled weight decay, multiplied by the learning rate.
    momentum: decay of the sum of gradients, with Nesterov's look-ahead.

  References:
    Jordan et al., "Muon: an optimizer for hidden layers in neural networks",
    2024.

  Example:

    >>> optimizer = muon(1e-2)
    >>> state = optimizer.init({'kernel': jnp.ones((3, 3, 8, 16))})
  """
  return optax.chain(
    optax.trace(momentum, nesterov=True),
    optax.stateless_with_tree_map(lambda update, _: _move(update)),
    optax.add_decayed_weights(weight_decay),
    optax.scale_by_learning_rate(learning_rate),
  )


def _move(momentum: jax.Array) -> jax.Array:
  """Returns the orthogonalised kernel, scaled for its number of outputs."""
  matrix = momentum.reshape(-1, momentum.shape[-1])
  inputs, outputs = matrix.shape
  scale = math.sqrt(max(1.0, outputs / inputs))
  return scale * orthogonalize(matrix).reshape(momentum.shape)


def orthogonalize(matrix: jax.Array) -> jax.Array:
  """Returns about the nearest matrix with orthonormal columns (or rows).

  With the singular value decomposition X = U S V^T, the result is U f(S) V^T,
  where f(S) is between 0.7 and 1.2, by Newton-Schulz iteration. Each step
  multiplies X by a polynomial in X^T X. These polynomials commute, so the steps
  are done on the small square matrix, and X is multiplied once by their
  product.

  NOTE: A singular value below 0.002 of the Frobenius norm ends below 0.7; one
  of 0.001 ends at 0.45.

  Args:
    matrix: `[m, n]` float32.

  Returns:
    `[m, n]` float32; zeros for zeros.

  References:
    Amsel et al., "The Polar Express", arXiv:2505.16932, appendix F.

  Example:

    >>> orthogonalize(jnp.diag(jnp.array([2.0, 1.0]))).shape
    (2, 2)
  """
  if matrix.shape[0] < matrix.shape[1]:
    return orthogonalize(matrix.T).T
  # Squared singular values need more precision than the default on a GPU.
  with jax.default_matmul_precision('highest'):
    x = matrix / (jnp.linalg.norm(matrix) + 1e-8)
    a, b, c = _COEFFICIENTS
    gram = x.T @ x
    product = identity = jnp.eye(matrix.shape[1], dtype=x.dtype)
    for step in range(_STEPS):
      polynomial = a * identity + b * gram + c * (gram @ gram)
      product = product @ polynomial if step else polynomial
      if step < _STEPS - 1:
        gram = polynomial @ gram @ polynomial
    return x @ product
